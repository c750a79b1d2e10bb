"""The commands by which a person manages experiments and flags."""

import json

import pytest
from click.testing import CliRunner

from bandit import Engine
from server.command import main

STAFF = {"attribute": "mail", "operator": "ends_with", "value": "@example.org"}
CHECKOUT = {
    "key": "checkout",
    "type": "string",
    "variants": {"control": "Bezahlen ✓", "short": "Pay"},
    "default_variant": "control",
    "rules": [{"name": "staff", "when": STAFF, "variant": "short"}],
}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def file(tmp_path):
    """Writes a definition and gives the file's name."""

    def write(given, name="given.json"):
        (tmp_path / name).write_text(given if isinstance(given, str) else json.dumps(given), encoding="utf-8")
        return name

    return write


@pytest.fixture
def engine(_folder):
    """An engine that is open beside the commands, as a server's is."""
    with Engine("multiarm.db", seed=5) as engine:
        yield engine
        assert engine.verify() == []


def multiarm(*arguments):
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*arguments, code=1):
    """What is said of a refusal, in one line."""
    done = CliRunner().invoke(main, arguments)
    assert (done.exit_code, done.stdout) == (code, ""), done.output
    (line,) = done.stderr.splitlines()[-1:] if code == 2 else done.stderr.splitlines()
    assert line.startswith("Error: ")
    return line


def test_a_whole_life(copy, file):
    assert multiarm("experiment", "create", file(copy)) == "copy: draft\n"
    steps = [("start", "running"), ("pause", "paused"), ("resume", "running"), ("complete", "completed")]
    for verb, status in [*steps, ("archive", "archived")]:
        assert multiarm("experiment", verb, "copy") == f"copy: {status}\n"
        with Engine("multiarm.db") as engine:
            assert engine.get("copy").status == status
            if status == "running":
                assert engine.choose("copy", "ann").variant in ("control", "short")
    with Engine("multiarm.db") as engine:
        changes = engine.audit(kind="experiment").changes
    assert [(one.action, one.actor) for one in reversed(changes)] == [
        (verb, "command line") for verb in ("create", "start", "pause", "resume", "complete", "archive")
    ]


def test_an_experiment_beside_a_server(engine, copy, file):
    multiarm("experiment", "create", file(copy))
    multiarm("experiment", "start", "copy")
    decision = engine.choose("copy", "ann")
    assert engine.reward(decision.id, 1.0, "purchase") == "applied"
    assert multiarm("experiment", "stop", "copy", "--reason", "pager") == "copy: stopped\n"
    stopped = engine.get("copy")
    assert (stopped.status, stopped.stop_reason) == ("stopped", "pager")
    assert json.loads(multiarm("experiment", "show", "copy")) == stopped.model_dump(mode="json")


def test_a_copy_is_cloned_and_both_are_listed(engine, copy, file):
    multiarm("experiment", "create", file(copy))
    multiarm("experiment", "start", "copy")
    assert multiarm("experiment", "clone", "copy", "again") == "again: draft\n"
    assert engine.get("again").metrics == engine.get("copy").metrics
    head, *rows = multiarm("experiment", "list").splitlines()
    assert head.split()[:2] == ["experiment", "status"]
    assert [row.split()[:2] for row in rows] == [["copy", "running"], ["again", "draft"]]
    assert len(multiarm("experiment", "list", "--status", "draft").splitlines()) == 2


def test_an_experiment_may_be_toml(engine, file):
    text = (
        'key = "sound"\nstart_at = 2999-01-01T00:00:00Z\nmetrics = [{key = "buy"}]\n[[variants]]\nkey = "a"\n'
        '[[variants]]\nkey = "b"\n'
    )
    assert multiarm("experiment", "create", file(text, "given.toml")) == "sound: draft\n"
    assert engine.get("sound").start_at == 32_472_144_000.0


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("pause", "experiment 'copy' is draft; only running allows 'pause'"),
        ("resume", "experiment 'copy' is draft; only paused allows 'resume'"),
        ("complete", "experiment 'copy' is draft; only running or paused allows 'complete'"),
        ("stop", "experiment 'copy' is draft; only running or paused allows 'stop'"),
    ],
)
def test_a_state_that_does_not_allow_it_is_named(engine, copy, verb, said):
    engine.create(copy)
    assert refused("experiment", verb, "copy") == f"Error: {said}"
    assert engine.get("copy").status == "draft"
    assert len(engine.audit("experiment").changes) == 1


def test_an_experiment_that_exists_or_does_not(engine, copy, file):
    engine.create(copy)
    assert refused("experiment", "create", file(copy)) == "Error: experiment 'copy' exists already"
    assert refused("experiment", "clone", "copy", "copy") == "Error: experiment 'copy' exists already"
    for verb in ("start", "pause", "resume", "complete", "stop", "archive", "show"):
        assert refused("experiment", verb, "nope") == "Error: experiment 'nope' is unknown"
    assert "new" not in refused("experiment", "clone", "nope", "new")
    assert [one.key for one in engine.list()] == ["copy"]


def test_a_flag_from_file_to_removal(engine, file):
    assert multiarm("flag", "create", file(CHECKOUT | {"owner": "ann"})) == "checkout: string, on\n"
    assert engine.evaluate("checkout", "u", {"mail": "u@example.org"}).value == "Pay"
    assert engine.evaluate("checkout", "u").value == "Bezahlen ✓"
    assert json.loads(multiarm("flag", "show", "checkout")) == engine.flags.get("checkout").model_dump(mode="json")

    anew = {name: value for name, value in CHECKOUT.items() if name != "rules"} | {"enabled": False}
    assert multiarm("flag", "replace", file(anew)) == "checkout: string, off\n"
    assert engine.flags.get("checkout").model_dump(exclude_defaults=True) == anew | {"owner": "ann", "salt": "checkout"}
    assert engine.evaluate("checkout", "u", {"mail": "u@example.org"}).value == "Bezahlen ✓"
    multiarm("flag", "replace", file(anew | {"owner": "bob"}))
    assert engine.flags.get("checkout").owner == "bob"

    assert multiarm("flag", "remove", "checkout") == "checkout: removed\n"
    assert engine.flags.list() == []
    assert engine.evaluate("checkout", "u", default="x").error_code == "FLAG_NOT_FOUND"
    assert {one.actor for one in engine.audit("flag").changes} == {"command line"}


