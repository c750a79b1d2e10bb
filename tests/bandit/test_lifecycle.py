import threading

import pytest
from experiments import define, started

from bandit import Engine, InvalidInput, Metric, NotFound, WrongState
from bandit.lifecycle import TRANSITIONS

STATUSES = {
    "draft": [],
    "running": ["start"],
    "paused": ["start", "pause"],
    "completed": ["start", "complete"],
    "stopped": ["start", "stop"],
    "archived": ["start", "stop", "archive"],
}


@pytest.mark.parametrize("action", TRANSITIONS)
@pytest.mark.parametrize("status", STATUSES)
def test_every_transition(engine, status, action):
    engine.create(define())
    for step in STATUSES[status]:
        getattr(engine, step)("copy")
    assert engine.get("copy").status == status
    allowed, after = TRANSITIONS[action]
    if status in allowed:
        assert getattr(engine, action)("copy").status == after
        assert engine.get("copy").status == after
    else:
        with pytest.raises(WrongState, match=f"'copy' is {status}; only .* allows '{action}'"):
            getattr(engine, action)("copy")
        assert engine.get("copy").status == status


def test_times_and_reasons(engine, clock):
    engine.create(define())
    clock.now += 10
    engine.start("copy")
    clock.now += 10
    stopped = engine.stop("copy", "harmful")
    assert (stopped.started_at - stopped.created_at, stopped.ended_at - stopped.started_at) == (10, 10)
    assert stopped.stop_reason == "harmful"
    assert engine.get("copy") == stopped


def test_keys_are_unique(engine):
    engine.create(define())
    with pytest.raises(WrongState, match="'copy' exists already"):
        engine.create(define())


def test_unknown_experiments(engine):
    for call in (engine.get, engine.start, engine.results, lambda key: engine.update(key, {"name": "n"})):
        with pytest.raises(NotFound, match="'nothing' is unknown"):
            call("nothing")


def test_listing_is_in_order(engine):
    for key in ("b", "a", "c"):
        engine.create(define(key))
    assert [experiment.key for experiment in engine.list()] == ["b", "a", "c"]


def test_repeating_with_a_key_is_harmless(engine):
    first = engine.create(define(), idempotency_key="k1")
    assert engine.create(define(), idempotency_key="k1") == first
    engine.start("copy", idempotency_key="k2")
    assert engine.start("copy", idempotency_key="k2").status == "running"
    with pytest.raises(WrongState, match="'k2' was used before, to start"):
        engine.pause("copy", idempotency_key="k2")
    with pytest.raises(WrongState, match="'k1' was used before, to create"):
        engine.create(define("another"), idempotency_key="k1")


def test_a_clone_is_a_fresh_draft(engine):
    started(engine, hypothesis="shorter sells")
    engine.choose("copy")
    clone = engine.clone("copy", "copy-2")
    assert (clone.status, clone.epoch, clone.hypothesis, clone.salt) == ("draft", 0, "shorter sells", "copy-2")
    engine.start("copy-2")
    assert engine.results("copy-2").variants[0].decisions == 0
    with pytest.raises(InvalidInput, match="key"):
        engine.clone("copy", "not a key")


def test_a_draft_may_change_in_all_but_its_key(engine):
    engine.create(define())
    changed = engine.update("copy", {"variants": [{"key": "x"}, {"key": "y"}, {"key": "z"}], "tags": ["t"]})
    assert [variant.key for variant in changed.variants] == ["x", "y", "z"]
    with pytest.raises(InvalidInput, match="cannot be changed: created_at, key"):
        engine.update("copy", {"key": "new", "created_at": 0})
    engine.start("copy")
    assert engine.choose("copy").variant in "xyz"


