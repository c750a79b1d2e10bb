import pytest
from experiments import define, started

from bandit import Metric


def test_a_draft_has_results(engine):
    engine.create(define())
    results = engine.results("copy").model_dump()
    assert results["status"] == "draft"
    assert [variant["weight"] for variant in results["variants"]] == [0.5, 0.5]
    assert results["variants"][0] == {
        "key": "control",
        "decisions": 0,
        "units": 0,
        "weight": 0.5,
        "p_best": 0.5,
        "metrics": {"purchase": {"count": 0.0, "sum": 0.0, "mean": None}},
    }


def test_p_best_is_the_reference(engine):
    """Beta(121, 881) against Beta(151, 851): the probabilities in the literature's usual example."""
    started(engine, trial="decision", type="ab_test")
    for variant, successes in (("control", 120), ("short", 150)):
        chosen = engine.choose_batch([{"experiment": "copy", "eligible": [variant]}] * 1000)
        engine.reward_batch([{"decision_id": d.id, "value": int(n < successes)} for n, d in enumerate(chosen)])
    results = engine.results("copy")
    assert [variant.p_best for variant in results.variants] == pytest.approx([0.0249321632, 0.9750678368], abs=1e-9)
    assert [variant.metrics["purchase"].mean for variant in results.variants] == [0.12, 0.15]
    assert results.reweighting.reason == "fixed"


def test_the_best_of_a_decrease_is_the_least(engine):
    started(engine, metrics=[Metric(key="ms", type="continuous", goal="decrease", origin=100.0)], sticky=False)
    for variant, values in (("control", (120, 121, 119)), ("short", (90, 91, 92))):
        for value in values:
            engine.reward(engine.choose("copy", eligible=[variant]).id, value)
    short = engine.results("copy").variants[1]
    assert short.p_best > 0.99
    assert short.metrics["ms"].sum == 273
    assert engine.choose("copy", eligible=["control", "short"]).epoch > 1
    assert engine.results("copy").variants[1].weight > 0.9


def test_a_ratio_is_the_ratio_of_its_sums(engine):
    started(
        engine,
        metrics=[
            Metric(key="clicks", type="count", aggregation="sum", primary=True),
            Metric(key="views", type="count", aggregation="sum"),
            Metric(key="rate", type="ratio", numerator="clicks", denominator="views"),
        ],
    )
    decision = engine.choose("copy", "u")
    assert engine.results("copy").variants[0].metrics["rate"].mean is None
    engine.reward(decision.id, 3, "clicks")
    engine.reward(decision.id, 12, "views")
    shown = next(variant for variant in engine.results("copy").variants if variant.key == decision.variant)
    assert shown.metrics["rate"].model_dump() == {"count": 1.0, "sum": 3.0, "mean": 0.25}


def test_weights_are_those_in_use(engine):
    started(engine, variants=("a", "b", "c"), sticky=False)
    for _ in range(30):
        decision = engine.choose("copy")
        engine.reward(decision.id, float(decision.variant == "b"))
        last = engine.choose("copy")
        weights = {variant.key: variant.weight for variant in engine.results("copy").variants}
        assert weights[last.variant] == last.propensity


def test_what_is_never_served_is_not_the_best(engine):
    engine.create(
        {
            "key": "copy",
            "variants": [{"key": "off", "weight": 0}, {"key": "a"}, {"key": "b"}],
            "metrics": [{"key": "m"}],
        }
    )
    engine.start("copy")
    for n in range(20):
        engine.reward(engine.choose("copy", f"u{n}").id, float(n % 5 == 0))
    best = [variant.p_best for variant in engine.results("copy").variants]
    assert best[0] == 0.0
    assert sum(best) == pytest.approx(1.0)
