"""Experiments that end by themselves."""

import json

import pytest
from canaries import begin, guarded, serve

from bandit import Engine, InvalidInput, WrongState
from bandit.statistics.selection import METHODS
from bandit.stopping import SEQUENTIAL

SOON = {"analysis": {"minimum_days": 0.0, "minimum_units": 100, "sequential": True}}


@pytest.fixture
def engine(clock):
    with Engine(clock=clock, seed=7) as engine:
        yield engine
        assert engine.verify() == []


def tick(engine, clock, seconds=61.0):
    clock.now += seconds
    engine.tick()


def run(engine, clock, stopping, rates, count=1500, **more):
    begin(engine, guarded(stopping=stopping, **(SOON | more)))
    serve(engine, map(str, range(count)), rates)
    tick(engine, clock)
    return engine.get("x")


def test_a_winner_is_proposed_and_applied_by_a_person(engine, clock):
    found = run(engine, clock, {"significance": True}, {"control": 0.5, "b": 0.2})
    assert (found.conclusion.rule, found.conclusion.winner, found.status) == ("significance", "b", "running")
    assert [variant.weight for variant in found.variants] == [1.0, 1.0]
    for _ in range(3):
        tick(engine, clock)
    with engine.reading() as reader:
        (alert,) = reader.rows("alerts")
    assert (alert[2], json.loads(alert[6])["winner"]) == ("conclusion", "b")
    applied = engine.apply_winner("x", idempotency_key="k")
    assert applied.conclusion.applied_at == clock.now
    assert engine.apply_winner("x", idempotency_key="k") == applied
    assert {decision.variant for decision in serve(engine, map(str, range(50)), {})} == {"b"}
    with pytest.raises(WrongState, match="already"):
        engine.apply_winner("x")


def test_a_winner_is_applied_by_itself(engine, clock):
    found = run(engine, clock, {"significance": True, "then": "apply"}, {"control": 0.2, "b": 0.6})
    assert (found.conclusion.winner, found.conclusion.applied_at) == ("control", clock.now)
    assert [variant.weight for variant in engine.results("x").variants] == [1.0, 0.0]


def test_an_experiment_completes(engine, clock):
    found = run(
        engine,
        clock,
        {"units": 1500, "then": "complete"},
        {"control": 0.5, "b": 0.2},
        analysis={"minimum_days": 0.0, "minimum_units": 100},
    )
    assert (found.status, found.conclusion.rule, found.conclusion.winner) == ("completed", "units", "b")


def test_nothing_is_concluded_from_little(engine, clock):
    found = run(
        engine, clock, {"significance": True, "p_best": 0.9, "expected_loss": 0.1, "units": 100}, {"b": 1.0}, 60
    )
    assert found.conclusion is None
    assert run_again(engine, clock).conclusion is None


def run_again(engine, clock):
    tick(engine, clock, 4000.0)
    return engine.get("x")


def test_no_winner_where_there_is_no_difference(engine, clock):
    found = run(engine, clock, {"duration": "1h", "then": "apply"}, {"control": 0.3, "b": 0.3})
    assert found.conclusion is None
    tick(engine, clock, 3600.0)
    found = engine.get("x")
    assert (found.conclusion.rule, found.conclusion.winner, found.status) == ("duration", None, "running")
    with pytest.raises(WrongState, match="no winner"):
        engine.apply_winner("x")


@pytest.mark.parametrize("rule", [{"p_best": 0.95}, {"expected_loss": 0.01}])
def test_beliefs(engine, clock, rule):
    found = run(engine, clock, rule, {"control": 0.5, "b": 0.2})
    assert (found.conclusion.rule, found.conclusion.winner) == (next(iter(rule)), "b")


@pytest.mark.parametrize("rule", [{"p_best": 0.95}, {"expected_loss": 0.01}])
def test_a_variant_that_is_left_alone_has_not_won(engine, clock, rule):
    begin(engine, guarded({"metric": "latency", "threshold": 10.0, "action": "pause_arm"}, stopping=rule, **SOON))
    decisions = serve(engine, map(str, range(1500)), {"control": 0.5, "b": 0.2})
    for number, decision in enumerate(decisions):
        engine.reward(decision.id, 20.0 + number % 3, "latency")
    assert [variant.weight for variant in engine.results("x").variants] == [1.0, 0.0]
    tick(engine, clock)
    assert engine.get("x").conclusion is None
    engine.clear_trip("x", engine.get("x").trips[0].criterion)
    tick(engine, clock, 4000.0)
    assert engine.get("x").conclusion.winner == "b"


def test_without_statistics_it_ends_without_a_winner(engine, clock):
    engine.settings.update({"enable_statistical_analysis": False})
    found = run(
        engine, clock, {"significance": True, "p_best": 0.95, "expected_loss": 0.01}, {"control": 0.5, "b": 0.2}
    )
    assert found.conclusion is None
    engine.update("x", {"stopping": {"p_best": 0.95, "units": 1000, "then": "complete"}})
    tick(engine, clock, 4000.0)
    found = engine.get("x")
    assert (found.status, found.conclusion.rule, found.conclusion.winner) == ("completed", "units", None)
    assert "switched off" in found.stop_reason


def test_new_rules_judge_anew(engine, clock):
    run(engine, clock, {"units": 100}, {"control": 0.3, "b": 0.3})
    assert engine.get("x").conclusion is not None
    assert engine.update("x", {"stopping": {"units": 5000}}).conclusion is None
    tick(engine, clock, 4000.0)
    assert engine.get("x").conclusion is None


def test_a_winner_that_a_guardrail_has_paused_is_not_applied(engine, clock):
    definition = guarded(
        {"metric": "latency", "threshold": 10.0, "action": "pause_arm"}, stopping={"p_best": 0.95}, **SOON
    )
    begin(engine, definition)
    decisions = serve(engine, map(str, range(1500)), {"control": 0.5, "b": 0.2})
    tick(engine, clock)
    assert engine.get("x").conclusion.winner == "b"
    for number, decision in enumerate(decisions):
        engine.reward(decision.id, 20.0 + number % 3, "latency")
    with pytest.raises(WrongState, match="clear the guardrail"):
        engine.apply_winner("x")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"stopping": {}}, "at least one must be given"),
        ({"stopping": {"significance": True}, "analysis": {}}, "analysis.sequential"),
        ({"analysis": {"sequential": True, "method": "pooled_z"}}, "holds for one look"),
        ({"analysis": {"sequential": True, "method": "confidence_sequence"}, "type": "bandit"}, "weights follow"),
        ({"features": [{"key": "hour"}], "type": "bandit", "sticky": False}, "reads contexts"),
        ({"stopping": {"p_best": 0.4}}, "p_best"),
    ],
)
def test_what_is_not_valid_together_is_refused(changed, said):
    with Engine() as engine, pytest.raises(InvalidInput, match=said):
        engine.create(guarded(stopping={"significance": True}, **SOON) | changed)


def test_the_sequential_methods_are_those_of_the_statistics():
    assert {name: method.moved for name, method in METHODS.items() if method.sequential} == SEQUENTIAL
