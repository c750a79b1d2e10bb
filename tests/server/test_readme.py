"""The README's commands and examples, run as written."""

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from openfeature import api

from server.command import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
LOG = ROOT.parent / "shared" / "data" / "obd" / "random.csv"
BIN = Path(sys.executable).parent


BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
TESTED = set()


def block(language: str, words: str) -> str:
    """The block of the README with these words, which no other has."""
    ((place, text),) = [
        (place, text) for place, (kind, text) in enumerate(BLOCKS) if kind == language and words in text
    ]
    TESTED.add(place)
    return text


def run(script: str, folder: Path, url: str = "") -> str:
    """Runs a shell script in a folder, against a server that may listen elsewhere; ends at the first failure."""
    script = script.replace("http://127.0.0.1:8000", url) if url else script
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace("curl ", "curl -fsS ")],
        cwd=folder,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_http_and_its_client(start, tmp_path):
    server = start("test.db")
    commands, clients = block("sh", "curl http"), block("python", "import Client")
    answered = run(commands, tmp_path, server.url)
    assert '"status":"applied"' in answered
    assert '"p_best"' in answered
    exec(clients.replace("http://127.0.0.1:8000", server.url), {})
    assert server.stop() == 0


def test_in_a_program(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(block("python", "print(variant.key"), {})
    said = capsys.readouterr().out
    assert re.search(r"^(control \{\}|short \{'text': 'Pay'\}) 0\.5$", said, re.MULTILINE), said
    verified = run(block("sh", "multiarm verify --db decisions.db"), tmp_path)
    assert verified.startswith("ok")
    assert "## Keep collecting" in run(block("sh", "multiarm results"), tmp_path)
    assert "dr " in run(block("sh", "multiarm counterfactual"), tmp_path)
    assert (tmp_path / "log.csv").read_text().startswith("timestamp,action,variant,reward,pscore,context_hour\n")
    copied = run(block("sh", "multiarm backup"), tmp_path)
    assert copied.startswith("ok")
    assert (tmp_path / "backup.db").stat().st_size > 0


def test_contexts(capsys):
    random.seed(1)
    exec(block("python", "LinThompson"), {})
    assert capsys.readouterr().out == "0 long\n1 short\n"


def test_policies_alone(capsys):
    exec(block("python", "import numpy"), {})
    assert re.search(r"\[0\.0249\d* 0\.9750\d*\]", capsys.readouterr().out)


def test_rollouts(capsys):
    exec(block("python", "canary"), {})
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "rolled_back 0.0 critical"
    assert "'outage'" in said[1]


def test_flags(capsys):
    exec(block("python", "openfeature"), {})
    assert capsys.readouterr().out == "Pay\nSPLIT\n1.0\n"
    api.clear_providers()


def test_experiments_and_flags_by_hand(tmp_path, copy):
    from_us = {"attribute": "mail", "operator": "ends_with", "value": "@example.org"}
    checkout = {
        "key": "checkout",
        "type": "string",
        "variants": {"control": "Pay now", "short": "Pay"},
        "rules": [{"name": "staff", "when": from_us, "variant": "short"}],
        "experiment": "copy",
    }
    staff, ops = {"key": "staff", "units": ["ann"]}, {"key": "ops", "type": "log"}
    for definition in (copy, checkout, staff, ops):
        (tmp_path / f"{definition['key']}.json").write_text(json.dumps(definition))
    commands = block("sh", "multiarm experiment create")
    said = run(commands, tmp_path).splitlines()
    weights = "copy: running; weights control 1, short 3"
    assert said[:4] == ["copy: draft", "copy: running", weights, "checkout: string, on"]
    assert f"# {said[4]}\n" in commands
    assert said[5:] == ["staff: 1 by name", "ops: log, on", "there are no alerts"]
    groups = set(re.findall(r"multiarm ([\w-]+) create", commands))
    assert groups == {"experiment", "flag", "cohort", "channel"}
    for group in groups:
        lines = re.findall(rf"multiarm {group} ([\w-]+)[^#\n]*(?:# (?:then|and) (.*))?", commands)
        told = {verb for first, verbs in lines for verb in (first, *re.split("[,;] ", verbs)) if verb}
        assert told == set(main.get_command(None, group).commands), group


@pytest.mark.skipif(not LOG.exists(), reason="the Open Bandit log is not beside the project")
def test_replay(tmp_path):
    (tmp_path / "random.csv").symlink_to(LOG)
    assert "matched" in run(block("sh", "multiarm replay"), tmp_path)


def test_simulate(tmp_path):
    assert re.search(r"^thompson_beta +\d", run(block("sh", "multiarm simulate"), tmp_path), re.MULTILINE)


def test_access_and_configuration(tmp_path):
    keys = block("sh", "multiarm keys").replace("revoke ID", 'revoke "$(multiarm keys list --json | cut -d\'"\' -f4)"')
    said = run(keys, tmp_path)
    assert said.startswith("multiarm_")
    assert said.endswith("of ann is revoked.\n")
    said = run(block("sh", "multiarm config"), tmp_path)
    assert "enable_experiments = false (stored)\nenable_experiments = true (default)\n" in said
    assert (tmp_path / "settings.toml").read_text() == ""


def test_every_block_is_tested():
    source = Path(__file__).read_text()
    used = re.findall(r'block\("(\w+)", "([^"]+)"\)', source)
    for language, words in used:
        block(language, words)
    assert set(range(len(BLOCKS))) == TESTED


def test_the_commands_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make (\w+)", README):
        assert target == "nothing" or re.search(rf"^{target}:", makefile, re.MULTILINE), target
    assert "make test" in (ROOT / ".ci" / "run").read_text()
