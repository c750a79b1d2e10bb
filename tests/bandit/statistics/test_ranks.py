"""Rank tests against scipy and differences counted out."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from strategies import alphas, alternatives, seeds, values

from bandit.statistics import ranks
from bandit.statistics.comparison import Refused

SLEEP = (
    [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0],
    [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4],
)


def test_sleep():
    # As R's wilcox.test prints it.
    result = ranks.mann_whitney(*SLEEP)
    assert result.statistic == 25.5
    assert result.p_value == pytest.approx(0.06933, abs=5e-6)


@given(values(1, 49), values(1, 49), alternatives)
def test_exact_against_scipy(treatment, control, alternative):
    assume(np.unique([*treatment, *control]).size == treatment.size + control.size)
    ours = ranks.mann_whitney(treatment, control, alternative=alternative)
    theirs = stats.mannwhitneyu(treatment, control, alternative=alternative, method="exact")
    assert (ours.statistic, ours.p_value) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-9)


@given(seeds, alternatives)
def test_ties_against_scipy(seed, alternative):
    random = np.random.default_rng(seed)
    treatment, control = random.poisson(2, random.integers(3, 90)), random.poisson(2.5, random.integers(3, 90))
    ours = ranks.mann_whitney(treatment, control, alternative=alternative)
    if len(np.unique(np.concatenate((treatment, control)))) == 1:
        assert ours.p_value == 1.0
    else:
        theirs = stats.mannwhitneyu(treatment, control, alternative=alternative, method="asymptotic")
        assert (ours.statistic, ours.p_value) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(values(4, 70), values(4, 70), alphas, alternatives)
def test_the_interval_ends_where_the_test_begins_to_reject(treatment, control, alpha, alternative):
    assume(np.unique([*treatment, *control]).size == treatment.size + control.size)
    result = ranks.mann_whitney(treatment, control, alpha=alpha, alternative=alternative)
    differences = np.subtract.outer(treatment, control)
    assert result.effect == pytest.approx(np.median(differences))
    small = 1e-9 * (1 + np.abs(differences).max())
    for end, outwards in zip(result.interval, (-small, small), strict=True):
        if math.isfinite(end):
            inside, outside = (
                ranks.mann_whitney(treatment - end + step, control, alternative=alternative).p_value
                for step in (outwards, -outwards)
            )
            assert inside > alpha or math.isclose(inside, alpha)
            assert outside <= alpha * (1 + 1e-9)


@settings(max_examples=40)
@given(seeds, st.integers(1, 400))
def test_differences_are_closed_in_on(seed, rank):
    random = np.random.default_rng(seed)
    x, y = np.sort(random.normal(0, 3, 20)), np.sort(random.normal(1, 2, 20))
    expected = np.sort(np.subtract.outer(x, y).ravel())[rank - 1]
    assert ranks._difference(x, y, rank) == expected
    most, ranks.PAIRS = ranks.PAIRS, 10
    try:
        assert ranks._difference(x, y, rank) == pytest.approx(expected, abs=1e-12)
    finally:
        ranks.PAIRS = most


@given(values(3), values(3), alternatives)
def test_brunner_munzel_against_scipy(treatment, control, alternative):
    if treatment.max() < control.min() or control.max() < treatment.min():
        with pytest.raises(Refused, match="the arms do not overlap"):
            ranks.brunner_munzel(treatment, control)
        return
    ours = ranks.brunner_munzel(treatment, control, alternative=alternative)
    theirs = stats.brunnermunzel(
        control, treatment, {"greater": "less", "less": "greater"}.get(alternative, alternative)
    )
    assert (ours.statistic, ours.p_value) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-7, abs=1e-12)
    wins = np.sign(np.subtract.outer(treatment, control)).mean()
    assert ours.effect == pytest.approx(wins / 2, abs=1e-12)


def test_edges():
    assert ranks.mann_whitney([1], [2]).interval == (-math.inf, math.inf)
    assert ranks.mann_whitney([1], [2]).p_value == 1.0
    same = ranks.mann_whitney([1.0] * 60, [1.0] * 60)
    assert (same.p_value, same.effect, same.interval) == (1.0, 0.0, (0.0, 0.0))
    with pytest.raises(Refused, match="the control has 0 values, of 1 needed"):
        ranks.mann_whitney([1], [])
    with pytest.raises(ValueError, match="treatment: 2 of 3 values are not finite"):
        ranks.mann_whitney([1, math.nan, math.inf], [1])
    apart = ranks.mann_whitney(np.arange(2000.0), np.arange(2000.0) + 1e6)
    assert apart.p_value == 0.0
    assert apart.effect == -1e6


def test_many_values_in_bounded_memory():
    random = np.random.default_rng(1)
    treatment, control = random.normal(0.3, 1, 20_000), random.normal(0, 1, 20_000)  # 3 GB of differences
    result = ranks.mann_whitney(treatment, control)
    assert result.effect == pytest.approx(0.3, abs=0.04)
    assert result.interval[0] < 0.3 < result.interval[1]
