"""Score intervals of two proportions against published ones, a likelihood maximised otherwise, and statsmodels."""

import math
import warnings
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.proportion import confint_proportions_2indep
from strategies import alphas, mixed, proportions

from bandit.statistics import score
from bandit.statistics.proportion import Proportion
from bandit.statistics.tails import quantile


# Newcombe, "Interval estimation for the difference between independent proportions", 1998, table II, method 6.
# statsmodels is no oracle here: up to 0.15 its restricted likelihood estimate is wrong (its issue 10269).
def test_published_difference():
    assert score.difference(Proportion(56, 70), Proportion(48, 80)) == pytest.approx((0.0528, 0.3382), abs=5e-5)


@settings(max_examples=30, deadline=None)
@given(proportions(60, 2), proportions(60, 2), alphas)
def test_a_difference_at_an_end_is_just_rejected(treatment, control, alpha):
    trials = treatment.trials + control.trials
    for end in score.difference(treatment, control, alpha=alpha):
        if abs(end) == 1.0:
            continue

        def loss(rate, end=end):
            rates = np.clip([rate + end, rate], 1e-15, 1 - 1e-15)
            arms = (treatment, control)
            return -sum(
                a.successes * math.log(r) + a.failures * math.log(1 - r) for a, r in zip(arms, rates, strict=True)
            )

        bounds = (max(0.0, -end), min(1.0, 1.0 - end))
        rate = optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
        variance = (rate + end) * (1 - rate - end) / treatment.trials + rate * (1 - rate) / control.trials
        z = (treatment.rate - control.rate - end) / math.sqrt(variance * trials / (trials - 1))
        assert 2 * stats.norm.sf(abs(z)) == pytest.approx(alpha, rel=2e-3)


@given(mixed(), mixed(), alphas)
def test_ratio_against_statsmodels(treatment, control, alpha):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = confint_proportions_2indep(
            *map(int, (treatment.successes, treatment.trials, control.successes, control.trials)),
            method="score",
            compare="ratio",
            alpha=alpha,
        )
    ours = score.ratio(treatment, control, alpha=alpha)
    # Its cubic equation loses digits for rates near 1; the next test has them all.
    assert ours == pytest.approx(expected, rel=1e-4)


@given(mixed(), mixed(), alphas)
def test_a_ratio_at_an_end_is_just_rejected(treatment, control, alpha):
    with localcontext(prec=50):
        x, n, y, m = map(Decimal, (treatment.successes, treatment.trials, control.successes, control.trials))
        for end in score.ratio(treatment, control, alpha=alpha):
            phi = Decimal(end)
            a, b, c = (n + m) * phi, -(n * phi + x + m + y * phi), x + y
            rate = (-b - (b * b - 4 * a * c).sqrt()) / (2 * a)
            variance = phi * rate * (1 - phi * rate) / n + phi * phi * rate * (1 - rate) / m
            squared = (x / n - phi * y / m) ** 2 / (variance * (n + m) / (n + m - 1))
            assert float(squared) == pytest.approx(quantile(alpha) ** 2, rel=1e-8)


@settings(deadline=None)
@given(proportions(80), proportions(80), st.sampled_from([0.01, 0.05, 0.2]))
def test_sides_and_symmetry(treatment, control, alpha):
    for interval, least in ((score.difference, -math.inf), (score.ratio, 0.0)):
        lower, upper = interval(treatment, control, alpha=alpha)
        assert interval(treatment, control, alpha=alpha / 2, alternative="greater") == (lower, math.inf)
        assert interval(treatment, control, alpha=alpha / 2, alternative="less") == (least, upper)
    lower, upper = score.difference(treatment, control, alpha=alpha)
    assert score.difference(control, treatment, alpha=alpha) == pytest.approx((-upper, -lower), abs=1e-9)
    assert lower <= treatment.rate - control.rate <= upper
    lower, upper = score.ratio(treatment, control, alpha=alpha)
    back = score.ratio(control, treatment, alpha=alpha)
    if treatment.successes or control.successes:
        assert back[0] * upper == pytest.approx(1.0) if math.isfinite(upper) else back[0] == 0.0


def test_edges():
    none, all_of_them = Proportion(0, 10), Proportion(12, 12)
    assert score.ratio(none, Proportion(0, 12)) == (0.0, math.inf)
    assert score.ratio(none, all_of_them)[0] == 0.0
    assert score.ratio(all_of_them, none)[1] == math.inf
    assert score.difference(all_of_them, none)[1] == 1.0
    # Without a success in either arm each end is where that alone has the probability of the score test.
    lower, upper = score.difference(none, Proportion(0, 12))
    squared = quantile(0.05) ** 2 * 22 / 21
    assert (lower, upper) == pytest.approx((-squared / (12 + squared), squared / (10 + squared)))
    lower, upper = score.difference(Proportion(3, 1e12), Proportion(5, 1e12))
    assert (lower, upper) == pytest.approx((-9.05e-12, 4.39e-12), abs=1e-14)
