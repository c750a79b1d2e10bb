"""Covariates of metrics: what their sums make of comparisons, and that a replay gives them."""

import random
import sqlite3

import numpy as np
import pytest
import statsmodels.api as sm

from bandit import Engine, InvalidInput
from bandit.statistics.covariates import cuped
from bandit.statistics.joint import JointSample

METRICS = [
    {"key": "spent", "type": "continuous", "origin": 40.0, "primary": True, "covariate": "past"},
    {"key": "buy", "covariate": "past"},
    {"key": "visits", "type": "count"},
]


@pytest.fixture
def engine(clock):
    with Engine(seed=1, clock=clock) as engine:
        yield engine


def started(engine, key="x", **more):
    definition = {"key": key, "type": "ab_test", "variants": [{"key": "a"}, {"key": "b"}], "metrics": METRICS, **more}
    engine.create(definition)
    engine.start(key)


def play(engine, key="x", steps=400, *, known=1.0, effect=1.0, seed=1):
    """Rewards that follow from what was known before; (spent, past or None, bought) by variant."""
    rng, seen = random.Random(seed), {"a": [], "b": []}
    for step in range(steps):
        past = rng.gauss(50, 10) if rng.random() < known else None
        decision = engine.choose(key, f"{seed}-{step}", attributes={"country": "CH"} | ({"past": past} if past else {}))
        spent = (past or 30.0) + rng.gauss(0, 5) + effect * (decision.variant == "b")
        bought = float(spent > 50.0)
        engine.reward(decision.id, spent)
        engine.reward(decision.id, bought, "buy")
        engine.reward(decision.id, 1, "visits")
        seen[decision.variant].append((spent, past, bought))
    return seen


def comparison(engine, key="x", metric="spent", method=None):
    return next(one for one in engine.results(key, method).comparisons if one.metric == metric)


def differences(engine):
    return list(engine.verify())


def test_it_is_cuped_of_the_raw_values(engine):
    started(engine)
    seen = play(engine)
    found = comparison(engine)
    assert found.method == "cuped"
    a, b = ({"y": [row[0] for row in seen[key]], "x": [row[1] for row in seen[key]]} for key in "ab")
    expected = cuped(JointSample.of(b), JointSample.of(a), "y", ["x"])
    assert found.effect == pytest.approx(expected.effect)
    assert found.interval == pytest.approx(expected.interval)
    assert found.p_value == pytest.approx(expected.p_value)
    assert found.variance_reduction == pytest.approx(expected.variance_reduction)
    assert found.variance_reduction == pytest.approx(0.8, abs=0.05)  # 100 of 125
    bought = comparison(engine, metric="buy")
    assert bought.method == "cuped"
    assert bought.variance_reduction > 0.3
    visits = comparison(engine, metric="visits")
    assert (visits.method, visits.variance_reduction) == (None, None)  # all visits are 1
    assert differences(engine) == []


def test_trials_without_it_count_and_are_told_apart_by_that(engine):
    started(engine)
    seen = play(engine, steps=1500, known=0.6)
    found = comparison(engine)
    rows = [(row, key == "b") for key in "ab" for row in seen[key]]
    known = np.array([row[1] is not None for row, _ in rows])
    past = np.array([row[1] or 0.0 for row, _ in rows])
    treated = np.array([treated for _, treated in rows])
    design = np.column_stack([np.ones(len(rows)), treated, known, past])
    theirs = sm.OLS(np.array([row[0] for row, _ in rows]), design).fit(cov_type="HC2")
    assert found.effect == pytest.approx(theirs.params[1], abs=0.1 * theirs.bse[1])
    assert found.interval[1] - found.effect == pytest.approx(1.96 * theirs.bse[1], rel=0.01)
    assert found.variance_reduction > 0.8  # most of it is who has a past: 50 v 30
    assert differences(engine) == []


def test_a_plain_comparison_can_be_asked_for(engine):
    started(engine)
    play(engine)
    plain, adjusted = comparison(engine, method="welch"), comparison(engine, method="cuped")
    assert plain.method == "welch"
    assert plain.variance_reduction is None
    width = [one.interval[1] - one.interval[0] for one in (plain, adjusted)]
    assert width[1] < 0.6 * width[0]
    assert comparison(engine, metric="visits", method="cuped").method is None  # it has none: the default stays


def test_without_any_known_covariate_the_default_stays(engine):
    started(engine)
    play(engine, known=0.0)
    assert comparison(engine).method == "welch"
    assert comparison(engine, metric="buy").method == "pooled_z"


