"""Shadow experiments: the control is served, and the others decide beside it."""

import pytest
from experiments import define, started, sums

from bandit import Engine, InvalidInput, WrongState

THREE = ("control", "short", "long")


def shadow(engine, **rest):
    return started(engine, type="shadow", variants=THREE, **rest)


def test_the_control_is_served_and_every_other_variant_decides_beside_it(engine):
    shadow(engine)
    decision = engine.choose("copy", "ann", attributes={"country": "NL"})
    assert decision[2:7] == ("control", {}, 1.0, 1, "control")
    assert [(each.variant, each.propensity, each.reason) for each in decision.shadow] == [
        ("short", 1.0, "shadow"),
        ("long", 1.0, "shadow"),
    ]
    assert len({decision.id, *(each.id for each in decision.shadow)}) == 3
    assert all(each.shadow == () for each in decision.shadow)


def test_the_outcomes_of_each_are_recorded_and_compared(engine, clock):
    shadow(engine, analysis={"minimum_days": 1, "minimum_units": 100, "minimum_effect": 0.01})
    for n in range(300):
        decision = engine.choose("copy", f"u{n}")
        engine.reward(decision.id, float(n % 4 == 0))
        for each, every in zip(decision.shadow, (2, 8), strict=True):
            engine.reward(each.id, float(n % every == 0))
    clock.now += 2 * 86_400.0
    assert sums(engine) == {"control": (300.0, 75.0), "short": (300.0, 150.0), "long": (300.0, 38.0)}
    results = engine.results("copy")
    assert [(variant.units, variant.weight) for variant in results.variants] == [(300, 1.0), (300, 0.0), (300, 0.0)]
    assert results.quality == []
    # Nobody is in two variants, and no split is off. That the units came two days ago is true.
    assert {finding.kind for finding in engine.quality("copy").findings} == {"stale_estimate"}
    assert (results.verdict.decision, results.verdict.variant) == ("ship", "short")
    assert all("of different units" in each.warnings[-1] for each in results.comparisons)
    assert {each.variant: each.significant for each in results.comparisons} == {"short": True, "long": True}


def test_a_unit_is_one_trial_of_every_variant(engine):
    shadow(engine)
    first, again = engine.choose("copy", "ann"), engine.choose("copy", "ann")
    assert [each.variant for each in again.shadow] == ["short", "long"]
    for decision in (first, again):
        engine.reward(decision.shadow[0].id, 1.0)
    assert [(each.decisions, each.units) for each in engine.results("copy").variants] == [(2, 1)] * 3
    assert sums(engine) == {"short": (1.0, 1.0)}


def test_decisions_may_be_the_trials(engine):
    shadow(engine, sticky=False)
    for _ in range(3):
        engine.choose("copy")
    assert [(each.decisions, each.units) for each in engine.results("copy").variants] == [(3, 3)] * 3


def test_a_repeat_gets_the_same_decisions(engine):
    shadow(engine)
    first = engine.choose("copy", "ann", idempotency_key="once")
    engine.choose("copy", "bob")
    assert engine.choose("copy", "ann", idempotency_key="once") == first
    assert [each.decisions for each in engine.results("copy").variants] == [2, 2, 2]


def test_activating_the_control_makes_all_of_them_count(engine):
    shadow(engine)
    decision = engine.choose("copy", "ann", defer=True)
    other = engine.choose("copy", "bob", defer=True)
    engine.reward(decision.shadow[1].id, 1.0)
    assert [each.units for each in engine.results("copy").variants] == [0, 0, 0]
    engine.activate(other.shadow[0].id)
    assert [each.units for each in engine.results("copy").variants] == [0, 1, 0]
    for _ in range(2):
        engine.activate(decision.id)
        engine.activate(other.id)
    assert [(each.decisions, each.units) for each in engine.results("copy").variants] == [(2, 2)] * 3
    assert sums(engine) == {"long": (1.0, 1.0)}


def test_eligible_variants_decide_and_the_control_always(engine):
    shadow(engine)
    assert [each.variant for each in engine.choose("copy", eligible=["control", "long"]).shadow] == ["long"]
    with pytest.raises(InvalidInput, match="eligible: must hold the control 'control'"):
        engine.choose("copy", eligible=["long"])
    assert [each.decisions for each in engine.results("copy").variants] == [1, 0, 1]


def test_targeting_keeps_units_out_of_a_shadow(engine):
    shadow(engine, targeting={"attribute": "x", "operator": "exists"})
    assert engine.choose("copy", "ann")[5:] == (0, "not_targeted", ())
    assert len(engine.choose("copy", "ann", attributes={"x": 1}).shadow) == 2


def test_a_unit_opens_new_trials_when_its_time_is_over(engine, clock):
    shadow(engine, sticky_for="1h")
    engine.choose("copy", "ann")
    clock.now += 3600.0
    engine.choose("copy", "ann")
    assert [each.units for each in engine.results("copy").variants] == [2, 2, 2]


def test_a_default_is_taken_for_each_when_its_window_closes(engine, clock):
    shadow(engine, metrics=[{"key": "purchase", "primary": True, "window": 60.0, "missing": 0.0}])
    decision = engine.choose("copy", "ann")
    engine.reward(decision.shadow[0].id, 1.0)
    clock.now += 61.0
    assert sums(engine) == {"control": (1.0, 0.0), "short": (1.0, 1.0), "long": (1.0, 0.0)}


def test_batches_of_several_engines_keep_each_its_shadows(tmp_path):
    with Engine(tmp_path / "d.db") as one, Engine(tmp_path / "d.db") as other:
        shadow(one)
        for engine in (one, other, one):
            for unit in ("ann", "bob"):
                decision = engine.choose("copy", unit, idempotency_key=f"{unit} {id(engine)}")
                again = other.choose("copy", unit, idempotency_key=f"{unit} {id(engine)}")
                assert again == decision
                assert len(again.shadow) == 2
        assert one.verify() == []


def test_a_running_experiment_does_not_become_a_shadow():
    with Engine() as engine:
        engine.create(define(type="ab_test"))
        engine.start("copy")
        with pytest.raises(WrongState, match="type"):
            engine.update("copy", {"type": "shadow"})
