"""Intervals of one proportion against statsmodels and scipy, and their exact coverage."""

import numpy as np
import pytest
from hypothesis import given
from scipy import stats
from statsmodels.stats.proportion import proportion_confint
from strategies import alphas, proportions

from bandit.statistics.proportion import Proportion, agresti_coull, clopper_pearson, jeffreys, wilson

INTERVALS = {wilson: "wilson", clopper_pearson: "beta", jeffreys: "jeffreys", agresti_coull: "agresti_coull"}


@given(proportions(most=10_000), alphas)
def test_against_statsmodels(proportion, alpha):
    for interval, method in INTERVALS.items():
        lower, upper = interval(proportion, alpha=alpha)
        expected = proportion_confint(int(proportion.successes), int(proportion.trials), alpha, method)
        # Ours reaches the ends of the scale where nothing contradicts them.
        if interval is not jeffreys or proportion.successes:
            assert lower == pytest.approx(expected[0], rel=1e-8, abs=1e-12)
        if interval is not jeffreys or proportion.failures:
            assert upper == pytest.approx(expected[1], rel=1e-8, abs=1e-12)
        assert lower <= proportion.rate <= upper
        assert interval(proportion, alpha=alpha / 2, alternative="greater") == (lower, 1.0)
        assert interval(proportion, alpha=alpha / 2, alternative="less") == (0.0, upper)


@pytest.mark.parametrize(("interval", "name"), [(wilson, "wilson"), (clopper_pearson, "exact")])
def test_against_scipy(interval, name):
    for successes in (0, 1, 7, 20):
        expected = stats.binomtest(successes, 20).proportion_ci(0.9, name)
        assert interval(Proportion(successes, 20), alpha=0.1) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("interval", INTERVALS)
def test_coverage(interval):
    trials, rates = 40, np.linspace(0.02, 0.98, 97)
    ends = np.array([interval(Proportion(successes, trials)) for successes in range(trials + 1)])
    inside = (ends[:, :1] <= rates) & (rates <= ends[:, 1:])
    coverage = (stats.binom.pmf(np.arange(trials + 1)[:, None], trials, rates) * inside).sum(axis=0)
    if interval is clopper_pearson:
        assert coverage.min() >= 0.95
    else:
        assert 0.945 < coverage.mean() < 0.965
        assert coverage.min() > (0.87 if interval is jeffreys else 0.9)


@pytest.mark.parametrize("interval", INTERVALS)
def test_edges(interval):
    assert interval(Proportion(0, 0)) == (0.0, 1.0)
    assert interval(Proportion(0, 5))[0] == 0.0
    assert interval(Proportion(5, 5))[1] == 1.0
    lower, upper = interval(Proportion(3, 1e12))
    assert 5e-13 < lower < 3e-12 < upper < 1e-11
    lower, upper = interval(Proportion(5e11, 1e12))
    assert (lower, upper) == pytest.approx((0.5 - 9.8e-7, 0.5 + 9.8e-7), abs=1e-9)


@pytest.mark.parametrize(
    ("successes", "trials", "message"),
    [(3, 2, "successes: 3 given"), (-1, 2, "successes: -1"), (0, -1, "trials: -1"), (0, float("nan"), "trials: nan")],
)
def test_refusals(successes, trials, message):
    with pytest.raises(ValueError, match=message):
        Proportion(successes, trials)
