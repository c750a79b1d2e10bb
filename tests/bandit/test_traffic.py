"""How units are spread over variants, and the weights by which they are."""

import pytest
from experiments import define, started

from bandit import InvalidInput, NotFound, WrongState


def test_traffic_adds_up_over_epochs(engine):
    started(engine, type="ab_test")
    for number in range(100):
        engine.choose("copy", f"u{number % 50}")
    engine.rebalance("copy", {"short": 3})
    for number in range(40):
        engine.choose("copy", f"v{number}")
    found = engine.traffic("copy")
    assert (found.experiment, found.epoch, found.decisions, found.units) == ("copy", 2, 140, 90)
    assert [epoch.epoch for epoch in found.epochs] == [2, 1]
    results = {variant.key: variant for variant in engine.results("copy").variants}
    for variant in found.variants:
        assert (variant.decisions, variant.units) == (results[variant.key].decisions, results[variant.key].units)
        assert variant.share == variant.units / 90
        assert variant.decisions == sum(epoch.variants[variant.key].decisions for epoch in found.epochs)
        assert variant.units == sum(epoch.variants[variant.key].units for epoch in found.epochs)
    assert [(variant.weight, variant.probability) for variant in found.variants] == [(1.0, 0.25), (3.0, 0.75)]
    assert [variant.expected_units for variant in found.variants] == pytest.approx([25 + 10, 25 + 30])
    assert sum(variant.expected_share for variant in found.variants) == pytest.approx(1.0)


def test_before_anything_there_is_none(engine):
    engine.create(define())
    found = engine.traffic("copy")
    assert (found.decisions, found.epochs, found.variants[0].share, found.variants[0].probability) == (0, [], None, 0.5)
    with pytest.raises(NotFound):
        engine.traffic("nope")


def test_only_the_latest_epochs_are_shown(engine):
    started(engine, type="ab_test", sticky=False)
    for number in range(105):
        engine.choose("copy")
        engine.rebalance("copy", {"short": 1.5 + number % 2})
    engine.choose("copy")
    found = engine.traffic("copy")
    assert [epoch.epoch for epoch in found.epochs] == list(range(106, 6, -1))
    assert found.decisions == 106


def test_rebalancing_makes_all_that_are_served_the_same(engine):
    started(engine, variants=("a", "b", "c"), type="ab_test")
    engine.rebalance("copy", {"a": 5, "c": 0})
    assert [variant.weight for variant in engine.get("copy").variants] == [5.0, 1.0, 0.0]
    assert engine.rebalance("copy").epoch == 3
    assert [variant.weight for variant in engine.get("copy").variants] == [1.0, 1.0, 0.0]
    assert [variant.probability for variant in engine.traffic("copy").variants] == [0.5, 0.5, 0.0]


def test_a_repeat_with_a_key_changes_nothing(engine):
    started(engine, type="ab_test")
    assert engine.rebalance("copy", {"short": 2}, idempotency_key="k").epoch == 2
    assert engine.rebalance("copy", {"short": 2}, idempotency_key="k").epoch == 2


@pytest.mark.parametrize(
    ("weights", "field"),
    [
        ({"nope": 1}, "weights.nope"),
        ({"short": -1}, "weights.short"),
        ({"short": "1"}, "weights.short"),
        ({"short": float("nan")}, "weights.short"),
    ],
)
def test_what_are_no_weights_is_refused(engine, weights, field):
    started(engine)
    with pytest.raises(InvalidInput) as caught:
        engine.rebalance("copy", weights)
    assert caught.value.errors[0].field == field
    assert engine.get("copy").epoch == 1


def test_all_weights_zero_is_refused(engine):
    started(engine)
    with pytest.raises(InvalidInput, match="at least one weight must be above 0"):
        engine.rebalance("copy", {"short": 0, "control": 0})


def test_what_is_over_keeps_its_weights(engine):
    started(engine)
    engine.complete("copy")
    with pytest.raises(WrongState, match="is completed"):
        engine.rebalance("copy", {"short": 2})
