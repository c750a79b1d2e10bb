"""Sizes, power and detectable effects against R, statsmodels, published formulas and simulated experiments."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats import power as theirs
from statsmodels.stats import proportion, rates

from bandit.statistics import dunnett, planning
from bandit.statistics.boundaries import BOUNDARIES, lan_demets_obrien_fleming
from bandit.statistics.count_designs import Proportions, Rates
from bandit.statistics.crossing import equally_spaced
from bandit.statistics.group_sequential import inflation_factor
from bandit.statistics.mean_designs import Means, Ratios, linearised_deviation
from bandit.statistics.planning import MOST_UNITS, detectable_effect, power_with_looks, sample_size


@pytest.mark.parametrize(
    ("baseline", "treatment", "formula", "size"),
    [
        (0.10, 0.12, "pooled", 3840.847),
        (0.10, 0.12, "unpooled", 3838.102),
        (0.10, 0.12, "arcsine", 3834.596),
        (0.05, 0.06, "pooled", 8157.731),
        (0.05, 0.06, "unpooled", 8154.986),
        (0.05, 0.06, "arcsine", 8142.595),
    ],
)
def test_proportions(baseline, treatment, formula, size):
    found = sample_size(Proportions(baseline=baseline, formula=formula), treatment - baseline)
    assert round(found.exact, 3) == size
    assert found == (found.exact, math.ceil(size), math.ceil(size), 2 * math.ceil(size))


@pytest.mark.parametrize(("power", "size"), [(0.8, 63.76561), (0.9, 85.03128)])
def test_means(power, size):
    assert round(sample_size(Means(unit_deviation=1.0), 0.5, power).exact, 5) == size
    assert round(sample_size(Means(unit_deviation=20.0), -10.0, power).exact, 5) == size


SIDES = {"two-sided": "two-sided", "greater": "larger", "less": "smaller"}
sides = st.sampled_from(sorted(SIDES))
proportions = st.floats(0.001, 0.999)
ratios = st.floats(0.1, 10.0)
alphas = st.floats(1e-4, 0.3)


@settings(max_examples=100, deadline=None)
@given(st.floats(3.0, 1e6), st.floats(-0.5, 0.5), ratios, alphas, sides)
def test_means_are_those_of_statsmodels(size, effect, ratio, alpha, side):
    assume(size * ratio > 2.0)
    found = Means(unit_deviation=2.0, ratio=ratio, alpha=alpha, alternative=side).power(size, 2.0 * effect)
    expected = theirs.TTestIndPower().power(effect, size, alpha, ratio, alternative=SIDES[side])
    assume(not math.isnan(expected))  # where a far tail of scipy's is
    assert found == pytest.approx(expected, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(st.floats(1.0, 1e6), proportions, proportions, ratios, alphas, sides)
def test_arcsines_are_those_of_statsmodels(size, baseline, treatment, ratio, alpha, side):
    design = Proportions(baseline=baseline, formula="arcsine", ratio=ratio, alpha=alpha, alternative=side)
    effect = proportion.proportion_effectsize(treatment, baseline)
    expected = theirs.NormalIndPower().power(effect, size, alpha, ratio, alternative=SIDES[side])
    assert design.power(size, treatment - baseline) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(st.floats(1.0, 1e6), proportions, proportions, ratios, alphas)
def test_pooled_proportions_are_those_of_statsmodels(size, baseline, treatment, ratio, alpha):
    """Its two-sided power counts the far tail as well, so one side is compared."""
    assume(treatment > baseline)
    design = Proportions(baseline=baseline, ratio=ratio, alpha=alpha, alternative="greater")
    # Its ratio is that of the second sample to the first, and the difference that of the first from the second.
    expected = proportion.power_proportions_2indep(
        treatment - baseline, baseline, size * ratio, 1.0 / ratio, alpha, alternative="larger", return_results=False
    )
    assert design.power(size, treatment - baseline) == pytest.approx(float(expected), abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(st.floats(1.0, 1e5), st.floats(0.01, 50.0), st.floats(0.01, 50.0), ratios, alphas, st.booleans())
def test_rates_are_those_of_statsmodels(size, baseline, treatment, ratio, alpha, pooled):
    assume(treatment > baseline)
    design = Rates(
        baseline=baseline, ratio=ratio, alpha=alpha, alternative="greater", formula="pooled" if pooled else "unpooled"
    )
    expected = rates.power_poisson_diff_2indep(
        treatment,
        baseline,
        nobs1=size * ratio,
        nobs_ratio=1.0 / ratio,
        alpha=alpha,
        method_var="score" if pooled else "alt",
        alternative="larger",
        return_results=False,
    )
    assert design.power(size, treatment - baseline) == pytest.approx(float(expected), abs=1e-9)


def test_exposure_stands_for_units():
    once, twice = (sample_size(Rates(baseline=2.0, exposure=time), 0.1).exact for time in (1.0, 2.0))
    assert once == pytest.approx(2.0 * twice)


def test_non_inferiority_is_blackwelders_formula():
    """Blackwelder 1982: (z_alpha + z_beta)^2 (p q + p q) / margin^2."""
    quantiles = stats.norm.ppf(0.975) + stats.norm.ppf(0.9)
    for alternative, effect in itertools.product(("greater", "less"), (0.0, 0.01, -0.01)):
        design = Proportions(baseline=0.3, formula="unpooled", alpha=0.025, alternative=alternative, margin=0.05)
        distance = 0.05 + (effect if alternative == "greater" else -effect)
        variance = 0.21 + (0.3 + effect) * (0.7 - effect)
        expected = quantiles**2 * variance / distance**2
        assert sample_size(design, effect, 0.9).exact == pytest.approx(expected, rel=1e-9)


def test_several_treatments():
    one = Proportions(baseline=0.1, alpha=0.05 / 3)
    for correction in ("bonferroni", "holm"):
        three = Proportions(baseline=0.1, treatments=3, correction=correction)
        assert three.level() == 0.05 / 3
        found = sample_size(three, 0.02)
        assert found.exact == pytest.approx(sample_size(one, 0.02).exact)
        assert found.total == 4 * found.control
    sharper = Proportions(baseline=0.1, treatments=3, correction="dunnett")
    assert sharper.level() == pytest.approx(2.0 * stats.norm.sf(2.3490), rel=2e-4)
    assert sample_size(Proportions(baseline=0.1), 0.02).exact < sample_size(sharper, 0.02).exact < found.exact


def test_unequal_allocation_is_rounded_up_in_each_arm():
    found = sample_size(Proportions(baseline=0.1, treatments=2, ratio=0.3), 0.02)
    assert found.control == math.ceil(found.exact)
    assert found.treatment == math.ceil(0.3 * found.exact)
    assert found.total == found.control + 2 * found.treatment


MANY = [
    Proportions(baseline=0.2),
    Proportions(baseline=0.2, formula="unpooled", margin=0.02, alternative="greater"),
    Proportions(baseline=0.7, formula="arcsine", alternative="less", alpha=0.01),
    Proportions(baseline=0.05, ratio=3.0, treatments=4),
    Means(unit_deviation=3.0),
    Means(unit_deviation=0.1, treatments=3, ratio=0.5, correction="dunnett"),
    Means(unit_deviation=1.0, margin=0.2, alternative="less"),
    Rates(baseline=0.5, exposure=7.0),
    Rates(baseline=5.0, formula="unpooled", alternative="less"),
    Ratios(unit_deviation=2.5, ratio=2.0),
]


@pytest.mark.parametrize("design", MANY)
@pytest.mark.parametrize("power", [0.6, 0.8, 0.99])
@pytest.mark.parametrize("inflation", [1.0, 1.2])
def test_size_effect_and_power_are_one_function(design, power, inflation):
    effect = detectable_effect(design, 700.0, power, inflation)
    assert design.power(700.0 / inflation, effect) == pytest.approx(power, rel=1e-9)
    assert (effect > design.null) == (design.alternative != "less")
    assert sample_size(design, effect, power, inflation).exact == pytest.approx(700.0, rel=1e-8)


@pytest.mark.parametrize("design", MANY)
def test_more_units_and_greater_effects_have_more_power(design):
    sign = -1.0 if design.alternative == "less" else 1.0
    effects = [design.null + sign * design.deviation * step for step in (0.05, 0.1, 0.2)]
    powers = np.array([[design.power(size, effect) for effect in effects] for size in (20.0, 100.0, 5000.0, 1e12)])
    rounding = 4.0 * np.finfo(np.float64).eps  # of powers near one
    assert np.all(np.diff(powers, axis=0) >= -rounding)
    assert np.all(np.diff(powers, axis=1) >= -rounding)
    assert powers[-1] == pytest.approx([1.0] * 3)


def rejected(design, size, effect, random, count=20_000):
    """The share of simulated experiments whose first treatment is told from control by the test that was planned."""
    treated = round(size * design.ratio)
    control, treatment = None, None
    if isinstance(design, Means):
        arms = [random.normal(0.0, design.unit_deviation, (count, size))]
        arms += [random.normal(effect, design.unit_deviation, (count, treated)) for _ in range(design.treatments)]
        control, treatment = arms[0].mean(axis=1), arms[1].mean(axis=1)
        df = sum(arm.shape[1] - 1 for arm in arms)
        pooled = sum(arm.var(axis=1, ddof=1) * (arm.shape[1] - 1) for arm in arms) / df
        error = np.sqrt(pooled * (1.0 / size + 1.0 / treated))
        critical = dunnett.critical_value(design.alpha, [design.ratio] * design.treatments, df)
    else:
        if isinstance(design, Proportions):
            control = random.binomial(size, design.baseline, count) / size
            treatment = random.binomial(treated, design.baseline + effect, count) / treated
            variances = [share * (1.0 - share) for share in (control, treatment)]
        else:
            control = random.poisson(size * design.exposure * design.baseline, count) / size / design.exposure
            treatment = random.poisson(treated * design.exposure * (design.baseline + effect), count)
            treatment = treatment / treated / design.exposure
            variances = [rate / design.exposure for rate in (control, treatment)]
        if design.formula == "pooled":
            common = (control * size + treatment * treated) / (size + treated)
            variance = common * (1.0 - common) if isinstance(design, Proportions) else common / design.exposure
            variances = [variance, variance]
        if design.formula == "arcsine":
            control, treatment = 2.0 * np.arcsin(np.sqrt(control)), 2.0 * np.arcsin(np.sqrt(treatment))
            variances = [1.0, 1.0]
        error = np.sqrt(variances[0] / size + variances[1] / treated)
        critical = stats.norm.isf(design.level() / (2.0 if design.alternative == "two-sided" else 1.0))
    statistic = (treatment - control - design.null) / error
    if design.alternative == "two-sided":
        return np.mean(np.abs(statistic) >= critical)
    return np.mean((-statistic if design.alternative == "less" else statistic) >= critical)


@pytest.mark.parametrize(
    ("design", "effect"),
    [
        (Proportions(baseline=0.3), 0.05),
        (Proportions(baseline=0.3, formula="unpooled", ratio=0.5, treatments=3), 0.06),
        (Proportions(baseline=0.3, formula="arcsine"), -0.06),
        (Proportions(baseline=0.3, formula="unpooled", margin=0.05, alternative="greater"), 0.0),
        (Proportions(baseline=0.3, formula="unpooled", margin=0.05, alternative="less"), 0.0),
        (Means(unit_deviation=2.0), 2.0),
        (Means(unit_deviation=2.0, treatments=3, correction="dunnett"), 2.5),
        (Rates(baseline=2.0, exposure=3.0), 0.2),
        (Rates(baseline=2.0, formula="unpooled", ratio=2.0, alternative="less"), -0.2),
    ],
)
def test_a_simulated_experiment_of_that_size_has_that_power(design, effect):
    found = sample_size(design, effect, 0.8)
    size = found.control
    # What the formula says of whole units; 4 standard errors, and .01 for the approximation where it is one.
    expected = design.power(size, effect)
    share = rejected(design, size, effect, np.random.default_rng(17))
    assert share == pytest.approx(
        expected, abs=4.0 * math.sqrt(0.16 / 20_000) + (0.0 if isinstance(design, Means) else 0.01)
    )


def test_a_simulated_ratio_metric_has_that_power():
    """Clicks per view: users view a gamma-distributed number of pages, and each view is clicked or not."""
    random, count = np.random.default_rng(23), 2000

    def users(size, rate):
        views = 1.0 + random.poisson(random.gamma(2.0, 3.0, (count, size)))
        return random.binomial(views.astype(int), rate).astype(float), views

    clicks, views = users(500, 0.2)
    deviation = linearised_deviation(
        clicks.mean(), clicks.std(), views.mean(), views.std(), np.corrcoef(clicks.ravel(), views.ravel())[0, 1]
    )
    size = sample_size(Ratios(unit_deviation=deviation), 0.02).control
    ratios, variances = [], []
    for rate in (0.2, 0.22):
        clicks, views = users(size, rate)
        ratio = clicks.sum(axis=1) / views.sum(axis=1)
        contributions = (clicks - ratio[:, None] * views) / views.mean(axis=1)[:, None]
        ratios.append(ratio)
        variances.append(contributions.var(axis=1, ddof=1) / size)
    z = (ratios[1] - ratios[0]) / np.sqrt(variances[0] + variances[1])
    assert np.mean(np.abs(z) >= stats.norm.isf(0.025)) == pytest.approx(0.8, abs=4.0 * math.sqrt(0.16 / count) + 0.01)


def test_linearised_deviation_is_that_of_the_contributions():
    random = np.random.default_rng(3)
    for slope in (0.5, -2.0, 0.0):
        below = random.gamma(3.0, 2.0, 5000)
        above = slope * below + random.normal(1.0, 2.0, 5000)
        ratio = above.mean() / below.mean()
        expected = ((above - ratio * below) / below.mean()).std()
        correlation = np.corrcoef(above, below)[0, 1]
        found = linearised_deviation(above.mean(), above.std(), below.mean(), below.std(), correlation)
        assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", sorted(BOUNDARIES))
def test_looks_cost_what_the_inflation_factor_says(name):
    design = Proportions(baseline=0.1)
    boundary = BOUNDARIES[name](equally_spaced(5), 0.05, "two-sided")
    inflation = inflation_factor(boundary, 0.05, 0.8)
    found = sample_size(design, 0.02, 0.8, inflation)
    assert found.exact == pytest.approx(inflation * 3840.8474824, rel=1e-9)
    assert power_with_looks(design, boundary, found.exact, 0.02) == pytest.approx(0.8, rel=1e-9)
    assert detectable_effect(design, found.exact, 0.8, inflation) == pytest.approx(0.02, rel=1e-9)


def test_power_with_looks_from_nothing_to_certainty():
    design = Proportions(baseline=0.1, alternative="less", formula="unpooled")
    boundary = lan_demets_obrien_fleming(equally_spaced(3), 0.05, "less")
    powers = [power_with_looks(design, boundary, 4000.0, -effect) for effect in (-0.01, 0.0, 0.001, 0.01, 0.02, 0.09)]
    assert powers[1] == pytest.approx(0.05)
    assert powers == sorted(powers)
    assert powers[-1] == 1.0


def test_a_simulated_experiment_with_looks_has_its_power():
    design, looks, count = Proportions(baseline=0.2), 4, 20_000
    boundary = lan_demets_obrien_fleming(equally_spaced(looks))
    each = math.ceil(sample_size(design, 0.05, 0.8, inflation_factor(boundary, 0.05, 0.8)).exact / looks)
    random, crossed = np.random.default_rng(29), np.zeros(count, bool)
    totals = np.zeros((2, count))
    for look in range(looks):
        totals += [random.binomial(each, 0.2, count), random.binomial(each, 0.25, count)]
        size = each * (look + 1)
        common = totals.sum(axis=0) / (2.0 * size)
        z = (totals[1] - totals[0]) / size / np.sqrt(2.0 * common * (1.0 - common) / size)
        crossed |= z >= boundary.upper[look]
    assert crossed.mean() == pytest.approx(0.8, abs=4.0 * math.sqrt(0.16 / count) + 0.005)


def test_edges():
    certain = Proportions(baseline=1e-9)
    assert sample_size(certain, 1.0 - 1e-9).control == 2  # none against all
    assert sample_size(Means(unit_deviation=1.0), 1e12).control == 2
    assert sample_size(Means(unit_deviation=1.0), 4e-6).exact == pytest.approx(9.811e11, rel=1e-3)
    many = [kind(unit_deviation=1.0, alternative="greater").power(1e12, 4e-6) for kind in (Means, Ratios)]
    assert many[0] == pytest.approx(many[1], rel=1e-9)
    for formula in ("pooled", "unpooled", "arcsine"):
        tiny = detectable_effect(Proportions(baseline=0.05, formula=formula), 1e12)
        assert tiny == pytest.approx(2.8015851 * math.sqrt(2.0 * 0.0475e-12), rel=1e-4)
    assert sample_size(Proportions(baseline=0.1, treatments=99, correction="dunnett"), 0.02).total > 99 * 3841
    assert Proportions(baseline=0.1, alpha=1e-12).power(1e6, 0.02) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Proportions(baseline=1.0), "baseline: 1 given, must lie strictly between 0 and 1"),
        (lambda: Proportions(baseline=0.1, alpha=1.5), "alpha: 1.5 given, must lie strictly between 0 and 1"),
        (lambda: Proportions(baseline=0.1, ratio=0.0), "ratio: 0 given, must be above 0 and finite"),
        (lambda: Proportions(baseline=0.1, treatments=0), "treatments: 0 given, must be 1 or more"),
        (lambda: Proportions(baseline=0.1, margin=-1.0), "margin: -1 given, must be 0 or more"),
        (lambda: Means(unit_deviation=1.0, margin=0.1), "margin: given with a two-sided alternative"),
        (
            lambda: Proportions(baseline=0.1, margin=0.1, alternative="greater"),
            "formula: 'pooled' given, must be 'unpooled' with a margin",
        ),
        (lambda: Means(unit_deviation=0.0), "sd: 0 given, must be above 0"),
        (lambda: Means(unit_deviation=1.0).power(1.0, 1.0), "size: 1 given, must be at least 1.5"),
        (lambda: Ratios(unit_deviation=math.inf), "unit_deviation: inf given"),
        (lambda: Rates(baseline=0.0), "baseline: 0 given, must be above 0"),
        (lambda: Rates(baseline=1.0, exposure=0.0), "exposure: 0 given, must be above 0"),
        (lambda: sample_size(MANY[0], 0.0), "effect: 0 given, must be other than 0 to be found"),
        (lambda: sample_size(MANY[1], -0.02), "effect: -0.02 given, must be above -0.02 to be found"),
        (lambda: sample_size(MANY[2], 0.01), "effect: 0.01 given, must be below 0 to be found"),
        (lambda: sample_size(MANY[0], 0.9), "effect: 0.9 given, must be finite and lie from -0.2 to 0.8"),
        (lambda: sample_size(MANY[0], 1e-12), r"effect: 1e-12 given, which no sample up to 1e\+15 units finds"),
        (lambda: sample_size(MANY[0], 0.1, 1.0), "power: 1 given, must lie strictly between 0 and 1"),
        (lambda: detectable_effect(MANY[0], 2.0), "size: 2 given, with which no effect is found with power 0.8"),
        (lambda: detectable_effect(MANY[0], 0.0), "size: 0 given, must lie from 1 to"),
        (lambda: detectable_effect(MANY[0], 2.0 * MOST_UNITS), "size: 2e\\+15 given, must lie from 1 to 1e\\+15"),
        (lambda: detectable_effect(MANY[0], 100.0, 0.02), "power: 0.02 given, must be above what there is without"),
        (lambda: linearised_deviation(1.0, -1.0, 1.0, 1.0, 0.0), "numerator_sd: -1 given"),
        (lambda: linearised_deviation(1.0, 1.0, 0.0, 1.0, 0.0), "denominator_mean: 0 given"),
        (lambda: linearised_deviation(1.0, 1.0, 1.0, 1.0, 2.0), "correlation: 2 given, must lie from -1 to 1"),
        (lambda: linearised_deviation(1.0, 1.0, 2.0, 2.0, 1.0), "with which the ratio does not vary"),
    ],
)
def test_wrong_arguments_are_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_whole_sizes_are_not_pushed_up_by_rounding():
    assert planning.whole(MANY[0], 100.0 + 1e-9)[1:] == (100, 100, 200)
    assert planning.whole(MANY[0], 100.01)[1:] == (101, 101, 202)
