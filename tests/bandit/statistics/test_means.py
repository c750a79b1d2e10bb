"""Welch's and Student's tests against scipy and statsmodels."""

import math

import numpy as np
import pytest
from hypothesis import given
from scipy import stats
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW
from strategies import LARGER, alphas, alternatives, values

from bandit.statistics import means
from bandit.statistics.comparison import Refused
from bandit.statistics.sample import Sample

SLEEP = (
    [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0],
    [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4],
)


def test_sleep():
    result = means.welch(*map(Sample.of, SLEEP))
    assert result.statistic == pytest.approx(-1.8608134675, abs=5e-11)
    assert result.p_value == pytest.approx(0.0793941402, abs=5e-11)
    # df 17.7764735, through the quantile that the interval is made with.
    half = stats.t(17.7764735).isf(0.025) * result.effect / result.statistic
    assert result.interval == pytest.approx((-1.58 - half, -1.58 + half), abs=1e-8)


@given(values(), values(), alphas, alternatives)
def test_against_scipy_and_statsmodels(treatment, control, alpha, alternative):
    arms = Sample.of(treatment), Sample.of(control)
    for test, pooled in ((means.welch, False), (means.student, True)):
        ours = test(*arms, alpha=alpha, alternative=alternative)
        theirs = stats.ttest_ind(treatment, control, equal_var=pooled, alternative=alternative)
        assert (ours.statistic, ours.p_value) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-7)
        expected = CompareMeans(DescrStatsW(treatment), DescrStatsW(control)).tconfint_diff(
            alpha, LARGER[alternative], "pooled" if pooled else "unequal"
        )
        assert ours.interval == pytest.approx(expected, rel=1e-7, abs=1e-7)
        assert ours.effect == pytest.approx(treatment.mean() - control.mean())
        assert ours.relative_effect == pytest.approx(treatment.mean() / control.mean() - 1, abs=1e-9)


@given(values(), values(), alphas, alternatives)
def test_the_relative_interval_agrees_with_the_test(treatment, control, alpha, alternative):
    for test in (means.welch, means.student):
        result = test(Sample.of(treatment), Sample.of(control), alpha=alpha, alternative=alternative)
        lower, upper = result.interval
        assert (result.p_value < alpha) == (not lower <= 0.0 <= upper)
        if result.relative_interval is None:
            assert any("cannot be told from zero" in warning for warning in result.warnings)
        else:
            lower, upper = result.relative_interval
            assert lower <= result.relative_effect <= upper
            assert (result.p_value < alpha) == (not lower <= 0.0 <= upper)


def test_interval_of_one_mean():
    sample = Sample.of(SLEEP[0])
    expected = stats.ttest_1samp(SLEEP[0], 0.0).confidence_interval(0.9)
    assert means.interval(sample, alpha=0.1) == pytest.approx((expected.low, expected.high))
    with pytest.raises(Refused, match="two values, there are 1"):
        means.interval(Sample.of([1.0]))


def test_relative_by_delta_is_symmetric():
    random = np.random.default_rng(1)
    treatment, control = (Sample.of(random.normal(10, 1, 500)) for _ in range(2))
    delta = means.welch(treatment, control, relative_by="delta")
    assert sum(delta.relative_interval) / 2 == pytest.approx(delta.relative_effect)
    assert delta.relative_interval == pytest.approx(means.welch(treatment, control).relative_interval, abs=1e-4)


def test_edges():
    for test in (means.welch, means.student):
        with pytest.raises(Refused, match="the control has 1"):
            test(Sample.of([1, 2]), Sample.of([1]))
        with pytest.raises(Refused, match="the treatment has 0"):
            test(Sample.of([]), Sample.of([1, 2]))
        with pytest.raises(Refused, match="the values of neither arm vary"):
            test(Sample.of([2, 2]), Sample.of([1, 1, 1]))
        same = test(Sample.of([1, 2, 3]), Sample.of([1, 2, 3]))
        assert (same.effect, same.p_value, same.relative_effect) == (0.0, 1.0, 0.0)
        huge = test(Sample(1e12, 1e8 + 1e-3, 1.0), Sample(1e12, 1e8, 1.0))
        assert huge.statistic == pytest.approx(1e-3 / math.sqrt(2e-12), rel=1e-4)
        assert huge.p_value == 0.0
        zero = test(Sample(10, 1.0, 1.0), Sample(10, 0.0, 1.0))
        assert zero.relative_effect is None
        assert zero.relative_interval is None
    one_constant = means.welch(Sample.of([1, 2, 3, 4]), Sample.of([1, 1, 1]))
    assert one_constant.p_value == pytest.approx(stats.ttest_1samp([1, 2, 3, 4], 1).pvalue)


def test_below_zero_the_relative_side_turns():
    treatment, control = Sample(100, -8.0, 1.0), Sample(100, -10.0, 1.0)
    greater = means.welch(treatment, control, alternative="greater")
    assert greater.p_value < 0.05
    assert greater.interval[1] == math.inf
    assert greater.relative_interval[0] == -math.inf
    assert -0.2 < greater.relative_interval[1] < 0.0
