"""The command line, but for what `serve` does."""

import json
import sqlite3
import subprocess
import sys
from importlib.metadata import entry_points
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from bandit import Engine
from server.command import SUMMARIES, main


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def db(tmp_path, copy):
    path = tmp_path / "test.db"
    with Engine(path, seed=2) as engine:
        engine.create(copy)
        engine.start("copy")
        for number in range(10):
            decision = engine.choose("copy", f"u{number}")
            engine.reward(decision.id, number % 2)
            engine.reward(decision.id, 3.5, "spent")
    return path


def test_help_names_every_command_in_a_line():
    answer = run("--help")
    assert answer.exit_code == 0
    for name in entry_points(group="multiarm.commands").names:
        assert f"  {name} " in answer.output
        assert SUMMARIES[name] in answer.output


def test_help_imports_no_command():
    code = (
        "import sys\nfrom server.command import main\n"
        "try: main(['--help'])\n"
        "finally: print([name for name in ('numba', 'numpy', 'flask', 'granian', 'bandit') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_version():
    assert run("--version").output.startswith("multiarm, version ")


@pytest.mark.parametrize(
    "arguments", [["nope"], ["results"], ["results", "a", "b"], ["serve", "--port", "x"], ["serve", "--no"]]
)
def test_wrong_use_is_told_without_a_traceback(arguments):
    answer = run(*arguments)
    assert answer.exit_code == 2
    assert "Error: " in answer.output


def test_results_are_a_table(db):
    answer = run("results", "copy", "--db", str(db))
    assert answer.exit_code == 0
    lines = answer.output.splitlines()
    assert lines[0].startswith("copy: running, epoch ")
    assert lines[2] == "Keep collecting"
    head = next(place for place, line in enumerate(lines) if line.startswith("variant "))
    assert lines[head].split()[:5] == ["variant", "decisions", "units", "weight", "P(best)"]
    assert {lines[head + 1].split()[0], lines[head + 2].split()[0]} == {"control", "short"}
    assert "3.5 (" in answer.output


@pytest.mark.parametrize("asked", [["--json"], ["--format", "json"]])
def test_results_are_json_when_asked(db, asked, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 2e9)  # days that have passed are a part of the answer
    answer = run("results", "copy", "--db", str(db), *asked)
    with Engine(db, clock=lambda: 2e9) as engine:
        assert json.loads(answer.output) == engine.results("copy").model_dump(mode="json")


def test_results_are_a_page_when_asked(db):
    text = run("results", "copy", "--db", str(db), "--format", "html").output
    root = ElementTree.fromstring(text.partition("<body>")[2].partition("</body>")[0].join(("<body>", "</body>")))
    assert [cell.text for cell in root.find("table/thead/tr")][:2] == ["variant", "decisions"]
    assert root.find("h1").text.startswith("copy: running")
    text = run("results", "copy", "--db", str(db), "--format", "markdown").output
    assert text.startswith("# copy: running")
    assert "| :-- | --: |" in text


def test_another_method_is_named_or_refused(db):
    answer = run("results", "copy", "--db", str(db), "--method", "pooled_z", "--json")
    assert json.loads(answer.output)["comparisons"][0]["method"] == "pooled_z"
    answer = run("results", "copy", "--db", str(db), "--method", "nope")
    assert (answer.exit_code, "must be one of" in answer.output) == (1, True)


def test_results_of_what_is_unknown(db, tmp_path):
    answer = run("results", "nope", "--db", str(db))
    assert (answer.exit_code, "'nope' is unknown" in answer.output) == (1, True)
    answer = run("results", "copy", "--db", str(tmp_path / "none.db"))
    assert (answer.exit_code, "no such file" in answer.output) == (1, True)
    assert not (tmp_path / "none.db").exists()


def test_verify_agrees(db):
    answer = run("verify", "--db", str(db))
    assert (answer.exit_code, answer.output) == (0, "ok: 1 experiments, 10 decisions, 20 events\n")
    assert json.loads(run("verify", "--db", str(db), "--json").output)["differences"] == []


def test_verify_names_what_differs(db):
    with sqlite3.connect(db) as connection:
        connection.execute("UPDATE statistics SET total = total + 1 WHERE epoch = 0 AND metric = 0")
    connection.close()
    answer = run("verify", "--db", str(db))
    assert answer.exit_code == 1
    assert answer.output.startswith("2 differences in 1 experiments, 10 decisions, 20 events\n")
    assert "copy: statistics" in answer.output


@pytest.mark.parametrize("content", [None, b"", b"nonsense " * 1000])
def test_verify_cannot_open(tmp_path, content):
    path = tmp_path / "x.db"
    if content is not None:
        path.write_bytes(content)
    answer = run("verify", "--db", str(path))
    assert answer.exit_code == 2
    assert str(path) in answer.output
    assert (path.read_bytes() if path.exists() else None) == content


def test_reading_beside_a_server_is_fine(start, copy, tmp_path):
    server = start()
    with Engine(tmp_path / "test.db") as engine:
        engine.create(copy)
        engine.start("copy")
        engine.choose("copy", "u")
        assert run("verify", "--db", str(tmp_path / "test.db")).output.startswith("ok: 1 experiments, 1 decisions")
        assert run("results", "copy", "--db", str(tmp_path / "test.db")).exit_code == 0
    assert server.stop() == 0


SOUND = {
    "key": "sound",
    "type": "ab_test",
    "variants": [{"key": "a", "is_control": True}, {"key": "b"}],
    "metrics": [{"key": "buy", "minimum_effect": 0.2}],
    "plan": {"days": 10, "traffic": 1000, "baseline": 0.1},
}


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({}, 0, "a fixed split needs 3,841 units of each variant"),
        ({"plan": {"units": 100, "baseline": 0.1}}, 0, "warning: plan.units: underpowered"),
        ({"variants": [{"key": "a", "weight": -1}, {"key": "b"}]}, 1, "error: variants[0].weight: "),
    ],
)
def test_a_definition_in_a_file_is_validated(tmp_path, changes, code, said):
    file = tmp_path / "experiment.json"
    file.write_text(json.dumps(SOUND | changes))
    answer = run("validate", str(file))
    assert answer.exit_code == code, answer.output
    assert said in answer.output
    found = json.loads(run("validate", str(file), "--json").output)
    assert bool(found["errors"]) == (code == 1)


