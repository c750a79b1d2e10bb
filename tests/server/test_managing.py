"""The commands by which a person manages experiments and flags."""

import base64
import json
from pathlib import Path

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


@pytest.mark.parametrize("verb", ["disable", "enable"])
def test_a_flag_is_switched(engine, file, verb):
    multiarm("flag", "create", file(CHECKOUT | {"enabled": verb == "disable"}))
    assert multiarm("flag", verb, "checkout") == f"checkout: string, {'off' if verb == 'disable' else 'on'}\n"
    assert engine.evaluate("checkout", "u").reason == ("DISABLED" if verb == "disable" else "DEFAULT")
    assert refused("flag", verb, "nope") == "Error: flag 'nope' is unknown"


def test_fields_of_a_flag_are_changed(engine, file):
    multiarm("flag", "create", file(CHECKOUT))
    assert multiarm("flag", "update", "checkout", file({"default_variant": "short"})) == "checkout: string, on\n"
    assert engine.evaluate("checkout", "u").value == "Pay"
    assert len(engine.flags.get("checkout").rules) == 1
    assert "'nope' is not a variant" in refused("flag", "update", "checkout", file({"default_variant": "nope"}))
    assert "cannot be changed" in refused("flag", "update", "checkout", file({"key": "other"}))


def test_fields_of_an_experiment_are_changed(engine, copy, file):
    multiarm("experiment", "create", file(copy))
    said = multiarm("experiment", "update", "copy", file({"type": "ab_test"}))
    assert said == "copy: draft; weights control 1, short 1\n"
    engine.start("copy")
    assert multiarm("experiment", "update", "copy", file('name = "New"', "given.toml")).startswith("copy: running; ")
    found = engine.get("copy")
    assert (found.name, found.type, [one.key for one in found.variants]) == ("New", "ab_test", ["control", "short"])
    frozen = {"salt": "x", "sticky": False, "metrics": [copy["metrics"][0], copy["metrics"][1] | {"upper": 9}]}
    assert refused("experiment", "update", "copy", file(frozen)).endswith(" metrics[1].upper, salt, sticky")
    assert refused("experiment", "update", "nope", file({})) == "Error: experiment 'nope' is unknown"
    assert "Missing argument 'FILE'" in refused("experiment", "update", "copy", code=2)
    assert engine.get("copy") == found


def test_weights_are_set(engine, copy):
    engine.create(copy | {"type": "ab_test"})
    engine.start("copy")
    assert multiarm("experiment", "rebalance", "copy", "short=3") == "copy: running; weights control 1, short 3\n"
    assert [variant.weight for variant in engine.results("copy").variants] == [0.25, 0.75]
    assert multiarm("experiment", "rebalance", "copy") == "copy: running; weights control 1, short 1\n"
    for wrong, said in (("short", "'short' is not a variant and its weight"), ("short=x", "'short=x' is not")):
        assert said in refused("experiment", "rebalance", "copy", wrong, code=2)
    assert "'short' is given twice" in refused("experiment", "rebalance", "copy", "short=1", "short=1", code=2)
    assert refused("experiment", "rebalance", "copy", "nope=1") == (
        "Error: weights.nope: not a variant of 'copy': control, short"
    )
    assert "weights.short: " in refused("experiment", "rebalance", "copy", "short=-1")
    assert "weights.short: " in refused("experiment", "rebalance", "copy", "short=nan")
    assert [variant.weight for variant in engine.results("copy").variants] == [0.5, 0.5]


def test_traffic_is_shown(engine, copy):
    engine.create(copy | {"type": "ab_test"})
    engine.start("copy")
    for number in range(20):
        engine.choose("copy", f"u{number}")
    head, *rows = (line.split() for line in multiarm("experiment", "traffic", "copy").splitlines())
    assert head[:4] == ["variant", "decisions", "units", "expected"]
    assert [row[:1] + row[3:] for row in rows] == [["control", "10.0", "0.5000"], ["short", "10.0", "0.5000"]]
    assert sum(int(row[2]) for row in rows) == 20
    assert json.loads(multiarm("experiment", "traffic", "copy", "--json")) == engine.traffic("copy").model_dump(
        mode="json"
    )