def test_flags_are_a_table(engine, file):
    multiarm("flag", "create", file(CHECKOUT | {"name": "Pay button"}))
    multiarm("flag", "create", file({"key": "beta", "type": "boolean", "variants": {"on": True}, "enabled": False}))
    head, *rows = multiarm("flag", "list").splitlines()
    assert head.split() == ["flag", "type", "state", "default", "rules", "experiment", "owner", "name"]
    assert [row.split() for row in rows] == [
        ["beta", "boolean", "off", "-", "0", "-"],
        ["checkout", "string", "on", "control", "1", "-", "Pay", "button"],
    ]


def test_a_flag_is_evaluated(engine, file):
    multiarm("flag", "create", file(CHECKOUT))
    assert multiarm("flag", "evaluate", "checkout") == '"Bezahlen ✓" (control, DEFAULT)\n'
    mail = json.dumps({"mail": "u@example.org"})
    assert multiarm("flag", "evaluate", "checkout", "--attributes", mail) == '"Pay" (short, TARGETING_MATCH)\n'
    engine.flags.update("checkout", {"default_variant": None, "enabled": False})
    assert multiarm("flag", "evaluate", "checkout") == "null (no variant, DISABLED)\n"
    assert "'nope'" in refused("flag", "evaluate", "nope")
    assert "--attributes: not JSON" in refused("flag", "evaluate", "checkout", "--attributes", "{")
    assert "--attributes: not JSON" in refused("flag", "evaluate", "checkout", "--attributes", "[" * 10_000)
    assert "attributes: must be a mapping" in refused("flag", "evaluate", "checkout", "--attributes", "3")


def test_an_evaluation_by_an_experiment_counts_for_nothing(engine, copy, file):
    engine.create(copy)
    engine.start("copy")
    multiarm("flag", "create", file(CHECKOUT | {"experiment": "copy", "rules": []}))
    said = multiarm("flag", "evaluate", "checkout", "--unit", "ann")
    assert said in ('"Bezahlen ✓" (control, SPLIT)\n', '"Pay" (short, SPLIT)\n')
    assert [variant.decisions for variant in engine.results("copy").variants] == [0, 0]
    assert engine.choose("copy", "ann").variant in said
    assert multiarm("flag", "evaluate", "checkout", "--unit", "ann") == said
    assert sum(variant.decisions for variant in engine.results("copy").variants) == 1
    assert "flag 'checkout': unit" in refused("flag", "evaluate", "checkout")


def test_a_flag_that_is_refused_stays_as_it_was(engine, file):
    multiarm("flag", "create", file(CHECKOUT))
    before = engine.flags.list()
    assert refused("flag", "create", file(CHECKOUT)) == "Error: flag 'checkout' exists already"
    assert refused("flag", "replace", file(CHECKOUT | {"key": "new"})) == "Error: flag 'new' is unknown"
    assert "'nope' is not a variant" in refused("flag", "replace", file(CHECKOUT | {"default_variant": "nope"}))
    for verb in ("remove", "show"):
        assert refused("flag", verb, "nope") == "Error: flag 'nope' is unknown"
    needing = CHECKOUT | {"key": "needing", "prerequisites": [{"flag": "checkout", "variant": "short"}]}
    engine.flags.create(needing)
    assert refused("flag", "remove", "checkout") == "Error: flag 'checkout' is a prerequisite of 'needing'"
    assert [one for one in engine.flags.list() if one.key != "needing"] == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("experiment", "create", "wrong.json"),
        ("experiment", "create", "list.json"),
        ("experiment", "create", "broken.json"),
        ("experiment", "create", "broken.toml"),
        ("experiment", "create", "deep.json"),
        ("experiment", "create", "deep.toml"),
        ("flag", "create", "half.json"),
        ("experiment", "clone", "copy", "again"),
        ("experiment", "list"),
        *(("experiment", verb, "copy") for verb in ("start", "pause", "resume", "complete", "stop", "archive", "show")),
        ("flag", "create", "wrong.json"),
        ("flag", "create", "list.json"),
        ("flag", "replace", "broken.json"),
        ("flag", "replace", "wrong.json"),
        ("flag", "remove", "checkout"),
        ("flag", "list"),
        ("flag", "show", "checkout"),
        ("flag", "evaluate", "checkout"),
    ],
)
def test_what_is_refused_leaves_no_database_behind(tmp_path, file, arguments):
    file({"key": "wrong", "variants": [], "type": "none"}, "wrong.json")
    file("[]", "list.json")
    file("{", "broken.json")
    file("{", "broken.toml")
    file("[" * 100_000, "deep.json")
    file(f"key = {'[' * 100_000}", "deep.toml")
    file(CHECKOUT | {"variants": {"control": "half a character: \ud800"}, "rules": []}, "half.json")
    before = set(tmp_path.iterdir())
    refused(*arguments)
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize("command", [("experiment", "create"), ("flag", "create"), ("flag", "replace")])
def test_a_file_that_is_not_there_is_wrong_use(tmp_path, command):
    assert "'nope.json' does not exist" in refused(*command, "nope.json", code=2)
    assert list(tmp_path.iterdir()) == []
