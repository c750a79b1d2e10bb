"""What the log tells: segments, time, and what is odd about the data."""

import json
import random

import numpy as np
import pytest
from scipy import stats

from bandit import Engine, InvalidInput
from bandit.statistics import multiplicity

DAY = 86_400.0


@pytest.fixture
def engine(clock):
    with Engine(seed=1, clock=clock) as engine:
        yield engine


def started(engine, **more):
    engine.create(
        {
            "key": "x",
            "variants": [{"key": "a", "is_control": True}, {"key": "b"}],
            "metrics": [{"key": "buy", "primary": True}, {"key": "spent", "type": "continuous"}],
            "type": "ab_test",
            **more,
        }
    )
    engine.start("x")


def play(engine, clock, days, rate, *, a_day=200, seed=1, spent=lambda rng: rng.gauss(10.0, 2.0), country=None):
    """`rate(variant, country, day)`; returns (variant, country, day, bought, spent) of each."""
    rng, rows = random.Random(seed), []
    for day in range(days):
        for step in range(a_day):
            where = (country or (lambda rng: rng.choice(["de", "fr", "it"])))(rng)
            attributes = {"country": where, "n": step % 2} if where else None
            decision = engine.choose("x", f"{seed}-{day}-{step}", attributes=attributes)
            bought, paid = float(rng.random() < rate(decision.variant, where, day)), spent(rng)
            engine.reward(decision.id, bought)
            engine.reward(decision.id, paid, "spent")
            rows.append((decision.variant, where, day, bought, paid))
            clock.now += DAY / a_day
    return rows


def kinds(engine):
    return {finding.kind for finding in engine.quality("x").findings}


def test_segments_are_compared_and_corrected(engine, clock):
    started(engine)
    rows = play(engine, clock, 15, lambda v, c, d: 0.4 if (v, c) == ("b", "fr") else 0.2)
    found = engine.segments("x", "country")
    assert [segment.value for segment in found.segments] == ["de", "fr", "it"]
    p_values = []
    for segment in found.segments:
        mine = [row for row in rows if row[1] == segment.value]
        assert segment.units == len(mine)
        table = [[sum(r[3] for r in mine if r[0] == v), sum(1 - r[3] for r in mine if r[0] == v)] for v in ("b", "a")]
        p_values.append(stats.chi2_contingency(table, correction=False).pvalue)
        assert segment.comparison.p_value == pytest.approx(p_values[-1])
    adjusted = multiplicity.holm(p_values)
    assert [segment.adjusted_p_value for segment in found.segments] == pytest.approx(adjusted.tolist())
    assert [segment.comparison.significant for segment in found.segments] == [False, True, False]
    assert found.differ["b"] < 0.01
    assert {segment.value for segment in engine.segments("x", "n", "spent").segments} == {"0", "1"}


def test_those_without_the_attribute_are_a_segment(engine, clock):
    started(engine)
    play(engine, clock, 3, lambda v, c, d: 0.2, country=lambda rng: rng.choice(["de", None]))
    assert [segment.value for segment in engine.segments("x", "country").segments] == ["de", "null"]
    assert [segment.value for segment in engine.segments("x", "nothing").segments] == ["null"]


@pytest.mark.parametrize("name", ['a"b', "$.a", "a.b", "é'", "[0]"])
def test_any_name_can_be_an_attribute(engine, name):
    started(engine)
    for step in range(20):
        engine.choose("x", str(step), attributes={name: {"deep": step % 2}})
    values = [segment.value for segment in engine.segments("x", name).segments]
    assert values == ['{"deep":0}', '{"deep":1}']


def test_segments_of_a_bandit_are_compared_by_an_adaptive_method(engine, clock):
    started(engine, type="bandit", reweight={"floor": 0.2, "every": "12h"})
    play(engine, clock, 10, lambda v, c, d: 0.5 if v == "b" else 0.3)
    found = engine.segments("x", "country")
    assert {segment.comparison.method for segment in found.segments} == {"aipw"}
    assert found.differ == {}


@pytest.mark.parametrize(
    ("attribute", "metric", "said"), [("", None, "attribute"), ("a" * 201, None, "attribute"), ("c", "nope", "metric")]
)
def test_wrong_questions_are_refused(engine, clock, attribute, metric, said):
    started(engine)
    with pytest.raises(InvalidInput, match=said):
        engine.segments("x", attribute, metric)


