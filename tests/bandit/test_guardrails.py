"""Guardrails: what trips, what is done, what stays."""

import json
import math
import random

import pytest
from canaries import begin, guarded, serve

from bandit import Engine, InvalidInput, WrongState
from bandit.actor import acting
from bandit.sqlite import SQLiteStore
from bandit.trips import LATEST

ABSOLUTE = {"threshold": 0.2}


@pytest.fixture
def engine(clock):
    """An engine in memory; `each` is one of every kind."""
    with Engine(clock=clock, seed=7) as engine:
        yield engine
        assert engine.verify() == []


@pytest.fixture(params=["background", "durable"])
def each(request, tmp_path, clock):
    """An engine with each journal."""
    with Engine(tmp_path / "x.db", durable=request.param == "durable", clock=clock, seed=7) as engine:
        yield engine
        assert engine.verify() == []


def units(count, prefix="u"):
    return [f"{prefix}{number}" for number in range(count)]


def stands(engine, key="x"):
    """An experiment as it is, with what was not written yet."""
    engine._journal.flush()
    return engine.get(key)


def logged(engine, key="x"):
    """Action and actor of every line of the audit log, the oldest first."""
    with engine.reading() as reader:
        return [
            (change.action, change.actor) for _, change in reversed(reader.changes("experiment", key, 1 << 60, 100))
        ]


def alerts(engine):
    with engine.reading() as reader:
        return list(reader.rows("alerts"))


def weights(engine, key="x"):
    return {variant.key: variant.weight for variant in engine.results(key).variants}


def test_an_alert_tells_and_changes_nothing(each):
    begin(each, guarded(ABSOLUTE))
    serve(each, units(400), {"b": 0.5})
    (trip,) = stands(each).trips
    assert (trip.criterion, trip.variant, trip.action, trip.must_be) == ("errors", "b", "alert", "below")
    assert trip.interval[0] > trip.limit == 0.2
    assert trip.units >= 100
    assert trip.value == pytest.approx(0.5, abs=0.15)
    assert stands(each).status == "running"
    assert weights(each) == {"control": 0.5, "b": 0.5}
    each._journal.flush()
    (alert,) = alerts(each)
    assert alert[2:5] == ("guardrail", "x", "warning")
    assert json.loads(alert[6])["value"] == trip.value
    assert logged(each) == [("create", ""), ("start", ""), ("trip", "guardrail")]


def test_a_paused_arm_is_served_no_more_and_its_units_alone_move(engine):
    begin(engine, guarded({**ABSOLUTE, "action": "pause_arm"}, variants=("control", "b", "c")))
    before = {unit: engine.choose("x", unit).variant for unit in units(300)}
    serve(engine, units(900, "v"), {"b": 0.6})
    assert [trip.action for trip in stands(engine).trips] == ["pause_arm"]
    assert weights(engine) == {"control": 0.5, "b": 0.0, "c": 0.5}
    assert [variant.weight for variant in stands(engine).variants] == [1.0, 1.0, 1.0]
    after = {unit: engine.choose("x", unit) for unit in before}
    assert {after[unit].variant for unit in before} == {"control", "c"}
    assert all(after[unit].variant == before[unit] for unit in before if before[unit] != "b")
    assert {after[unit].reason for unit in before if before[unit] == "b"} == {"reassigned"}


def test_a_bandit_pauses_an_arm_too(engine):
    definition = guarded({"metric": "latency", "threshold": 300.0, "action": "pause_arm"}, kind="bandit")
    begin(engine, definition | {"sticky": False, "reweight": {"floor": 0.2}})
    rng = random.Random(3)
    for _ in range(1500):
        decision = engine.choose("x")
        engine.reward(decision.id, float(rng.random() < 0.1))
        engine.reward(decision.id, rng.expovariate(1 / (600.0 if decision.variant == "b" else 200.0)), "latency")
    assert [trip.variant for trip in stands(engine).trips] == ["b"]
    assert weights(engine) == {"control": 1.0, "b": 0.0}


