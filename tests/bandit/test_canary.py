"""Canaries: a step at a time, with data, and back at once."""

import json
import threading

import pytest
from canaries import begin, canary, guarded, serve

from bandit import Engine, InvalidInput, WrongState
from bandit.actor import acting


@pytest.fixture
def engine(clock):
    with Engine(clock=clock, seed=7) as engine:
        yield engine
        assert engine.verify() == []


def tick(engine, clock, seconds=0.0):
    clock.now += seconds
    while engine.tick():
        pass


def stands(engine):
    return engine.rollout("x").status, engine.rollout("x").share


def actions(engine):
    return [(event.action, event.share) for event in engine.rollout("x").history]


def units(name, count=400):
    return [f"{name}-{number}" for number in range(count)]


def test_all_the_way_and_units_only_move_forward(engine, clock):
    begin(engine, canary())
    crowd = units("all", 600)
    seen = dict.fromkeys(crowd, "control")
    shares = []
    for _ in range(4):
        for unit, decision in zip(crowd, serve(engine, crowd, {}), strict=True):
            assert (seen[unit], decision.variant) != ("candidate", "control")
            seen[unit] = decision.variant
        shares.append(sum(variant == "candidate" for variant in seen.values()) / len(seen))
        tick(engine, clock, 61.0)
    assert shares == pytest.approx([0.1, 0.5, 1.0, 1.0], abs=0.05)
    assert actions(engine) == [("start", 0.1), ("advance", 0.5), ("advance", 1.0), ("promote", 1.0)]
    assert stands(engine) == ("promoted", 1.0)
    with engine.reading() as reader:
        alerts = [(alert[2], alert[4]) for alert in reader.rows("alerts")]
        changes = [change.action for _, change in reader.changes("experiment", "x", 1 << 60, 100)]
    assert alerts == [("rollout", "info")] * 3
    assert changes == ["promote", "advance", "advance", "start", "create"]
    results = engine.results("x")
    assert not [finding for finding in results.quality if finding.severity == "critical"]
    assert not [finding for finding in engine.quality("x").findings if finding.kind == "crossed_units"]
    assert results.verdict.decision == "keep_collecting"


def test_without_data_it_does_not_advance(engine, clock):
    """Flagger advances when no data arrive."""
    begin(engine, canary())
    for _ in range(20):
        tick(engine, clock, 3600.0)
    assert stands(engine) == ("progressing", 0.1)
    report = engine.rollout("x")
    assert report.health == "unknown"
    assert any("0 values, and 20 are needed" in said for said in report.recommendations)
    for unit in units("silent", 2000):
        engine.choose("x", unit)
    tick(engine, clock, 3600.0)
    assert stands(engine) == ("progressing", 0.1)


def test_data_of_the_step_before_do_not_count(engine, clock):
    begin(engine, canary())
    serve(engine, units("a"), {})
    tick(engine, clock, 61.0)
    assert stands(engine) == ("progressing", 0.5)
    for _ in range(5):
        tick(engine, clock, 61.0)
    assert stands(engine) == ("progressing", 0.5)


def test_before_the_dwell_is_over_nothing_moves(engine, clock):
    begin(engine, canary())
    serve(engine, units("a"), {})
    tick(engine, clock, 59.0)
    assert stands(engine) == ("progressing", 0.1)
    assert engine.rollout("x").remaining == 1.0
    assert engine.rollout("x").health == "healthy"


def test_a_manual_gate_waits_and_is_rolled_back_while_it_waits(engine, clock):
    """Argo and Flagger do not look while they wait at a gate."""
    begin(engine, canary(promotion="manual"))
    serve(engine, units("a"), {})
    for _ in range(3):
        tick(engine, clock, 61.0)
    assert actions(engine) == [("start", 0.1), ("wait", 0.1)]
    assert "promote" in engine.rollout("x").recommendations[-1]
    serve(engine, units("b", 1500), {"candidate": 1.0})
    assert stands(engine) == ("rolled_back", 0.0)  # with the rewards, before any tick
    report = engine.rollout("x")
    assert report.health == "critical"
    assert report.history[-1].by == "rollout"
    assert report.history[-1].results[0].outcome == "trips"
    assert {decision.variant for decision in serve(engine, units("a"), {})} == {"control"}
    with pytest.raises(WrongState, match="rolled_back"):
        engine.promote("x")


def test_people_promote_hold_proceed_and_roll_back(engine, clock):
    begin(engine, canary())
    with acting("sofia"):
        assert engine.promote("x", "we are sure", idempotency_key="k").rollout_state.step == 1
        assert engine.promote("x", "we are sure", idempotency_key="k").rollout_state.step == 1
        engine.hold("x", "lunch")
    serve(engine, units("a"), {})
    tick(engine, clock, 61.0)
    assert stands(engine) == ("held", 0.5)
    with pytest.raises(WrongState, match="nothing to hold"):
        engine.hold("x")
    engine.proceed("x")
    tick(engine, clock)
    assert stands(engine) == ("progressing", 1.0)
    with acting("ben"):
        engine.roll_back("x", "pager")
    last = engine.rollout("x").history[-1]
    assert (last.action, last.by, last.reason) == ("roll_back", "ben", "pager")
    assert "pager" in engine.rollout("x").recommendations[0]
    assert engine.choose("x", "u").variant == "control"
    for refused in (engine.roll_back, engine.hold, engine.proceed, engine.promote):
        with pytest.raises(WrongState):
            refused("x")


