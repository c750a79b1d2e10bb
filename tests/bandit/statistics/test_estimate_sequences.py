"""Sequences for ratios and adjusted means: the numbers of `confidence_sequences` for the same estimates."""

import math

import numpy as np
import pytest

from bandit.statistics import confidence_sequences
from bandit.statistics.comparison import Refused
from bandit.statistics.covariates import adjust
from bandit.statistics.estimate_sequences import cuped, delta
from bandit.statistics.joint import JointSample
from bandit.statistics.sample import Sample


def ratio(rng, size, more=0.0):
    below = 1.0 + rng.poisson(2.0 + more, size)
    return JointSample.of({"above": rng.binomial(below.astype(int), 0.2), "below": below})


def test_a_ratio_is_compared_as_the_mean_of_its_linear_form():
    rng = np.random.default_rng(1)
    columns = []
    for more in (1.0, 0.0):
        below = 1.0 + rng.poisson(2.0 + more, 3000)
        columns.append((rng.binomial(below.astype(int), 0.2) * 1.0, below))
    found = delta(*(JointSample.of({"above": a, "below": b}) for a, b in columns), "above", "below", alpha=0.1)
    ratios = [a.sum() / b.sum() for a, b in columns]
    lines = [(a - ratio * b) / b.mean() + ratio for (a, b), ratio in zip(columns, ratios, strict=True)]
    expected = confidence_sequences.compare(*(Sample.of(line) for line in lines), alpha=0.1)
    assert found.method == "delta_sequence"
    assert found.interval == pytest.approx(expected.interval)
    assert found.p_value == pytest.approx(expected.p_value)
    assert found.relative_interval == pytest.approx(expected.relative_interval)


def test_it_errs_at_any_look_as_often_as_it_says():
    wrong = {"delta": 0, "cuped": 0}
    experiments = 300
    for seed in range(experiments):
        rng = np.random.default_rng(seed)
        ratios, adjusted = [None, None], [None, None]
        missed = dict.fromkeys(wrong, False)
        for _ in range(8):
            for arm in range(2):
                more = ratio(rng, 100, more=float(arm))
                x = rng.exponential(size=100)
                values = JointSample.of({"y": 2.0 * x + rng.exponential(size=100), "x": x})
                ratios[arm] = more if ratios[arm] is None else ratios[arm] + more
                adjusted[arm] = values if adjusted[arm] is None else adjusted[arm] + values
            for name, one in (
                ("delta", delta(*ratios, "above", "below", planned=1600.0)),
                ("cuped", cuped(*adjusted, "y", ["x"], planned=1600.0)),
            ):
                missed[name] |= not one.interval[0] <= 0.0 <= one.interval[1]
        for name in wrong:
            wrong[name] += missed[name]
    limit = 0.05 + 2 * math.sqrt(0.05 * 0.95 / experiments)
    assert all(count / experiments <= limit for count in wrong.values()), wrong


def test_an_adjusted_mean_has_the_reduced_variance():
    rng = np.random.default_rng(3)
    arms = []
    for effect in (0.2, 0.0):
        x = rng.normal(5, 2, 2000)
        arms.append(JointSample.of({"y": x + rng.normal(effect, 1, 2000), "x": x}))
    found = cuped(*arms, "y", ["x"])
    estimates = adjust("cuped", tuple(arms), "y", ["x"]).adjusted
    assert found.method == "cuped_sequence"
    assert found.effect == pytest.approx(estimates[0].value - estimates[1].value)
    assert found.variance_reduction == pytest.approx(0.8, abs=0.03)
    plain = confidence_sequences.compare(*(arm.sample("y") for arm in arms))
    assert found.interval[1] - found.interval[0] < 0.6 * (plain.interval[1] - plain.interval[0])


def test_refusals():
    rng = np.random.default_rng(4)
    with pytest.raises(Refused, match="delta_sequence is not valid here: the smaller arm has 99 units, fewer than 100"):
        delta(ratio(rng, 99), ratio(rng, 500), "above", "below")
    near = JointSample.of({"above": rng.normal(size=500), "below": rng.normal(size=500)})
    with pytest.raises(Refused, match="the mean of below lies less than 5 standard errors from zero"):
        delta(near, ratio(rng, 500), "above", "below")
    rare = JointSample.of({"y": np.arange(500) < 3, "x": rng.normal(size=500)})
    with pytest.raises(Refused, match="cuped_sequence is not valid here: the smaller sample expects 3 successes"):
        cuped(rare, rare, "y", ["x"])