def test_a_definition_is_held_against_a_database(db, tmp_path, monkeypatch):
    file = tmp_path / "experiment.json"
    file.write_text(json.dumps(SOUND | {"key": "copy", "targeting": {"operator": "in_cohort", "value": "vip"}}))
    assert run("validate", str(file)).output == "a fixed split needs 3,841 units of each variant\n"
    answer = run("validate", str(file), "--db", str(db))
    assert (answer.exit_code, answer.output.splitlines()[:2]) == (
        1,
        ["error: key: experiment 'copy' exists already", "error: targeting.value: cohort 'vip' is unknown"],
    )
    with Engine(db) as engine:
        engine.settings.update({"power": 0.9})
    assert "needs 5,142 units" in run("validate", str(file), "--db", str(db)).output  # by hand, 5141.3
    monkeypatch.setenv("MULTIARM_POWER", "0.9")
    assert "needs 5,142 units" in run("validate", str(file)).output
    for wrong in (tmp_path / "none.db", file):
        assert run("validate", str(file), "--db", str(wrong)).exit_code == 2
    monkeypatch.setenv("MULTIARM_POWER", "much")
    assert run("validate", str(file)).exit_code == 2


def test_a_definition_may_be_toml(tmp_path):
    file = tmp_path / "experiment.toml"
    file.write_text(
        'key = "sound"\nstart_at = 2999-01-01T00:00:00Z\nmetrics = [{key = "buy"}]\n[[variants]]\nkey = "a"\n'
        '[[variants]]\nkey = "b"\n'
    )
    answer = run("validate", str(file))
    assert answer.exit_code == 0, answer.output
    assert "warning: variants: none is the control" in answer.output


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe", b"3"])
def test_a_definition_that_cannot_be_read_is_told(tmp_path, content):
    file = tmp_path / "experiment.json"
    file.write_bytes(content)
    answer = run("validate", str(file))
    assert answer.exit_code == 2
    assert "Could not open file" in answer.output
    assert run("validate", str(tmp_path / "nope")).exit_code == 2


def test_experiments_of_a_file_are_listed(db, tmp_path):
    answer = run("list", "--db", str(db))
    assert answer.exit_code == 0
    assert answer.output.splitlines()[0].split() == ["experiment", "status", "type", "owner", "started", "name"]
    assert "copy" in answer.output
    assert "copy" not in run("list", "--db", str(db), "--status", "draft").output
    (found,) = json.loads(run("list", "--db", str(db), "--text", "COP", "--json").output)["experiments"]
    assert found["key"] == "copy"
    assert run("list", "--db", str(tmp_path / "none.db")).exit_code == 1
    assert run("list", "--db", str(db), "--owner", "x" * 300).exit_code == 2


def test_the_audit_log_of_a_file_is_shown(db):
    with Engine(db) as engine:
        engine.update("copy", {"name": "New"})
    lines = run("audit", "copy", "--db", str(db)).output.splitlines()
    assert lines[0].endswith("experiment copy  update")
    assert lines[1].strip() == "name: '' -> 'New'"
    assert lines[2].endswith("experiment copy  start, draft -> running")
    assert lines[3].endswith("experiment copy  create")
    assert [
        line["action"] for line in json.loads(run("audit", "--db", str(db), "--limit", "1", "--json").output)["changes"]
    ] == ["update"]
    assert run("audit", "--db", str(db), "--kind", "flag").output == "nothing was changed\n"