def test_frozen_weights_stay_through_a_restart(tmp_path, clock):
    path = tmp_path / "x.db"
    definition = guarded({**ABSOLUTE, "action": "freeze_weights"}, kind="bandit", sticky=False)
    with Engine(path, durable=False, clock=clock, seed=1) as engine:
        begin(engine, definition | {"reweight": {"budget": 1.0, "floor": 0.3}})
        for step in range(600):
            decision = engine.choose("x")
            engine.reward(decision.id, float(decision.variant == "b" and step % 2))
        frozen = stands(engine)
        kept = weights(engine)
        assert frozen.trips[0].action == "freeze_weights"
    with Engine(path, durable=False, clock=clock, seed=2) as engine:
        for _ in range(800):
            engine.reward(engine.choose("x").id, 1.0)
        assert stands(engine).epoch == frozen.epoch
        assert weights(engine) == kept
        engine.update("x", {"tags": ["seen"]})
        assert weights(engine) == kept
        engine.clear_trip("x", "errors")
        engine.choose("x")
        assert weights(engine) != kept
        assert engine.verify() == []


def test_frozen_contexts_keep_their_model_through_a_restart(tmp_path, clock):
    path = tmp_path / "x.db"
    definition = guarded({**ABSOLUTE, "action": "freeze_weights"}, kind="bandit", sticky=False)
    definition |= {"features": [{"key": "hour", "lower": 0, "upper": 23}], "reweight": {"floor": 0.2}}
    with Engine(path, clock=clock, seed=1) as engine:
        begin(engine, definition)
        for step in range(500):
            decision = engine.choose("x", context={"hour": step % 24})
            engine.reward(decision.id, float(decision.variant == "b" and step % 2))
        assert stands(engine).trips
        epoch, first = stands(engine).epoch, engine._memory.experiment("x").contextual.snapshot.copy()
        for _ in range(50):
            engine.reward(engine.choose("x", context={"hour": 3}).id, 1.0)
    with Engine(path, clock=clock, seed=2) as engine:
        engine.choose("x", context={"hour": 3})
        assert stands(engine).epoch == epoch
        assert (engine._memory.experiment("x").contextual.snapshot == first).all()
        assert engine.verify() == []


def test_a_stop_ends_it_with_the_reason(engine, clock):
    begin(engine, guarded({**ABSOLUTE, "action": "stop"}))
    with pytest.raises(WrongState, match="stopped"):
        serve(engine, units(2000), {"b": 0.6})
    stopped = stands(engine)
    assert (stopped.status, stopped.ended_at) == ("stopped", clock.now)
    assert "is not below 0.2" in stopped.stop_reason


def test_a_rollback_serves_the_control_alone(each):
    begin(each, guarded({**ABSOLUTE, "action": "roll_back"}, variants=("control", "b", "c")))
    serve(each, units(900), {"b": 0.6})
    assert stands(each).status == "running"
    assert weights(each) == {"control": 1.0, "b": 0.0, "c": 0.0}
    assert {each.choose("x", unit).variant for unit in units(900)} == {"control"}


def test_missing_and_few_data_hold(engine, clock):
    begin(engine, guarded({**ABSOLUTE, "minimum_units": 100}, {"key": "slow", "metric": "latency", "threshold": 1.0}))
    found = {result.criterion: result for result in engine.guardrails("x").results}
    assert {result.outcome for result in found.values()} == {"inconclusive"}
    assert "it has 0 values, and 100 are needed" in found["errors"].reason
    decisions = [engine.choose("x", unit) for unit in units(400)]
    for decision in [one for one in decisions if one.variant == "b"][:99]:
        engine.reward(decision.id, 1.0)
    clock.now += LATEST
    engine.tick()
    assert stands(engine).trips == []
    engine.reward([one for one in decisions if one.variant == "b"][99].id, 1.0)
    assert len(stands(engine).trips) == 1


