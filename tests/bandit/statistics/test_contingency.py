"""Tables of several arms against scipy."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from strategies import proportions

from bandit.statistics.comparison import Refused
from bandit.statistics.contingency import homogeneity
from bandit.statistics.proportion import Proportion


@given(st.lists(proportions(), min_size=2, max_size=8))
def test_against_scipy(arms):
    table = np.array([(arm.successes, arm.failures) for arm in arms])
    assume(table.sum(axis=0).all())
    for method, power in (("chi_square", "pearson"), ("g", "log-likelihood")):
        ours, expected = homogeneity(arms, method), stats.chi2_contingency(table, correction=False, lambda_=power)
        assert ours.statistic == pytest.approx(expected.statistic, rel=1e-8, abs=1e-12)
        assert ours.p_value == pytest.approx(expected.pvalue, rel=1e-8)
        assert ours.degrees == expected.dof
        assert ours.least_expected == pytest.approx(expected.expected_freq.min())


def test_no_success_at_all_and_a_hundred_arms():
    assert homogeneity([Proportion(0, 5), Proportion(0, 9)]).p_value == 1.0
    arms = [Proportion(100 + arm, 1000) for arm in range(100)]
    assert homogeneity(arms).degrees == 99
    assert homogeneity(arms).p_value < 0.01
    assert not homogeneity(arms).warnings
    assert homogeneity([Proportion(1, 5), Proportion(2, 9)]).warnings


def test_refusals():
    with pytest.raises(Refused, match="two arms or more"):
        homogeneity([Proportion(1, 2)])
    with pytest.raises(Refused, match="each with trials"):
        homogeneity([Proportion(1, 2), Proportion(0, 0)])
    with pytest.raises(ValueError, match="method: 'z' given"):
        homogeneity([Proportion(1, 2), Proportion(1, 3)], "z")
