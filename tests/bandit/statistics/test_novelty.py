"""Trends against statsmodels' weighted least squares."""

import numpy as np
import pytest
import statsmodels.api as sm

from bandit.statistics.novelty import fading, trend
from bandit.statistics.timeline import Timeline


def test_weighted_least_squares():
    rng = np.random.default_rng(0)
    times, variances = np.sort(rng.uniform(0, 30, 12)), rng.uniform(0.5, 2, 12)
    estimates = 3 - 0.2 * times + rng.normal(0, 4 * np.sqrt(variances))
    found = trend(Timeline(times, estimates, variances))
    expected = sm.WLS(estimates, sm.add_constant(times), weights=1 / variances).fit()
    # They scatter by more than the variances say, and so the standard error is the scatter's.
    assert found.slope == pytest.approx(expected.params[1])
    assert found.standard_error == pytest.approx(expected.bse[1])
    assert found.p_value == pytest.approx(expected.pvalues[1])
    assert (found.first, found.last) == pytest.approx((expected.fittedvalues[0], expected.fittedvalues[-1]))
    known = sm.WLS(estimates, sm.add_constant(times), weights=1 / variances).fit(cov_type="fixed scale")
    wide = trend(Timeline(times, estimates, 100 * variances))
    assert wide.standard_error == pytest.approx(10 * known.bse[1])


def test_without_a_trend_it_errs_no_more_than_it_says():
    rng = np.random.default_rng(1)
    found = [trend(Timeline(np.arange(14), rng.normal(1, 1, 14), np.ones(14))).p_value < 0.05 for _ in range(1000)]
    assert 5 <= sum(found) <= 65


@pytest.mark.parametrize(("slope", "kind", "word"), [(-0.3, "novelty", "fades"), (0.3, "primacy", "grows")])
def test_a_finding(slope, kind, word):
    times = np.arange(14.0)
    estimates = 5 + slope * times + np.random.default_rng(2).normal(0, 0.1, 14)
    found = fading("short", Timeline(times, estimates, np.full(14, 0.01)))
    assert (found.kind, found.severity) == (kind, "warning")
    assert found.message.startswith(f"The effect of short {word}: a line through it goes from ")
    mirrored = fading("short", Timeline(times, -estimates, np.full(14, 0.01)))
    assert mirrored.kind == kind


def test_nothing_to_report():
    level = Timeline(np.arange(14), np.ones(14), np.ones(14))
    assert fading("short", level) is None
    assert trend(Timeline(np.arange(3), np.ones(3), np.ones(3))) is None
    assert fading("short", Timeline(np.arange(3), np.ones(3), np.ones(3))) is None
