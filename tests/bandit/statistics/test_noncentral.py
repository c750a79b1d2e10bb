"""The noncentral t distribution against scipy's where that answers, and in its limits."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from bandit.statistics.noncentral import exceeds


@settings(max_examples=200, deadline=None)
@given(st.floats(1.0, 1e5), st.floats(0.1, 40.0), st.floats(-8.0, 40.0))
def test_it_is_scipys(df, critical, noncentrality):
    assert exceeds(critical, df, noncentrality) == pytest.approx(stats.nct.sf(critical, df, noncentrality), abs=1e-9)


@pytest.mark.parametrize(("df", "critical", "noncentrality"), [(3.0, 4.3, 2.0), (126.0, 1.98, 2.8), (1e4, 2.2, 1.0)])
def test_it_is_the_integral_over_the_standard_deviation(df, critical, noncentrality):
    def integrand(square):
        return stats.chi2.pdf(square, df) * stats.norm.cdf(noncentrality - critical * math.sqrt(square / df))

    spread = math.sqrt(2.0 * df)
    low, high = max(0.0, df - 12.0 * spread), df + 40.0 * spread
    whole, _ = quad(integrand, low, high, points=[df - 2.0 * spread, df, df + 2.0 * spread], epsrel=1e-11, limit=300)
    assert exceeds(critical, df, noncentrality) == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("df", [1e7, 1e9])
def test_many_degrees_of_freedom_are_nearly_the_normal_distribution(df):
    """To the second order in s - 1, whose mean is -1 / (4 df) and whose variance is 1 / (2 df)."""
    density = stats.norm.pdf(1.2)
    expected = stats.norm.cdf(-1.2) + 2.2 * density / (4.0 * df) + 2.2**2 * 1.2 * density / (4.0 * df)
    assert exceeds(2.2, df, 1.0) == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("df", [1.0, 2.5, 100.0, 1e9, 1e15])
def test_limits(df):
    for critical in (1e-3, 2.0, 1e8):
        assert exceeds(critical, df, 0.0) == pytest.approx(stats.t.sf(critical, df), abs=1e-9)
        assert exceeds(critical, df, 1e13) == pytest.approx(1.0, abs=1e-12)
        assert exceeds(critical, df, -1e13) == 0.0
