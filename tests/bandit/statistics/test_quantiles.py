"""Quantiles against the binomial distribution and each other."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import betainc
from strategies import alternatives, seeds

from bandit.statistics import quantiles
from bandit.statistics.comparison import Refused


@given(st.integers(2, 5000), st.floats(0.01, 0.99), st.sampled_from([0.005, 0.025, 0.05]))
def test_one_arm(count, probability, tail):
    # The values are their own ranks, so that the ends tell their fractional ranks.
    lower, upper = quantiles.interval(np.arange(1.0, count + 1), probability, tail)
    if math.isfinite(lower):
        assert betainc(lower, count + 1 - lower, probability) == pytest.approx(1 - tail, rel=1e-4)
    else:
        assert (1 - probability) ** count >= tail * (1 - 1e-6)
    if math.isfinite(upper):
        assert betainc(upper, count + 1 - upper, probability) == pytest.approx(tail, rel=1e-4)
    else:
        assert probability**count >= tail * (1 - 1e-6)


@given(st.integers(10, 300), st.floats(0.2, 0.8))
def test_at_whole_ranks_it_is_the_binomial_interval(count, probability):
    rank = int(stats.binom.ppf(0.025, count, probability))
    assume(rank >= 1)
    tail = stats.binom.cdf(rank - 1, count, probability)
    assume(0 < tail < 0.5)
    lower, _ = quantiles.interval(np.arange(1.0, count + 1), probability, tail)
    assert lower == pytest.approx(rank, abs=1e-4)


@given(seeds, alternatives, st.sampled_from([0.5, 0.8]))
def test_the_p_value_is_where_the_interval_ends_at_zero(seed, alternative, probability):
    random = np.random.default_rng(seed)
    treatment, control = random.gamma(2, 1, 80), random.gamma(2, 1.3, 100)
    result = quantiles.difference(treatment, control, probability, alternative=alternative)
    assert result.effect == pytest.approx(np.quantile(treatment, probability) - np.quantile(control, probability))
    lower, upper = result.interval
    assert (result.p_value < 0.05) == (not lower <= 0.0 <= upper)
    low, high = result.relative_interval
    assert (low <= 0.0 <= high) == (lower <= 0.0 <= upper)
    if 1e-3 < result.p_value < 0.4:
        ends = quantiles.difference(treatment, control, probability, alpha=result.p_value, alternative=alternative)
        assert min(map(abs, ends.interval)) == pytest.approx(0.0, abs=1e-6)
        assert min(map(abs, ends.relative_interval)) == pytest.approx(0.0, abs=1e-6)


def test_sides():
    random = np.random.default_rng(1)
    arms = random.gamma(2, 1, 300), random.gamma(2, 1, 300)
    two = quantiles.difference(*arms, 0.9, alpha=0.1)
    greater, less = (quantiles.difference(*arms, 0.9, alternative=side) for side in ("greater", "less"))
    assert greater.interval == (two.interval[0], math.inf)
    assert less.interval == (-math.inf, two.interval[1])
    assert greater.p_value + less.p_value == pytest.approx(1.0)
    assert two.p_value == pytest.approx(2 * min(greater.p_value, less.p_value))


def test_a_p_value_is_not_less_than_the_values_beyond_can_tell():
    apart = quantiles.difference(np.arange(100.0), np.arange(100.0) + 1000, 0.9)
    assert apart.p_value == pytest.approx(2 * 0.9**100, rel=1e-3)


def test_edges():
    same = quantiles.difference(np.arange(30.0), np.arange(30.0), 0.5)
    assert (same.effect, same.p_value) == (0.0, 1.0)
    assert quantiles.difference(np.arange(30.0), np.arange(-20.0, 21.0), 0.5).relative_effect is None
    for arms, message in (
        ((np.arange(30.0), np.arange(10.0)), "too few values lie beyond the quantile 0.9"),
        (([], [1.0]), "the treatment has 0 values"),
        (([1.0], [1.0]), "too few values"),
    ):
        with pytest.raises(Refused, match=message):
            quantiles.difference(*arms, 0.9)
    with pytest.raises(ValueError, match=r"probability: 1\.0 given"):
        quantiles.difference([1, 2], [1, 2], 1.0)