def test_what_is_known_to_keep_the_limit_passes(engine):
    begin(engine, guarded(ABSOLUTE, {"key": "near", "threshold": 0.05}))
    serve(engine, units(600), {"b": 0.05})
    found = {result.criterion: result.outcome for result in engine.guardrails("x").results}
    assert found == {"errors": "passes", "near": "inconclusive"}


def test_a_late_reward_does_not_undo_a_trip(engine, clock):
    """TensorZero un-stops when a late reward moves the mean back."""
    begin(engine, guarded({**ABSOLUTE, "action": "roll_back"}))
    decisions = [engine.choose("x", unit) for unit in units(4000)]
    treated = [one for one in decisions if one.variant == "b"]
    for decision in treated[:100]:
        engine.reward(decision.id, 1.0)
    (trip,) = stands(engine).trips
    for decision in treated[100:]:
        engine.reward(decision.id, 0.0)
    for decision in treated[:100]:
        engine.retract(decision.id)
    clock.now += LATEST
    engine.tick()
    assert stands(engine).trips == [trip]
    assert weights(engine)["control"] == 1.0


def test_a_trip_is_cleared_by_a_person_and_what_came_before_is_not_read_again(each, clock):
    begin(each, guarded({**ABSOLUTE, "action": "pause_arm"}))
    serve(each, units(400), {"b": 0.6})
    with acting("sofia"):
        cleared = each.clear_trip("x", "errors", idempotency_key="once")
        assert each.clear_trip("x", "errors", idempotency_key="once").trips == []
    assert cleared.trips == []
    assert weights(each) == {"control": 0.5, "b": 0.5}
    clock.now += LATEST
    each.tick()
    serve(each, units(400, "v"), {})
    assert stands(each).trips == []
    assert [one for one in logged(each) if one[0] == "clear_trip"] == [("clear_trip", "sofia")]
    serve(each, units(900, "w"), {"b": 0.9})
    assert len(stands(each).trips) == 1
    with pytest.raises(WrongState, match=r"'other'.*'errors'"):
        each.clear_trip("x", "other")


def test_a_restart_goes_on_where_it_was(tmp_path, clock):
    path = tmp_path / "x.db"
    for round_ in range(4):
        with Engine(path, clock=clock, seed=round_) as engine:
            if not round_:
                begin(engine, guarded(ABSOLUTE))
            serve(engine, units(50, f"{round_}-"), {"b": 1.0})
            assert bool(stands(engine).trips) == (engine.results("x").variants[1].units >= 100)
            live = engine._memory.experiment("x").guards.tallies
            with engine.reading() as reader:
                kept = {(arm, metric): sums[:3] for arm, metric, sums in reader.sums(1, 0)}
            for extent, tally in live.items():
                for arm, sums in enumerate(tally.sums):
                    assert sums == pytest.approx(kept.get((arm, extent.metric), [0.0, 0.0, 0.0]))


def test_two_engines_on_one_file_trip_once(tmp_path, clock):
    path = tmp_path / "x.db"
    with Engine(path, clock=clock, seed=1) as one, Engine(path, clock=clock, seed=2) as other:
        begin(one, guarded({**ABSOLUTE, "action": "roll_back"}))
        for unit in units(300):
            for engine in (one, other):
                decision = engine.choose("x", f"{unit}-{id(engine)}")
                engine.reward(decision.id, float(decision.variant == "b"))
                clock.now += 0.1
                engine.tick()
        assert stands(one).trips == stands(other).trips
        assert len(stands(one).trips) == len(alerts(one)) == 1
        assert [action for action, _ in logged(other)].count("roll_back") == 1
        assert weights(other)["control"] == 1.0