def test_at_any_look_it_is_a_sequence(engine):
    started(engine, analysis={"sequential": True})
    play(engine, steps=150)
    assert comparison(engine).method == "confidence_sequence"  # fewer than 100 units of each
    play(engine, steps=1000, seed=2)
    found = comparison(engine)
    assert found.method == "cuped_sequence"
    assert found.variance_reduction == pytest.approx(0.8, abs=0.05)
    assert found.interval[0] < 1.0 < found.interval[1]
    assert "any" in comparison(engine, method="cuped").warnings[0]


def test_where_weights_moved_it_is_not_used_and_that_is_said(engine, clock):
    bounds = {"lower": -100.0, "upper": 200.0}
    started(engine, type="bandit", metrics=[METRICS[0] | bounds, *METRICS[1:]], reweight={"floor": 0.1})
    play(engine, steps=800)
    found = comparison(engine)
    assert found.method == "aipw"
    assert "covariate is not used" in found.warnings[-1]
    assert "not valid here: the weights moved" in comparison(engine, method="cuped").warnings[0]
    assert differences(engine) == []


def test_what_is_no_number_is_refused_and_null_is_missing(engine):
    started(engine)
    for wrong in ("much", True, [1], 1e13):
        with pytest.raises(InvalidInput, match=r"attributes\.past: must be a number within 1e\+12 of zero, given"):
            engine.choose("x", "u", attributes={"past": wrong})
    assert sum(variant.decisions for variant in engine.results("x").variants) == 0
    decision = engine.choose("x", "u", attributes={"past": None})
    engine.reward(decision.id, 1.0)
    assert differences(engine) == []


def test_methods_that_need_one_are_refused_without(engine):
    started(engine, metrics=[METRICS[2]])
    with pytest.raises(InvalidInput, match="for a metric with a covariate"):
        engine.results("x", "cuped")
    ratio = {"key": "r", "type": "ratio", "numerator": "spent", "denominator": "visits", "covariate": "past"}
    with pytest.raises(InvalidInput, match="a ratio has none"):
        engine.create({"key": "y", "variants": [{"key": "a"}, {"key": "b"}], "metrics": [*METRICS, ratio]})


def test_a_covariate_that_follows_from_the_variant_is_a_warning(engine):
    started(engine, salt="s")
    started(engine, "twin", salt="s")
    rng = random.Random(1)
    for step in range(400):
        variant = engine.choose("twin", f"u{step}").variant  # the same hash
        decision = engine.choose("x", f"u{step}", attributes={"past": rng.gauss(50, 5) + 5 * (variant == "b")})
        engine.reward(decision.id, rng.gauss(50, 5))
    assert "attribute past differs between the arms" in comparison(engine).warnings[0]


def test_sums_follow_corrections_retractions_and_deferral(engine, tmp_path, clock):
    path = str(tmp_path / "x.db")
    with Engine(path, seed=1, clock=clock) as engine:
        started(engine, metrics=[METRICS[0] | {"aggregation": "sum"}, METRICS[2]])
        rng = random.Random(3)
        ids = []
        for step in range(200):
            given = {"past": rng.gauss(1e6, 3.0)} if step % 3 else None
            ids.append(engine.choose("x", f"u{step % 150}", attributes=given, defer=step % 7 == 0).id)
        for one in ids[:150]:
            engine.reward(one, rng.gauss(0, 1))
    with Engine(path, seed=2, clock=clock) as engine:  # nothing is in memory any more
        for place, one in enumerate(ids):
            engine.activate(one)
            engine.reward(one, rng.gauss(0, 1))
            if place % 11 == 0:
                engine.retract(one)
        assert differences(engine) == []
        found = comparison(engine)
        assert found.method == "cuped"
        assert abs(found.variance_reduction) < 0.05  # the covariate tells nothing
    connection = sqlite3.connect(path)
    assert connection.execute("UPDATE statistics SET count = count + 1 WHERE metric = -2").rowcount == 4
    connection.commit()
    connection.close()
    with Engine(path, seed=2, clock=clock) as engine:
        assert len(differences(engine)) == 4


def test_a_constant_covariate_does_nothing(engine):
    started(engine)
    rng = random.Random(5)
    for step in range(300):
        decision = engine.choose("x", f"u{step}", attributes={"past": 0.1})
        engine.reward(decision.id, rng.gauss(50, 5))
    found = comparison(engine)
    plain = comparison(engine, method="welch")
    assert found.effect == pytest.approx(plain.effect)
    assert found.variance_reduction == pytest.approx(0.0, abs=1e-9)
