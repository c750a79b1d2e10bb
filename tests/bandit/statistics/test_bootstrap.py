"""The bootstrap against scipy's."""

import functools
import math

import numpy as np
import pytest
from scipy import stats

from bandit.statistics import resampling
from bandit.statistics.bootstrap import bootstrap
from bandit.statistics.comparison import Refused

ARMS = np.random.default_rng(1).lognormal(size=60), np.random.default_rng(2).lognormal(0.4, 1.3, 80)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize("method", ["bca", "percentile"])
@pytest.mark.parametrize("statistic", [np.mean, np.median, functools.partial(np.quantile, q=0.8), np.std])
def test_against_scipy(statistic, method, alternative):
    ours = bootstrap(*ARMS, statistic, random=np.random.default_rng(3), method=method, alternative=alternative)
    theirs = stats.bootstrap(
        ARMS,
        lambda x, y, axis: statistic(x, axis=axis) - statistic(y, axis=axis),
        method="BCa" if method == "bca" else method,
        alternative=alternative,
        rng=np.random.default_rng(4),
    )
    # Both draw at random: their ends differ by a few hundredths of the standard error.
    expected = (theirs.confidence_interval.low, theirs.confidence_interval.high)
    assert ours.interval == pytest.approx(expected, abs=0.15 * theirs.standard_error)
    assert ours.effect == pytest.approx(statistic(ARMS[0]) - statistic(ARMS[1]))
    assert ours.p_value is None


def test_the_relative_interval():
    def relative(x, y, axis):
        return x.mean(axis=axis) / y.mean(axis=axis) - 1

    for method, name in (("bca", "BCa"), ("percentile", "percentile")):
        ours = bootstrap(*ARMS, random=np.random.default_rng(5), method=method, resamples=40_000)
        theirs = stats.bootstrap(ARMS, relative, method=name, n_resamples=40_000, rng=np.random.default_rng(6))
        expected = (theirs.confidence_interval.low, theirs.confidence_interval.high)
        assert ours.relative_interval == pytest.approx(expected, abs=0.1 * theirs.standard_error)
        assert ours.relative_effect == pytest.approx(ARMS[0].mean() / ARMS[1].mean() - 1)
    around_zero = bootstrap(ARMS[0], ARMS[1] - ARMS[1].mean() + 0.01, random=np.random.default_rng(7))
    assert around_zero.relative_interval is None
    assert "cannot be told from zero" in around_zero.warnings[0]


def test_the_generator_decides_and_blocks_do_not(monkeypatch):
    first, again = (bootstrap(*ARMS, random=np.random.default_rng(8), resamples=999) for _ in range(2))
    assert first == again
    monkeypatch.setattr(resampling, "BLOCK", 500)
    assert bootstrap(*ARMS, random=np.random.default_rng(8), resamples=999) == first


def test_the_mean_needs_no_leaving_out():
    def mean(values, axis):
        return np.mean(values, axis=axis)

    fast, slow = (bootstrap(*ARMS, by, random=np.random.default_rng(9), resamples=999) for by in (np.mean, mean))
    assert fast.interval == pytest.approx(slow.interval)
    assert fast.relative_interval == pytest.approx(slow.relative_interval)


def test_edges():
    random = np.random.default_rng(1)
    with pytest.raises(Refused, match="no resample differs"):
        bootstrap([1, 1], [2, 2], random=random)
    with pytest.raises(Refused, match="leave out each of 6000 values in turn; use the method percentile"):
        bootstrap(np.arange(6000.0), [1, 2], np.median, random=random, resamples=19)
    with pytest.raises(ValueError, match="resamples: 5 given"):
        bootstrap([1, 2], [1, 2], random=random, resamples=5)
    with pytest.raises(ValueError, match="its values are not all finite"):
        bootstrap([1, 2], [1, 2], lambda values, axis: np.full(values.shape[:-1], math.nan), random=random)
    extreme = bootstrap([1, 2, 3, 1000], [1, 2], np.max, random=random)
    assert all(map(math.isfinite, extreme.interval))