def test_a_window_forgets_what_is_older(engine, clock):
    begin(engine, guarded({**ABSOLUTE, "window": 3600.0, "alpha": 0.2}))
    serve(engine, units(300), {"b": 0.19})
    for hour in range(3):
        for part in range(4):
            clock.now += 900.0
            engine.tick()
            serve(engine, units(100, f"{hour}.{part}-"), {"b": 0.19}, seed=hour * 4 + part)
    engine._journal.flush()
    (result,) = engine.guardrails("x").results
    assert 120 <= result.units <= 270  # of half of 1,500, what the last three or four quarters brought
    assert stands(engine).trips == []
    serve(engine, units(400, "bad"), {"b": 0.9})
    engine._journal.flush()
    clock.now += LATEST
    engine.tick()
    assert [trip.criterion for trip in stands(engine).trips] == ["errors"]
    # The weights never moved, and the results know it.
    assert engine.results("x").method == "pooled_z"


def test_the_control_may_be_watched_but_not_paused(engine):
    begin(engine, guarded({"threshold": 0.3, "variants": ["control"], "action": "stop"}))
    with pytest.raises(WrongState):
        serve(engine, units(2000), {"control": 0.9})
    assert stands(engine).trips[0].variant == "control"


def test_the_last_arm_is_not_paused(engine):
    definition = guarded({**ABSOLUTE, "action": "pause_arm"})
    definition["variants"][0]["weight"] = 0.0
    begin(engine, definition)
    serve(engine, units(200), {"b": 0.9})
    (trip,) = stands(engine).trips
    assert (trip.wanted, trip.action) == ("pause_arm", "alert")
    assert "no other variant is served" in trip.reason


def test_a_guardrail_that_is_added_reads_from_then_on(engine):
    begin(engine, guarded())
    serve(engine, units(400), {"b": 0.6})
    changed = engine.update("x", {"guardrails": [{"metric": "errors", "threshold": 0.2}]})
    assert changed.guarded_since == {"errors": 2}
    assert engine.guardrails("x").results[0].units == 0
    serve(engine, units(150, "v"), {"b": 0.6})
    assert stands(engine).trips == []
    serve(engine, units(150, "w"), {"b": 0.6})
    assert len(stands(engine).trips) == 1


@pytest.mark.parametrize(
    ("limit", "rates", "tripped"),
    [
        ({"margin": 0.05}, {"control": 0.1, "b": 0.3}, True),
        ({"margin": 0.05}, {"control": 0.3, "b": 0.3}, False),
        ({"relative_margin": 0.5}, {"control": 0.2, "b": 0.5}, True),
        ({"relative_margin": 2.0}, {"control": 0.2, "b": 0.5}, False),
        ({"must_be": "above", "threshold": 0.3}, {"b": 0.1}, True),
        ({"must_be": "above", "threshold": 0.3}, {"b": 0.5}, False),
        ({"must_be": "above", "margin": 0.0}, {"control": 0.6, "b": 0.2}, True),
    ],
)
def test_limits(engine, limit, rates, tripped):
    begin(engine, guarded(limit))
    serve(engine, units(1500), rates)
    assert bool(stands(engine).trips) == tripped


def test_means_against_the_control(engine):
    begin(engine, guarded({"metric": "latency", "relative_margin": 0.2}))
    rng = random.Random(5)
    for unit in units(1200):
        decision = engine.choose("x", unit)
        engine.reward(decision.id, rng.gauss(300 if decision.variant == "b" else 200, 60), "latency")
    (trip,) = stands(engine).trips
    assert trip.value == pytest.approx(0.5, abs=0.1)
    assert trip.interval[0] > 0.2


def test_a_fault_in_looking_costs_no_reward(engine, monkeypatch, caplog):
    begin(engine, guarded({**ABSOLUTE, "action": "stop"}))

    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("bandit.trips.trips", broken)
    serve(engine, units(400), {"b": 0.6})
    assert engine.results("x").variants[1].units > 150
    assert any("could not be looked at" in record.message for record in caplog.records)
    assert stands(engine).trips == []


