"""The commands by which a person steers a rollout, and erases a unit."""

import json

import pytest
from canaries import begin, canary, serve
from click.testing import CliRunner

from bandit import Engine
from server.command import main


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def multiarm(*arguments, fails=False):
    done = CliRunner().invoke(main, arguments)
    assert (done.exit_code != 0) == fails, done.output
    return done.stderr.strip().splitlines()[-1] if fails else done.stdout


@pytest.fixture
def engine(_folder):
    """An engine that is open beside the commands, as a server's is."""
    with Engine("multiarm.db", seed=7) as engine:
        begin(engine, canary())
        yield engine
        assert engine.verify() == []


def test_a_rollout_is_moved_by_hand(engine):
    assert multiarm("rollout", "promote", "x", "--reason", "sure") == (
        "x: progressing, step 2 of 3, the candidate serves 50%\n"
    )
    assert multiarm("rollout", "hold", "x").startswith("x: held, step 2 of 3")
    assert multiarm("rollout", "proceed", "x").startswith("x: progressing, step 2 of 3")
    assert multiarm("rollout", "roll-back", "x", "--reason", "pager").startswith(
        "x: rolled_back, step 2 of 3, the candidate serves 0%"
    )
    history = engine.rollout("x").history
    assert [(event.action, event.by, event.reason) for event in history[1:]] == [
        ("promote", "command line", "sure"),
        ("hold", "command line", ""),
        ("proceed", "command line", ""),
        ("roll_back", "command line", "pager"),
    ]
    assert {engine.choose("x", f"u{number}").variant for number in range(50)} == {"control"}
    assert "Error: experiment 'x'" in multiarm("rollout", "promote", "x", fails=True)
    assert len(engine.rollout("x").history) == len(history)


def test_where_a_rollout_is(engine):
    serve(engine, [f"u{number}" for number in range(300)], {})
    engine.hold("x", "lunch")
    said = multiarm("rollout", "status", "x")
    place, criteria, advice, history = said.strip().split("\n\n")
    assert place.startswith("x: held, step 1 of 3, the candidate serves 10%, health healthy, ")
    assert [line.split()[:4] for line in criteria.splitlines()] == [
        ["criterion", "metric", "of", "says"],
        ["errors", "errors", "candidate", "passes"],
    ]
    assert advice == "It was held: proceed, promote or roll_back."
    assert [line.split("Z  ")[1] for line in history.splitlines()] == ["start, 10%", "hold, 10%: lunch"]
    found = json.loads(multiarm("rollout", "status", "x", "--json"))
    assert found["criteria"] == engine.rollout("x").model_dump(mode="json")["criteria"]


def test_what_is_no_rollout_is_told_in_a_line(engine, tmp_path):
    engine.create({"key": "plain", "variants": [{"key": "a"}, {"key": "b"}], "metrics": [{"key": "m"}]})
    for verb in ("status", "promote", "hold", "proceed", "roll-back"):
        assert "Error: experiment 'plain'" in multiarm("rollout", verb, "plain", fails=True)
        assert "experiment 'none' is unknown" in multiarm("rollout", verb, "none", fails=True)
        multiarm("rollout", verb, "x", "--db", "none.db", fails=True)
    assert not (tmp_path / "none.db").exists()


def test_a_unit_is_erased(engine):
    for unit in ("ann", "bob"):
        engine.reward(engine.choose("x", unit).id, 1)
    assert multiarm("erase", "ann") == "erased from 1 decisions of x\n"
    assert multiarm("erase", "bob", "--kind", "session") == "erased from 0 decisions\n"
    with engine.reading() as reader:
        assert [row[2] for row in reader.rows("decisions")] == [None, "bob"]
    assert engine.audit("unit").changes[-1].actor == "command line"
    assert "unit: String should have at least 1 character" in multiarm("erase", "", fails=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("config", "set", "alpha", "7"),
        ("config", "set", "alfa", "0.1"),
        ("config", "set", "alpha", "a = b"),
        ("config", "import", "wrong.toml"),
        ("keys", "create", "--scope", "read", "--owner", "ann", "--expires", "soon"),
        ("serve", "--host", "0.0.0.0"),
        ("rollout", "hold", "x"),
        ("erase", "ann"),
    ],
)
def test_what_is_refused_leaves_no_database_behind(tmp_path, arguments):
    (tmp_path / "wrong.toml").write_text("alpha = 7\n")
    multiarm(*arguments, fails=True)
    assert [file.name for file in tmp_path.iterdir()] == ["wrong.toml"]


def test_a_setting_that_the_environment_has_leaves_no_database_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("MULTIARM_ALPHA", "0.1")
    assert "is set by MULTIARM_ALPHA" in multiarm("config", "set", "alpha", "0.2", fails=True)
    assert list(tmp_path.iterdir()) == []
