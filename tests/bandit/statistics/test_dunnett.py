"""Dunnett's critical values against published ones, and tails against Student's t, nested quadrature and scipy."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from bandit.statistics import dunnett


@pytest.mark.parametrize(("treatments", "critical"), [(2, 2.2121), (3, 2.3490)])
def test_critical_values_with_known_variance(treatments, critical):
    assert round(dunnett.critical_value(0.05, [1.0] * treatments), 4) == critical


# Dunnett 1955 (one-sided) and 1964 (two-sided), equal sizes, level .05: (treatments, df) -> value.
ONE_SIDED = {(2, 5): 2.44, (3, 5): 2.68, (3, 20): 2.19, (9, 20): 2.60, (3, math.inf): 2.06}
TWO_SIDED = {(2, 5): 3.03, (3, 5): 3.29, (2, 20): 2.38, (3, 20): 2.54, (3, 60): 2.41}


@pytest.mark.parametrize(("case", "value"), ONE_SIDED.items())
def test_one_sided_tables(case, value):
    treatments, df = case
    found = dunnett.critical_value(0.05, [1.0] * treatments, df, "greater")
    assert found == pytest.approx(value, abs=0.0051)
    assert dunnett.critical_value(0.05, [1.0] * treatments, df, "less") == -found


@pytest.mark.parametrize(("case", "value"), TWO_SIDED.items())
def test_two_sided_tables(case, value):
    treatments, df = case
    assert dunnett.critical_value(0.05, [1.0] * treatments, df) == pytest.approx(value, abs=0.0051)


@pytest.mark.parametrize("df", [1.0, 3.0, 50.0, 1e4, math.inf])
@pytest.mark.parametrize("ratio", [1e-8, 0.01, 1.0, 1e3, 1e12])
def test_one_treatment_is_a_t_test(df, ratio):
    for statistic in (0.1, 1.0, 5.0, 20.0, 37.0):
        one = stats.t.sf(statistic, df)
        assert dunnett.p_values([-statistic], [ratio], df) == pytest.approx([2.0 * one], rel=1e-10)
        assert dunnett.p_values([statistic], [ratio], df, "greater") == pytest.approx([one], rel=1e-10)
        assert dunnett.p_values([statistic], [ratio], df, "less") == pytest.approx([1.0 - one], rel=1e-10)


@pytest.mark.parametrize("ratios", [(1.0, 1.0), (0.5, 3.0), (20.0, 0.1), (1e4, 1e4)])
@pytest.mark.parametrize("critical", [0.5, 2.2, 6.0])
def test_two_treatments_by_the_conditional_distribution(ratios, critical):
    """P(both within) as an integral over the first statistic, the second being normal given it."""
    correlation = math.prod(math.sqrt(ratio / (1.0 + ratio)) for ratio in ratios)
    deviation = math.sqrt(1.0 - correlation**2)

    def second_exceeds(first):
        ends = (-critical - correlation * first) / deviation, (critical - correlation * first) / deviation
        return stats.norm.cdf(ends[0]) + stats.norm.sf(ends[1])

    turns = [critical - 3.0 * deviation, -critical + 3.0 * deviation]
    alone, _ = quad(
        lambda first: stats.norm.pdf(first) * second_exceeds(first), -critical, critical, epsrel=1e-11, points=turns
    )
    assert dunnett.p_values([critical, 0.0], ratios) == pytest.approx([2.0 * stats.norm.sf(critical) + alone, 1.0])


def test_scipy_with_unequal_sizes():
    random = np.random.default_rng(1)
    arms = [random.normal(mean, 1.0, size) for mean, size in ((0.0, 20), (0.5, 30), (0.9, 12), (0.0, 50))]
    df = sum(map(len, arms)) - len(arms)
    pooled = math.sqrt(sum(((arm - arm.mean()) ** 2).sum() for arm in arms) / df)
    control, *treatments = arms
    ratios = [len(arm) / len(control) for arm in treatments]
    statistics = [
        (arm.mean() - control.mean()) / (pooled * math.sqrt(1.0 / len(arm) + 1.0 / len(control))) for arm in treatments
    ]
    for alternative in ("two-sided", "greater", "less"):
        theirs = stats.dunnett(*treatments, control=control, alternative=alternative, rng=random).pvalue
        ours = dunnett.p_values(statistics, ratios, df, alternative)
        assert ours == pytest.approx(theirs, abs=3e-4)  # the spread of its random points


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=6),
    st.one_of(st.just(math.inf), st.floats(1.0, 1e10)),
    st.floats(1e-4, 0.49),
    st.sampled_from(["two-sided", "greater", "less"]),
)
def test_a_critical_value_has_its_level_and_lies_below_bonferroni(ratios, df, alpha, alternative):
    critical = dunnett.critical_value(alpha, ratios, df, alternative)
    assert dunnett.p_values([critical] * len(ratios), ratios, df, alternative)[0] == pytest.approx(alpha, rel=1e-7)
    sides = 2.0 if alternative == "two-sided" else 1.0
    known = df if df < 1e9 else math.inf
    assert abs(critical) <= stats.t.isf(alpha / len(ratios) / sides, known) * (1.0 + 1e-6) + 1e-6


def test_the_simulated_family_keeps_its_level():
    """Three treatments of unequal size, five degrees of freedom."""
    random, count = np.random.default_rng(5), 400_000
    ratios = np.array([0.5, 1.0, 4.0])
    control = random.standard_normal((count, 1))
    treatments = random.standard_normal((count, 3)) / np.sqrt(ratios)
    statistics = (treatments - control) / np.sqrt(1.0 + 1.0 / ratios) / np.sqrt(random.chisquare(5, (count, 1)) / 5)
    for alternative, extreme in (("two-sided", np.abs(statistics)), ("greater", statistics)):
        found = np.mean(np.any(extreme >= dunnett.critical_value(0.05, list(ratios), 5.0, alternative), axis=1))
        assert found == pytest.approx(0.05, abs=4.0 * math.sqrt(0.05 * 0.95 / count))


def test_a_hundred_arms():
    """Sizes that all differ, beside the same number of equal ones, whose integral is simple."""
    critical, root = 4.0, math.sqrt(0.5)

    def some_exceeds(deviate):
        ends = (-critical - root * deviate) / root, (critical - root * deviate) / root
        none = 99 * np.log1p(-stats.norm.cdf(ends[0]) - stats.norm.sf(ends[1]))
        return -np.expm1(none) * stats.norm.pdf(deviate)

    equal, _ = quad(some_exceeds, -12.0, 12.0, points=[-4.0, 0.0, 4.0], epsrel=1e-11)
    assert dunnett.p_values([critical] * 99, [1.0] * 99) == pytest.approx([equal] * 99, rel=1e-9)
    ratios = list(np.random.default_rng(2).uniform(0.9, 1.1, 99))
    assert dunnett.p_values([critical] * 99, ratios) == pytest.approx([equal] * 99, rel=0.01)


def test_what_is_far_out_and_what_is_nothing():
    assert dunnett.p_values([math.inf, -math.inf, 0.0, 50.0], [1.0] * 4) == [0.0, 0.0, 1.0, 0.0]
    assert dunnett.p_values([math.inf, -math.inf], [1.0] * 2, 7.0, "greater") == [0.0, 1.0]
    assert 0.0 < dunnett.p_values([37.0], [1.0])[0] < 1e-298
    assert dunnett.p_values([], []) == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dunnett.p_values([1.0], [1.0, 1.0]), "ratios: 2 given, must be one for each of 1 statistics"),
        (lambda: dunnett.p_values([math.nan], [1.0]), r"statistics\[0\]: nan given, must be a number"),
        (lambda: dunnett.p_values([1.0, 1.0], [1.0, 0.0]), r"ratios\[1\]: 0 given, must be above 0 and finite"),
        (lambda: dunnett.critical_value(0.05, []), "ratios: none given"),
        (lambda: dunnett.critical_value(1.5, [1.0]), "alpha: 1.5 given, must lie strictly between 0 and 1"),
        (lambda: dunnett.critical_value(0.05, [1.0], 0.5), "df: 0.5 given, must be at least 1"),
    ],
)
def test_wrong_arguments_are_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()