def test_too_many_values_are_refused(engine, clock):
    started(engine)
    play(engine, clock, 1, lambda v, c, d: 0.2, country=lambda rng: f"c{rng.random()}")
    with pytest.raises(InvalidInput, match="200 values"):
        engine.segments("x", "country")


def test_a_series_ends_with_the_results(engine, clock):
    started(engine)
    rows = play(engine, clock, 5, lambda v, c, d: 0.2 + 0.1 * (v == "b"))
    series = engine.series("x")
    assert series.every == DAY
    assert len(series.points) == 2 * 5
    last = {point.variant: point for point in series.points[-2:]}
    comparison = engine.results("x").comparisons[0]
    assert last["b"].effect == pytest.approx(comparison.effect)
    assert last["b"].p_value == pytest.approx(comparison.p_value)
    mine = [row for row in rows if row[0] == "b"]
    assert last["b"].mean == pytest.approx(np.mean([row[3] for row in mine]))
    assert [point.units for point in series.points if point.variant == "b"] == [
        sum(row[2] == day for row in mine) for day in range(5)
    ]
    assert engine.series("x", "12h").points[-1].count == last["b"].count
    json.loads(series.model_dump_json(), parse_constant=pytest.fail)


@pytest.mark.parametrize(("every", "metric"), [("1s", None), ("0s", None), ("soon", None), ("1d", "nope")])
def test_a_series_that_cannot_be_is_refused(engine, clock, every, metric):
    started(engine)
    play(engine, clock, 5, lambda v, c, d: 0.2)
    with pytest.raises(InvalidInput) as caught:
        engine.series("x", every, metric)
    assert caught.value.errors[0].field == ("metric" if metric else "every")


def test_clean_data_have_nothing_odd(engine, clock):
    started(engine)
    play(engine, clock, 28, lambda v, c, d: 0.2)
    assert kinds(engine) == set()


def test_a_sudden_shift_is_found(engine, clock):
    started(engine)
    play(engine, clock, 28, lambda v, c, d: 0.2 if d < 14 else 0.5)
    assert "sudden_shift" in kinds(engine)


def test_novelty_that_wears_off_is_found(engine, clock):
    started(engine)
    play(engine, clock, 28, lambda v, c, d: 0.2 + (v == "b") * max(0.0, 0.4 - d / 50))
    assert "novelty" in kinds(engine)


def test_an_outlier_is_found(engine, clock):
    started(engine)
    play(engine, clock, 14, lambda v, c, d: 0.2, spent=lambda rng: 1e6 if rng.random() < 0.001 else 1.0)
    assert "outliers" in kinds(engine)


def test_missing_rewards_are_found_once_they_are_late(engine, clock):
    started(engine)
    for step in range(600):
        decision = engine.choose("x", str(step))
        if step % 2 or decision.variant == "a":
            engine.reward(decision.id, 0.0)
    assert "missing_rewards" not in kinds(engine)
    clock.now += 3 * DAY
    found = next(one for one in engine.quality("x").findings if one.kind == "missing_rewards")
    assert found.severity == "critical"  # it depends on the variant


def test_a_unit_in_two_variants_is_found(engine, clock):
    started(engine, type="bandit")
    for step in range(50):
        engine.choose("x", f"u{step}", eligible=["a"])
        engine.choose("x", f"u{step}", eligible=["b"])
    found = next(one for one in engine.quality("x").findings if one.kind == "units_in_two_variants")
    assert found.numbers["in_two"] == 50


def test_a_starved_arm_of_another_season_is_found(engine, clock):
    started(engine, type="bandit", sticky=False, reweight={"floor": 0.01, "every": "10d"})
    rates = {"a": (0.5, 0.2), "b": (0.6, 0.25)}
    play(engine, clock, 29, lambda v, c, d: rates[v][d >= 18])
    found = next(one for one in engine.quality("x").findings if one.kind == "stale_estimate")
    assert found.numbers["leads"] == 1.0  # worse on every day, and yet its mean is the better one


def test_a_draft_has_no_history(engine):
    engine.create({"key": "x", "variants": [{"key": "a"}, {"key": "b"}], "metrics": [{"key": "buy"}]})
    assert engine.series("x").points == []
    assert engine.segments("x", "country").segments == []
    assert kinds(engine) == {"too_few_units", "too_few_days"}