OUTAGE = {"key": "outage", "metric": "purchase", "must_be": "below", "threshold": 0.5, "minimum_units": 10}


def test_what_has_tripped_is_shown_and_cleared(engine, copy):
    engine.create(copy | {"type": "ab_test", "guardrails": [OUTAGE | {"action": "pause_arm"}]})
    engine.start("copy")
    shown = multiarm("experiment", "guardrails", "copy").splitlines()
    assert [line.split()[:4] for line in shown] == [
        ["guardrail", "metric", "of", "says"],
        ["outage", "purchase", "short", "inconclusive"],
    ]
    assert "has not tripped" in refused("experiment", "clear-trip", "copy", "outage")
    for number in range(100):
        decision = engine.choose("copy", f"u{number}")
        engine.reward(decision.id, float(decision.variant == "short"), "purchase")
    last = multiarm("experiment", "guardrails", "copy").splitlines()[-1]
    assert last.endswith("; done: pause_arm")
    assert engine.guardrails("copy").trips[0].reason in last
    found = json.loads(multiarm("experiment", "guardrails", "copy", "--json"))
    assert found["trips"] == engine.guardrails("copy").model_dump(mode="json")["trips"]
    said = multiarm("experiment", "update", "copy", file_of({"name": "New"}))
    assert said == "copy: running; weights control 1, short 0; tripped: outage of short\n"
    assert "those that have: 'outage'" in refused("experiment", "clear-trip", "copy", "nope")
    said = multiarm("experiment", "clear-trip", "copy", "outage")
    assert said == "copy: running; weights control 1, short 1\n"
    assert engine.get("copy").trips == []


def file_of(given):
    Path("changes.json").write_text(json.dumps(given))
    return "changes.json"


def test_an_experiment_without_guardrails(engine, copy):
    engine.create(copy)
    assert multiarm("experiment", "guardrails", "copy") == "it has no guardrails\n"


def test_a_winner_is_applied(engine, copy):
    soon = {"minimum_days": 0, "minimum_units": 10}
    engine.create(copy | {"type": "ab_test", "analysis": soon, "stopping": {"p_best": 0.95}})
    engine.start("copy")
    assert refused("experiment", "apply-winner", "copy") == "Error: experiment 'copy' has no winner yet"
    for number in range(100):
        decision = engine.choose("copy", f"u{number}")
        engine.reward(decision.id, float(decision.variant == "short"), "purchase")
    engine.tick()
    assert multiarm("experiment", "apply-winner", "copy") == "copy: running; weights control 0, short 1\n"
    assert engine.choose("copy", "new").variant == "short"
    assert "serves its winner 'short' already" in refused("experiment", "apply-winner", "copy")


def test_what_is_odd_is_shown(engine, copy):
    engine.create(copy | {"type": "ab_test", "analysis": {"minimum_days": 0, "minimum_units": 1}})
    engine.start("copy")
    for number in range(100):
        decision = engine.choose("copy", f"u{number}", defer=True)
        if decision.variant == "control":
            engine.activate(decision.id)
    finding, advice = multiarm("experiment", "quality", "copy").splitlines()[:2]
    assert finding.startswith("critical: Units are not split as the weights say: control has ")
    assert advice.startswith("    Do not use the results.")
    found = json.loads(multiarm("experiment", "quality", "copy", "--json"))
    assert found["findings"][0]["kind"] == "sample_ratio"
    engine.clone("copy", "again")
    engine.start("again")
    for number in range(10):
        engine.reward(engine.choose("again", f"u{number}").id, number % 2, "purchase")
    assert multiarm("experiment", "quality", "again") == "nothing is odd\n"