def test_a_running_experiment_may_change_how_it_draws_but_not_what_was_counted(engine):
    started(engine, sticky=False, reweight={"every": "1h"})
    for variant in ("control", "short"):
        for _ in range(20):
            engine.reward(engine.choose("copy", eligible=[variant]).id, float(variant == "short"))
    assert engine.get("copy").epoch == 1
    changed = engine.update("copy", {"policy": {"name": "ucb1"}, "name": "Copy"})
    assert changed.epoch == 2
    weights = {variant.key: variant.weight for variant in engine.results("copy").variants}
    assert weights["short"] == pytest.approx(0.99)
    for field, value in {
        "metrics": [{"key": "other"}],
        "sticky": True,
        "salt": "x",
        "variants": [{"key": "control"}, {"key": "long"}],
        "policy": {"name": "ucb1", "half_life": "1d"},
    }.items():
        with pytest.raises(WrongState, match=field) as caught:
            engine.update("copy", {field: value})
        assert caught.value.errors[0].field.startswith(field)
    with pytest.raises(InvalidInput, match=r"variants\[0\].weight"):
        engine.update("copy", {"variants": [{"key": "control", "weight": -1}, {"key": "short"}]})
    assert engine.get("copy") == changed


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        (  # no experiment: its trial is the unit
            {"salt": "z", "sticky": False, "metrics": [{"key": "buy", "type": "count", "window": "1d"}]},
            ["metrics[0].type", "metrics[0].window", "salt", "sticky"],
        ),
        ({"sticky": False, "metrics": [{"key": "buy"}, {"key": "more"}]}, ["metrics", "sticky"]),
        ({"sticky": False, "metrics": [{"key": "buy", "minimum_effect": 0.1}], "name": "New"}, ["sticky"]),
        ({"sticky": False, "salt": "", "trial": None}, ["sticky", "trial"]),
        ({"sticky": 5, "salt": "z", "metrics": [{"key": "buy", "lower": 0.0}]}, ["metrics[0].lower", "salt", "sticky"]),
        ({"variants": [{"key": "control"}, {"key": "new"}], "trial": "x"}, ["trial", "variants", "variants[1].key"]),
        ({"salt": "z", "metrics": [{"key": "buy", "lower": "x"}]}, ["salt"]),
        ({"salt": "z", "policy": None, "plan": {"days": -1}}, ["salt"]),
        ({"salt": "copy", "sticky": True, "metrics": [{"key": "buy", "minimum_effect": -1.0}]}, None),
        ({"reweight": {"floor": 0.9}, "metrics": [{"key": "buy", "primary": True}]}, None),
    ],
)
def test_all_that_may_not_change_is_named_at_once(engine, changes, fields):
    before = started(engine, metrics=[Metric(key="buy")])
    with pytest.raises(InvalidInput if fields is None else WrongState) as caught:
        engine.update("copy", changes)
    if fields is not None:
        assert [error.field for error in caught.value.errors] == fields
    assert engine.get("copy") == before


def test_changes_are_logged(engine, clock):
    started(engine)
    engine.stop("copy", "harmful")
    with engine.reading() as reader:
        logged = [change for _, change in reversed(reader.changes("experiment", "copy", 1 << 62, 10))]
    assert [(change.action, change.before, change.after, change.detail) for change in logged] == [
        ("create", "", "draft", ""),
        ("start", "draft", "running", ""),
        ("stop", "running", "stopped", "harmful"),
    ]


def test_arms_come_and_go_while_an_experiment_runs(engine):
    started(engine, sticky=False, reweight={"every": "1h"})
    for variant in ("control", "short"):
        for _ in range(20):
            engine.reward(engine.choose("copy", eligible=[variant]).id, float(variant == "short"))
    definition = [{"key": "control", "weight": 0}, {"key": "short"}, {"key": "long"}]
    assert engine.update("copy", {"variants": definition}).epoch == 2
    shown = {engine.choose("copy").variant for _ in range(100)}
    assert shown == {"short", "long"}
    for _ in range(20):
        engine.reward(engine.choose("copy", eligible=["long"]).id, 0)
    control, short, long = engine.results("copy").variants
    assert (control.weight, control.metrics["purchase"].count) == (0.0, 20)
    assert long.metrics["purchase"].count == 20
    assert short.p_best > 0.9
    assert engine.update("copy", {"reweight": {"every": "2h"}}).epoch == 3
    assert engine.results("copy").variants[1].weight > 0.9
    with pytest.raises(WrongState, match="variants"):
        engine.update("copy", {"variants": definition[1:]})


def test_units_keep_their_variant_over_a_restart_and_a_pause(tmp_path):
    with Engine(tmp_path / "a.db", seed=1) as engine:
        started(engine)
        before = {f"u{n}": engine.choose("copy", f"u{n}").variant for n in range(30)}
    with Engine(tmp_path / "a.db", seed=2) as engine:
        engine.pause("copy")
        engine.resume("copy")
        engine.update("copy", {"name": "another"})
        assert {unit: engine.choose("copy", unit).variant for unit in before} == before


def test_experiments_created_at_once_are_all_kept(engine):
    def create(key):
        engine.create(define(key))
        engine.start(key)

    threads = [threading.Thread(target=create, args=(f"e{n}",)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(experiment.key for experiment in engine.list()) == sorted(f"e{n}" for n in range(16))
    for n in range(16):
        engine.choose(f"e{n}")
        assert sum(variant.decisions for variant in engine.results(f"e{n}").variants) == 1


def test_a_drafts_defaults_follow_its_changes(engine):
    engine.create(define())
    assert engine.update("copy", {"type": "ab_test"}).policy.name == "fixed"
    assert engine.update("copy", {"type": "bandit", "metrics": [{"key": "m", "type": "continuous"}]}).policy.name == (
        "thompson_normal"
    )
    assert engine.update("copy", {"sticky": False}).trial == "decision"


@pytest.mark.parametrize("reason", ["r" * 10_001, 5, "\ud800"])
def test_wrong_reasons(engine, reason):
    started(engine)
    with pytest.raises(InvalidInput):
        engine.stop("copy", reason)
    assert engine.get("copy").status == "running"
