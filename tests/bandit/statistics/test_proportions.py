"""Tests of two proportions against scipy, statsmodels and the published row."""

import math

import pytest
from hypothesis import assume, given
from scipy import stats
from statsmodels.stats.proportion import proportions_ztest
from statsmodels.stats.proportion import test_proportions_2indep as two_proportions
from strategies import LARGER, alternatives, mixed, proportions

from bandit.statistics import proportions as tests
from bandit.statistics.comparison import Refused
from bandit.statistics.proportion import Proportion


def table(treatment, control):
    return [[treatment.successes, treatment.failures], [control.successes, control.failures]]


def test_published_row():
    treatment, control = Proportion(150, 1000), Proportion(120, 1000)
    pooled = tests.pooled_z(treatment, control)
    assert pooled.statistic == pytest.approx(1.9630498, abs=5e-8)
    assert pooled.p_value == pytest.approx(0.0496403869, abs=5e-11)
    assert pooled.interval == pytest.approx((0.0000137824, 0.0600082586), abs=5e-11)
    assert (pooled.effect, pooled.relative_effect) == pytest.approx((0.03, 0.25))
    assert not pooled.warnings
    assert tests.chi_square(treatment, control).statistic == pytest.approx(3.8535645, abs=5e-8)


@given(mixed(), mixed(), alternatives)
def test_z_against_statsmodels(treatment, control, alternative):
    counts = [[treatment.successes, control.successes], [treatment.trials, control.trials]]
    pooled = tests.pooled_z(treatment, control, alternative=alternative)
    statistic, p = proportions_ztest(*counts, alternative=LARGER[alternative])
    assert (pooled.statistic, pooled.p_value) == pytest.approx((statistic, p), rel=1e-9, abs=1e-14)
    unpooled = tests.unpooled_z(treatment, control, alternative=alternative)
    arms = (treatment.successes, treatment.trials, control.successes, control.trials)
    wald = two_proportions(*arms, method="wald", compare="diff", alternative=LARGER[alternative])
    assert (unpooled.statistic, unpooled.p_value) == pytest.approx((wald.statistic, wald.pvalue), rel=1e-9, abs=1e-14)
    assert (unpooled.p_value < 0.05) == (not unpooled.interval[0] <= 0.0 <= unpooled.interval[1])


@given(proportions(), proportions())
def test_tables_against_scipy(treatment, control):
    assume(0 < treatment.successes + control.successes < treatment.trials + control.trials)
    for ours, options in (
        (tests.chi_square(treatment, control), {"correction": False}),
        (tests.chi_square(treatment, control, continuity=True), {"correction": True}),
        (tests.g(treatment, control), {"correction": False, "lambda_": "log-likelihood"}),
    ):
        expected = stats.chi2_contingency(table(treatment, control), **options)
        assert (ours.statistic, ours.p_value) == pytest.approx(
            (expected.statistic, expected.pvalue), rel=1e-8, abs=1e-12
        )


@given(proportions(), proportions())
def test_chi_square_is_the_square_of_z(treatment, control):
    z, chi_square = tests.pooled_z(treatment, control), tests.chi_square(treatment, control)
    assert chi_square.statistic == pytest.approx(z.statistic**2, abs=1e-9)
    assert chi_square.p_value == pytest.approx(z.p_value, abs=1e-9)


@given(proportions(), proportions())
def test_arms_exchanged(treatment, control):
    there, back = tests.pooled_z(treatment, control), tests.pooled_z(control, treatment)
    assert (back.effect, back.p_value) == pytest.approx((-there.effect, there.p_value))
    assert back.interval == pytest.approx((-there.interval[1], -there.interval[0]), abs=1e-12)
    one = tests.pooled_z(treatment, control, alternative="greater").p_value
    assert one == pytest.approx(tests.pooled_z(control, treatment, alternative="less").p_value)


@pytest.mark.parametrize("test", [tests.pooled_z, tests.chi_square, tests.g])
def test_nothing_and_everything(test):
    for successes in (0, 10):
        result = test(Proportion(successes, 10), Proportion(successes, 10))
        assert (result.p_value, result.effect, result.statistic) == (1.0, 0.0, 0.0)
        assert result.interval == pytest.approx((-0.2775328, 0.2775328))
    none = test(Proportion(3, 10), Proportion(0, 10))
    assert none.relative_effect is None
    assert none.relative_interval is None
    with pytest.raises(Refused, match="the control has no trials"):
        test(Proportion(1, 2), Proportion(0, 0))


def test_unpooled_z_needs_a_variance():
    with pytest.raises(Refused, match="neither arm has both"):
        tests.unpooled_z(Proportion(10, 10), Proportion(0, 10))


def test_large_numbers():
    treatment, control = Proportion(5e11 + 4e6, 1e12), Proportion(5e11, 1e12)
    assert tests.pooled_z(treatment, control).statistic == pytest.approx(4e-6 / math.sqrt(0.5 / 1e12), rel=1e-6)
    result = tests.pooled_z(Proportion(1e12, 1e12), Proportion(0, 1e12))
    assert (result.p_value, result.effect) == (0.0, 1.0)
    assert all(map(math.isfinite, result.interval))


def test_warnings():
    few = tests.pooled_z(Proportion(1, 10), Proportion(3, 10))
    assert any("fewer than 5" in warning for warning in few.warnings)
    assert not tests.pooled_z(Proportion(10, 50), Proportion(13, 50)).warnings