def test_a_cohort_from_file_to_removal(engine, copy, file):
    assert multiarm("cohort", "create", file({"key": "staff", "units": ["ann", "bob"]})) == "staff: 2 by name\n"
    said = multiarm("cohort", "update", "staff", file({"condition": STAFF, "name": "Us"}))
    assert said == "staff: 2 by name, and by a condition\n"
    head, row = multiarm("cohort", "list").splitlines()
    assert head.split() == ["cohort", "units", "condition", "owner", "name"]
    assert row.split() == ["staff", "2", "yes", "Us"]
    assert json.loads(multiarm("cohort", "show", "staff")) == engine.cohorts.get("staff").model_dump(mode="json")
    engine.create(copy | {"targeting": {"operator": "in_cohort", "value": "staff"}})
    assert "experiment 'copy'" in refused("cohort", "remove", "staff")
    engine.update("copy", {"targeting": None})
    assert multiarm("cohort", "replace", file({"key": "staff", "units": ["cas"]})) == "staff: 1 by name\n"
    assert multiarm("cohort", "remove", "staff") == "staff: removed\n"
    assert engine.cohorts.list() == []


def test_a_channel_and_its_alerts(engine, copy, file):
    secret = f"whsec_{base64.b64encode(bytes(32)).decode()}"
    hook = {"key": "hook", "type": "webhook", "url": "https://example.org/x", "secret": secret}
    assert multiarm("channel", "create", file(hook)) == "hook: webhook, on\n"
    multiarm("channel", "create", file({"key": "ops", "type": "log", "kinds": ["guardrail", "anomaly"]}))
    head, *rows = multiarm("channel", "list").splitlines()
    assert head.split() == ["channel", "type", "state", "kinds", "goes", "to", "owner"]
    assert [row.split() for row in rows] == [
        ["hook", "webhook", "on", "all", "https://example.org/x"],
        ["ops", "log", "on", "guardrail,", "anomaly", "-"],
    ]
    shown = multiarm("channel", "show", "hook")
    assert json.loads(shown)["url"] == "https://example.org/x"
    assert secret not in shown
    assert engine.channels.get("hook").secret == secret
    assert multiarm("channel", "update", "hook", file({"enabled": False})) == "hook: webhook, off\n"
    assert multiarm("alerts") == "there are no alerts\n"
    engine.create(copy | {"type": "ab_test", "guardrails": [OUTAGE]})
    engine.start("copy")
    for number in range(100):
        decision = engine.choose("copy", f"u{number}")
        engine.reward(decision.id, float(decision.variant == "short"), "purchase")
    told, way = multiarm("alerts").splitlines()
    assert "  warning  guardrail copy: guardrail 'outage', purchase of 'short': " in told
    assert way.startswith("    ops: due ")
    engine.deliver()
    assert multiarm("alerts", "--kind", "guardrail").splitlines()[1].startswith("    ops: delivered ")
    (found,) = json.loads(multiarm("alerts", "--json", "--subject", "copy", "--severity", "warning"))["alerts"]
    assert found["message"] in told
    assert multiarm("alerts", "--kind", "anomaly") == "there are no alerts\n"
    assert "--limit" in refused("alerts", "--limit", "0", code=2)
    assert multiarm("channel", "remove", "hook") == "hook: removed\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("experiment", "update", "copy", "wrong.json"),
        ("experiment", "rebalance", "copy"),
        *(("experiment", verb, "copy") for verb in ("apply-winner", "traffic", "guardrails", "quality")),
        ("experiment", "clear-trip", "copy", "outage"),
        ("alerts",),
        *((kind, verb, "wrong.json") for kind in ("cohort", "channel") for verb in ("create", "replace")),
        *((kind, "update", "x", "wrong.json") for kind in ("flag", "cohort", "channel")),
        *((kind, verb, "x") for kind in ("cohort", "channel") for verb in ("remove", "show")),
        ("cohort", "list"),
        ("channel", "list"),
        ("flag", "enable", "x"),
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


@pytest.mark.parametrize(
    "command",
    [
        ("experiment", "create"),
        ("experiment", "update", "copy"),
        ("flag", "create"),
        ("flag", "replace"),
        ("cohort", "update", "x"),
        ("channel", "create"),
    ],
)
def test_a_file_that_is_not_there_is_wrong_use(tmp_path, command):
    assert "'nope.json' does not exist" in refused(*command, "nope.json", code=2)
    assert list(tmp_path.iterdir()) == []
