"""The README's commands and examples, run as written."""

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from openfeature import api

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
LOG = ROOT.parent / "shared" / "data" / "obd" / "random.csv"
BIN = Path(sys.executable).parent


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


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
    commands, clients = blocks("sh")[0], blocks("python")[0]
    answered = run(commands, tmp_path, server.url)
    assert '"status":"applied"' in answered
    assert '"p_best"' in answered
    exec(clients.replace("http://127.0.0.1:8000", server.url), {})
    assert server.stop() == 0


def test_in_a_program(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(blocks("python")[1], {})
    said = capsys.readouterr().out
    assert re.search(r"^(control \{\}|short \{'text': 'Pay'\}) 0\.5$", said, re.MULTILINE), said
    verified = run(blocks("sh")[3], tmp_path)
    assert verified.startswith("ok")
    assert "## Keep collecting" in run(blocks("sh")[4], tmp_path)
    assert "dr " in run(blocks("sh")[5], tmp_path)
    assert (tmp_path / "log.csv").read_text().startswith("timestamp,action,variant,reward,pscore,context_hour\n")


def test_contexts(capsys):
    random.seed(1)
    exec(blocks("python")[2], {})
    assert capsys.readouterr().out == "0 long\n1 short\n"


def test_policies_alone(capsys):
    exec(blocks("python")[3], {})
    assert re.search(r"\[0\.0249\d* 0\.9750\d*\]", capsys.readouterr().out)


def test_flags(capsys):
    exec(blocks("python")[4], {})
    assert capsys.readouterr().out == "Pay\nSPLIT\n1.0\n"
    api.clear_providers()


@pytest.mark.skipif(not LOG.exists(), reason="the Open Bandit log is not beside the project")
def test_replay(tmp_path):
    (tmp_path / "random.csv").symlink_to(LOG)
    assert "matched" in run(blocks("sh")[1], tmp_path)


def test_simulate(tmp_path):
    assert re.search(r"^thompson_beta +\d", run(blocks("sh")[2], tmp_path), re.MULTILINE)


def test_every_block_is_tested():
    assert (len(blocks("sh")), len(blocks("python"))) == (6, 5)


def test_the_commands_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make (\w+)", README):
        assert target == "nothing" or re.search(rf"^{target}:", makefile, re.MULTILINE), target
    assert "make test" in (ROOT / ".ci" / "run").read_text()
