"""Ratio metrics against tea-tasting and the published example."""

import numpy as np
import pytest
import tea_tasting
from hypothesis import given, settings
from strategies import seeds

from bandit.statistics import ratio
from bandit.statistics.comparison import Refused
from bandit.statistics.joint import JointSample

CONTROL = JointSample.of({"n": (3, 5, 2, 8, 4, 6, 1, 7), "d": (10, 12, 8, 20, 11, 15, 6, 18)})
TREATMENT = JointSample.of({"n": (4, 6, 3, 9, 5, 8, 2, 7), "d": (10, 13, 9, 19, 12, 16, 7, 17)})


def test_published():
    assert ratio.value(CONTROL, ("n", "d")) == pytest.approx(0.36)
    assert ratio.value(TREATMENT, ("n", "d")) == pytest.approx(0.4271844660, abs=5e-11)
    result = ratio.delta(TREATMENT, CONTROL, "n", "d")
    assert result.effect == pytest.approx(0.0671844660, abs=5e-11)
    assert result.effect / result.statistic == pytest.approx(0.0305453342, abs=5e-11)
    assert result.statistic == pytest.approx(2.19950011, abs=5e-9)


def drawn(random, size, rate):
    sessions = random.poisson(3, size) + 1
    return {"n": random.binomial(sessions, rate).astype(float), "d": sessions.astype(float)}


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_against_tea_tasting(seed):
    random = np.random.default_rng(seed)
    arms = [drawn(random, size, rate) for size, rate in ((40, 0.3), (60, 0.4))]
    table = {name: np.concatenate([arm[name] for arm in arms]) for name in "nd"}
    import pyarrow as pa

    frame = pa.table({**table, "variant": np.repeat([0, 1], (40, 60))})
    theirs = tea_tasting.Experiment(m=tea_tasting.RatioOfMeans("n", "d")).analyze(frame)["m"]
    ours = ratio.delta(JointSample.of(arms[1]), JointSample.of(arms[0]), "n", "d")
    assert ours.effect == pytest.approx(theirs.effect_size)
    assert ours.p_value == pytest.approx(theirs.pvalue)
    assert ours.interval == pytest.approx((theirs.effect_size_ci_lower, theirs.effect_size_ci_upper))
    assert ours.relative_effect == pytest.approx(theirs.rel_effect_size)


def test_fieller_and_delta_agree_for_many_units():
    random = np.random.default_rng(1)
    treatment, control = (JointSample.of(drawn(random, 20_000, 0.3)) for _ in range(2))
    delta, fieller = (test(treatment, control, "n", "d") for test in (ratio.delta, ratio.fieller))
    assert fieller.interval == pytest.approx(delta.interval, rel=1e-3)
    assert (fieller.p_value, fieller.method) == (None, "ratio_fieller")
    greater = ratio.fieller(treatment, control, "n", "d", alpha=0.025, alternative="greater")
    assert greater.interval == (pytest.approx(fieller.interval[0]), np.inf)
    lower, upper = ratio.interval(control, "n", "d")
    assert lower < ratio.value(control, ("n", "d")) < upper


def test_a_denominator_of_one_is_a_mean():
    random = np.random.default_rng(2)
    arms = [JointSample.of({"n": random.normal(5, 1, 50), "d": np.ones(50)}) for _ in range(2)]
    from bandit.statistics.means import welch

    expected = welch(*(arm.sample("n") for arm in arms))
    assert ratio.delta(*arms, "n", "d").interval == pytest.approx(expected.interval)


def test_refusals():
    with pytest.raises(Refused, match="mean of d is zero"):
        ratio.delta(TREATMENT, JointSample.of({"n": [1, 2], "d": [0, 0]}), "n", "d")
    with pytest.raises(Refused, match="one has 1"):
        ratio.delta(TREATMENT, JointSample.of({"n": [1], "d": [1]}), "n", "d")
    with pytest.raises(Refused, match="the mean of d cannot be told from zero"):
        ratio.fieller(TREATMENT, JointSample.of({"n": [1, 2], "d": [-1, 2]}), "n", "d")
    with pytest.raises(ValueError, match="'x' given"):
        ratio.delta(TREATMENT, CONTROL, "n", "x")
