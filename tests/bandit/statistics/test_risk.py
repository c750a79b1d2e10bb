"""Differences and ratios of two proportions against statsmodels."""

import math

import pytest
from hypothesis import given
from statsmodels.stats.proportion import confint_proportions_2indep
from strategies import alphas, mixed, proportions

from bandit.statistics import risk
from bandit.statistics.comparison import Refused
from bandit.statistics.proportion import Proportion


def theirs(treatment, control, method, compare, alpha):
    counts = map(int, (treatment.successes, treatment.trials, control.successes, control.trials))
    return confint_proportions_2indep(*counts, method=method, compare=compare, alpha=alpha)


@given(proportions(), proportions(), alphas)
def test_differences(treatment, control, alpha):
    for interval, method in ((risk.wald, "wald"), (risk.newcombe, "newcomb")):
        ours = interval(treatment, control, alpha=alpha)
        assert ours == pytest.approx(theirs(treatment, control, method, "diff", alpha), abs=1e-9)
        one = interval(treatment, control, alpha=alpha / 2, alternative="greater")
        assert one == (pytest.approx(ours[0], abs=1e-14), math.inf)
        one = interval(treatment, control, alpha=alpha / 2, alternative="less")
        assert one == (-math.inf, pytest.approx(ours[1], abs=1e-14))


@given(mixed(), mixed(), alphas)
def test_ratio(treatment, control, alpha):
    ours = risk.log_ratio(treatment, control, alpha=alpha)
    assert ours == pytest.approx(theirs(treatment, control, "log", "ratio", alpha))
    assert risk.log_ratio(treatment, control, alpha=alpha / 2, alternative="less") == (0.0, pytest.approx(ours[1]))


def test_published():
    # references: 150 of 1000 and 120 of 1000; Newcombe 1998, table II.
    interval = risk.newcombe(Proportion(150, 1000), Proportion(120, 1000))
    assert interval == pytest.approx((0.0000137824, 0.0600082586), abs=5e-11)
    assert risk.newcombe(Proportion(56, 70), Proportion(48, 80)) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert risk.wald(Proportion(56, 70), Proportion(48, 80)) == pytest.approx((0.0575, 0.3425), abs=5e-5)


def test_a_rate_of_zero_has_no_logarithm():
    with pytest.raises(Refused, match="use score"):
        risk.log_ratio(Proportion(0, 10), Proportion(1, 10))