def test_a_guardrail_rolls_a_canary_back_for_good(engine, clock):
    begin(engine, canary(criteria=({"threshold": 0.9},), guardrails=({"threshold": 0.3, "action": "roll_back"},)))
    serve(engine, units("a", 3000), {"candidate": 0.6})
    assert stands(engine) == ("rolled_back", 0.0)
    assert engine.rollout("x").history[-1].by == "guardrail"
    engine.clear_trip("x", "errors")
    tick(engine, clock, 3600.0)
    assert stands(engine) == ("rolled_back", 0.0)


def test_the_control_is_compared_with_at_the_last_step_too(engine, clock):
    begin(engine, canary(criteria=({"margin": 0.2},), steps=(50, 100)))
    serve(engine, units("a", 1000), {})
    tick(engine, clock, 61.0)
    assert stands(engine) == ("progressing", 1.0)
    tick(engine, clock, 61.0)
    assert stands(engine) == ("promoted", 1.0)


def test_clocks_that_jump(engine, clock):
    begin(engine, canary())
    serve(engine, units("a"), {})
    tick(engine, clock, 10 * 365 * 86400.0)  # ahead: one step, not all
    assert stands(engine) == ("progressing", 0.5)
    serve(engine, units("b"), {})
    clock.now -= 10 * 365 * 86400.0  # and back: nothing is undone, and it waits no more than a dwell
    tick(engine, clock)
    assert stands(engine) == ("progressing", 0.5)
    tick(engine, clock, 59.0)
    assert stands(engine) == ("progressing", 0.5)
    tick(engine, clock, 2.0)
    assert stands(engine) == ("progressing", 1.0)
    assert [share for _, share in actions(engine)] == [0.1, 0.5, 1.0]


def test_a_restart_with_the_clock_set_back_in_the_middle(tmp_path, clock):
    """The step that was under way is neither lost nor repeated, and lasts at most its dwell again."""
    path, year = tmp_path / "x.db", 365 * 86400.0
    with Engine(path, clock=clock, seed=7) as engine:
        begin(engine, canary())
        serve(engine, units("a"), {})
        tick(engine, clock, 61.0)
        serve(engine, units("b"), {})
        tick(engine, clock, 30.0)
        assert stands(engine) == ("progressing", 0.5)
    clock.now -= year
    with Engine(path, clock=clock, seed=8) as engine:
        tick(engine, clock)
        assert stands(engine) == ("progressing", 0.5)
        assert engine.rollout("x").remaining == 60.0
        tick(engine, clock, 59.0)
        assert stands(engine) == ("progressing", 0.5)
        tick(engine, clock, 2.0)
        assert actions(engine) == [("start", 0.1), ("advance", 0.5), ("advance", 1.0)]
        assert engine.verify() == []


def test_a_paused_experiment_waits(engine, clock):
    begin(engine, canary())
    serve(engine, units("a"), {})
    engine.pause("x")
    tick(engine, clock, 3600.0)
    assert stands(engine) == ("progressing", 0.1)
    assert any("until it is resumed" in said for said in engine.rollout("x").recommendations)
    engine.resume("x")
    tick(engine, clock)
    assert stands(engine) == ("progressing", 0.5)


def test_two_engines_on_one_file_advance_once(tmp_path, clock):
    path = tmp_path / "x.db"
    with Engine(path, clock=clock, seed=1) as one, Engine(path, clock=clock, seed=2) as other:
        begin(one, canary(steps=(20, 40, 60, 80, 100)))
        for step in range(5):
            serve(one, units(f"{step}", 120), {})
            clock.now += 61.0
            threads = [threading.Thread(target=engine.tick) for engine in (one, other, one, other)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert one.rollout("x").step == other.rollout("x").step == min(step + 1, 4)
        assert [share for _, share in actions(one)] == [0.2, 0.4, 0.6, 0.8, 1.0, 1.0]
        with one.reading() as reader:
            told = [json.loads(alert[6])["action"] for alert in reader.rows("alerts")]
        assert told == ["advance"] * 4 + ["promote"]
        assert one.verify() == []


def test_defaults_are_those_that_are_configured():
    with Engine() as engine:
        begin(engine, canary() | {"rollout": {"criteria": [{"metric": "errors", "threshold": 0.5}]}})
        report = engine.rollout("x")
        assert report.steps == [1.0, 5.0, 25.0, 50.0, 100.0]
        assert report.dwell == 3600.0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rollout": {}}, "criteria: at least one is needed"),
        ({"rollout": {"steps": [50.0, 10.0, 100.0], "promotion": "manual"}}, "greater than the one before"),
        ({"rollout": {"steps": [50.0], "promotion": "manual"}}, "the last must be 100"),
        ({"rollout": {"steps": [100.0], "criteria": [{"metric": "errors", "margin": 0.1}]}}, "a step below 100"),
        ({"type": "ab_test"}, "a canary has one, and no other type"),
        ({"policy": {"name": "thompson_beta"}}, "fixed split"),
        ({"variants": [{"key": "a", "is_control": True}, {"key": "b"}, {"key": "c"}]}, "one candidate"),
        ({"variants": [{"key": "a", "is_control": True}, {"key": "b", "weight": 2.0}]}, "weights of a canary"),
        ({"guardrails": [{"metric": "errors", "threshold": 0.1, "action": "pause_arm"}]}, "a canary has roll_back"),
        ({"stopping": {"units": 5}}, "a canary ends by its rollout"),
    ],
)
def test_what_is_no_canary_is_refused_by_name(changed, said):
    with Engine() as engine, pytest.raises(InvalidInput, match=said):
        engine.create(canary() | changed)


def test_what_is_no_canary_has_no_rollout(engine):
    begin(engine, guarded())
    for refused in (engine.rollout, engine.promote, engine.roll_back):
        with pytest.raises(WrongState, match="'ab_test'"):
            refused("x")