@pytest.mark.parametrize(
    ("guardrail", "said"),
    [
        ({}, r"guardrails\[0\]: threshold, margin, relative_margin: exactly one"),
        ({"threshold": 0.1, "margin": 0.1}, "exactly one"),
        ({"threshold": 1.0}, r"guardrails\[0\]\.threshold: must lie between 0 and 1 for 'errors', given 1"),
        ({"margin": 1.5}, r"guardrails\[0\]\.margin: must be within 1"),
        ({"metric": "nope", "threshold": 0.1}, "'nope' is not a metric"),
        ({"metric": "latency", "threshold": 0.1, "minimum_units": 5}, "minimum_units: must be at least 100"),
        ({"threshold": 0.1, "variants": ["z"]}, r"variants\[0\]: 'z'"),
        ({"threshold": 0.1, "variants": ["control"], "action": "pause_arm"}, "nor paused"),
        ({"margin": 0.1, "variants": ["control"]}, "not compared with itself"),
        ({"threshold": 0.1, "alpha": 0.0}, "alpha"),
        ({"threshold": 0.1, "action": "explode"}, "action"),
        ({"threshold": 0.1, "window": "0s"}, "window"),
    ],
)
def test_what_is_no_guardrail_is_refused_by_name(guardrail, said):
    with Engine() as engine, pytest.raises(InvalidInput, match=said):
        engine.create(guarded(guardrail))


def test_more_that_is_refused():
    free = guarded({"threshold": 0.1, "action": "roll_back"}, variants=("a", "b"))
    twice = guarded({"threshold": 0.1}, {"threshold": 0.2})
    contexts = guarded({"margin": 0.1}, kind="bandit", features=[{"key": "hour"}])
    loose = guarded({"metric": "latency", "relative_margin": 0.1})
    del loose["metrics"][1]["lower"]
    for definition, said in (
        (free, "needs a control"),
        (twice, "given twice"),
        (contexts, "reads contexts"),
        (loose, "cannot be negative"),
    ):
        with Engine() as engine, pytest.raises(InvalidInput, match=said):
            engine.create(definition)


def test_the_decision_path_loads_no_scipy(tmp_path):
    import subprocess
    import sys

    program = (
        "import sys\nfrom bandit import Engine\nfrom canaries import begin, guarded, serve\n"
        "with Engine(seed=1) as engine:\n"
        "    begin(engine, guarded({'threshold': 0.2}, {'key': 'm', 'margin': 0.1}))\n"
        "    serve(engine, map(str, range(600)), {'b': 0.6})\n"
        "    assert len(engine.get('x').trips) == 2\n"
        "assert not {'scipy.special', 'scipy.optimize', 'scipy.stats'} & set(sys.modules)\n"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, cwd=tmp_path)


def test_the_store_keeps_trips_that_it_reads_again(tmp_path, clock):
    path = tmp_path / "x.db"
    with Engine(path, clock=clock, seed=1) as engine:
        begin(engine, guarded({"metric": "latency", "threshold": 10.0, "action": "pause_arm"}))
        for unit in units(300):
            engine.reward(engine.choose("x", unit).id, 20.0 + hash(unit) % 3, "latency")
        before = stands(engine)
        assert before.trips
        assert math.isfinite(before.trips[0].value)
    store = SQLiteStore(path)
    assert len(list(store.reader().rows("alerts"))) == 1
    store.close()
    with Engine(path, clock=clock) as engine:
        assert stands(engine) == before


def test_with_the_switch_off_a_trip_is_told_and_nothing_is_done(each):
    each.settings.update({"enable_automated_guardrails": False})
    begin(each, guarded({**ABSOLUTE, "action": "stop"}))
    serve(each, units(400), {"b": 0.6})
    (trip,) = stands(each).trips
    assert (trip.wanted, trip.action) == ("stop", "alert")
    assert stands(each).status == "running"
    each._journal.flush()
    (alert,) = alerts(each)
    assert "stop was not done, because enable_automated_guardrails is off" in alert[5]
