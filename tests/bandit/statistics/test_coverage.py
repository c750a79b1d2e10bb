"""How often intervals cover the truth, and tests reject a true hypothesis: seeded simulations, or counted out."""

import functools
import math

import numpy as np
import pytest
from scipy import stats

from bandit.statistics import (
    bootstrap,
    exact,
    means,
    permutation,
    proportions,
    quantiles,
    ranks,
    rates,
    ratio,
    risk,
    score,
    strata,
)
from bandit.statistics.covariates import cuped
from bandit.statistics.factorial import anova
from bandit.statistics.joint import JointSample
from bandit.statistics.proportion import Proportion
from bandit.statistics.rates import Rate
from bandit.statistics.sample import Sample


def covered(interval, truth):
    return interval is not None and interval[0] <= truth <= interval[1]


def near(share, runs, level=0.95, slack=0.0):
    """Whether a share of so many runs is a level, but for chance and a stated slack."""
    return abs(share - level) < 4 * math.sqrt(level * (1 - level) / runs) + slack


SIZES = (18, 24)
RATES = ((0.5, 0.5), (0.3, 0.45), (0.1, 0.2), (0.8, 0.6), (0.9, 0.95))


def counted_out(interval, truth):
    """The coverage of an interval for two proportions at each pair of rates: no chance in it."""
    arms = [[Proportion(count, size) for count in range(size + 1)] for size in SIZES]
    ends = np.array([[interval(x, y) for y in arms[1]] for x in arms[0]])
    for rates_of_both in RATES:
        chances = np.outer(
            *(stats.binom.pmf(np.arange(size + 1), size, p) for size, p in zip(SIZES, rates_of_both, strict=True))
        )
        value = truth(*rates_of_both)
        yield (chances * ((ends[..., 0] <= value) & (value <= ends[..., 1]))).sum()


@pytest.mark.parametrize(
    ("interval", "least", "most"),
    # Wald's covers too little, as it says.
    [(risk.newcombe, 0.94, 0.99), (score.difference, 0.945, 0.97), (risk.wald, 0.83, 0.94)],
)
def test_differences_of_proportions(interval, least, most):
    assert all(least < coverage < most for coverage in counted_out(interval, lambda first, second: first - second))


def test_ratios_of_proportions():
    def ratio_of(first, second):
        return first / second

    def log_ratio(treatment, control):
        return risk.log_ratio(treatment, control) if treatment.successes and control.successes else (0.0, math.inf)

    assert all(0.945 < coverage < 0.97 for coverage in counted_out(score.ratio, ratio_of))
    # The last pair of rates: often everything succeeds, and this interval has no width then.
    assert all(0.945 < coverage < 0.98 for coverage in [*counted_out(log_ratio, ratio_of)][:-1])


@pytest.mark.parametrize("test", [exact.fisher, exact.boschloo, proportions.pooled_z])
def test_size_of_tests_of_proportions(test):
    sizes = (8, 9)
    rejects = np.array(
        [[test(Proportion(x, 8), Proportion(y, 9)).p_value <= 0.05 for y in range(10)] for x in range(9)]
    )
    greatest = max(
        (np.outer(*(stats.binom.pmf(np.arange(n + 1), n, p) for n in sizes)) * rejects).sum()
        for p in np.linspace(0.01, 0.99, 99)
    )
    assert greatest <= (0.05 if test is not proportions.pooled_z else 0.07)
    assert greatest > {exact.fisher: 0.015, exact.boschloo: 0.03, proportions.pooled_z: 0.04}[test]


@pytest.mark.parametrize("test", [rates.exact, rates.score])
def test_rates(test):
    treatment, control = 6.0, 9.0
    counts = [np.arange(25), np.arange(1, 30)]
    weights = np.outer(stats.poisson.pmf(counts[0], treatment), stats.poisson.pmf(counts[1], control))
    found = [[test(Rate(x, 2.0), Rate(y, 4.0)) for y in counts[1]] for x in counts[0]]
    for truth, name in ((1.0, "interval"), (1 / 3, "relative_interval")):
        inside = [[covered(getattr(result, name), truth) for result in row] for row in found]
        least, most = (0.95, 0.99) if test is rates.exact else (0.94, 0.965)
        assert least < (weights * inside).sum() < most


RUNS = 1500


@pytest.mark.parametrize("method", [means.welch, means.student])
def test_means(method):
    random = np.random.default_rng(1)
    spread = 3.0 if method is means.welch else 1.0
    arms = random.normal(12, spread, (RUNS, 10)), random.normal(10, 1, (RUNS, 25))
    found = [method(Sample.of(x), Sample.of(y)) for x, y in zip(*arms, strict=True)]
    assert near(np.mean([covered(result.interval, 2.0) for result in found]), RUNS)
    assert near(np.mean([covered(result.relative_interval, 0.2) for result in found]), RUNS)


def test_relative_by_delta():
    random = np.random.default_rng(2)
    arms = random.gamma(2, 6, (RUNS, 200)), random.gamma(2, 5, (RUNS, 200))
    found = [means.welch(Sample.of(x), Sample.of(y), relative_by="delta") for x, y in zip(*arms, strict=True)]
    assert near(np.mean([covered(result.relative_interval, 0.2) for result in found]), RUNS)


def test_ratios():
    random = np.random.default_rng(3)

    def unit_totals(rate):
        sessions = random.poisson(3, 100) + 1
        quality = random.beta(3 * rate, 3 * (1 - rate), 100)  # what happens within a unit is dependent
        return JointSample.of({"n": random.binomial(sessions, quality), "d": sessions})

    pairs = [(unit_totals(0.4), unit_totals(0.3)) for _ in range(RUNS)]
    delta = [ratio.delta(*pair, "n", "d") for pair in pairs]
    fieller = [ratio.fieller(*pair, "n", "d") for pair in pairs]
    assert near(np.mean([covered(result.interval, 0.1) for result in delta]), RUNS)
    assert near(np.mean([covered(result.relative_interval, 1 / 3) for result in delta]), RUNS)
    assert near(np.mean([covered(result.interval, 0.1) for result in fieller]), RUNS)
    assert near(np.mean([covered(ratio.interval(arm, "n", "d"), 0.3) for _, arm in pairs]), RUNS)


def test_cuped_and_strata():
    random = np.random.default_rng(4)
    found = []
    for _ in range(RUNS):
        x, z = random.normal(0, 1, 120), random.integers(0, 2, 120)
        y = 10 + 2 * x + z + random.normal(0, 1, 120) + np.repeat([0.5, 0.0], 60)
        first, second = (
            JointSample.of({"y": y[part], "x": x[part], "z": z[part]}) for part in (slice(60), slice(60, None))
        )
        groups = [{key: Sample.of(y[part][z[part] == key]) for key in (0, 1)} for part in (slice(60), slice(60, None))]
        found.append((cuped(first, second, "y", ["x", "z"]), strata.post_stratified(*groups)))
    for results in zip(*found, strict=True):
        assert near(np.mean([covered(result.interval, 0.5) for result in results]), RUNS)
        assert near(np.mean([covered(result.relative_interval, 0.05) for result in results]), RUNS, slack=0.005)
    # Of the variance 4 + 1/4 + 1 the covariates explain all but 1.
    assert np.mean([result.variance_reduction for result, _ in found]) == pytest.approx(1 - 1 / 5.25, abs=0.01)


def test_ranks():
    random = np.random.default_rng(5)
    small = random.standard_t(3, (RUNS, 12)) + 1, random.standard_t(3, (RUNS, 15))
    large = random.exponential(1, (500, 80)) + 1, random.exponential(1, (500, 90))
    for arms in (small, large):
        shifts = [ranks.mann_whitney(x, y).interval for x, y in zip(*arms, strict=True)]
        assert near(np.mean([covered(interval, 1.0) for interval in shifts]), len(shifts), slack=0.01)
    # Different spreads about one median.
    uneven = random.normal(0, 3, (RUNS, 30)), random.normal(0, 1, (RUNS, 60))
    found = [ranks.brunner_munzel(x, y) for x, y in zip(*uneven, strict=True)]
    assert near(np.mean([covered(result.interval, 0.0) for result in found]), RUNS)


@pytest.mark.parametrize(("probability", "size"), [(0.5, 40), (0.95, 300)])
def test_quantiles(probability, size):
    random = np.random.default_rng(6)
    truth = stats.lognorm(1).ppf(probability)
    arms = random.lognormal(0, 1, (400, size)) * 1.5, random.lognormal(0, 1, (400, size))
    found = [quantiles.difference(x, y, probability) for x, y in zip(*arms, strict=True)]
    # It covers a little more than it says.
    for interval, value in (("interval", truth / 2), ("relative_interval", 0.5)):
        share = np.mean([covered(getattr(result, interval), value) for result in found])
        assert near(share, 400, 0.96, slack=0.01)


def test_resampling():
    random = np.random.default_rng(7)
    runs = 300
    arms = random.normal(1, 3, (runs, 15)), random.normal(0, 1, (runs, 40))
    found = [permutation.permutation(x, y, random=random, resamples=399) for x, y in zip(*arms, strict=True)]
    assert near(np.mean([covered(result.interval, 1.0) for result in found]), runs)
    arms = random.gamma(4, 1.25, (runs, 60)), random.gamma(4, 1, (runs, 70))
    quantile = functools.partial(np.quantile, q=0.75)
    spread = stats.gamma(4).ppf(0.75) / 4
    for statistic, truth, method in ((np.mean, 1.0, "bca"), (np.mean, 1.0, "percentile"), (quantile, spread, "bca")):
        by = functools.partial(bootstrap.bootstrap, random=random, method=method, resamples=399)
        found = [by(x, y, statistic) for x, y in zip(*arms, strict=True)]
        assert near(np.mean([covered(result.interval, truth) for result in found]), runs, slack=0.01)
        assert near(np.mean([covered(result.relative_interval, 0.25) for result in found]), runs, slack=0.01)


def test_factorial():
    random = np.random.default_rng(8)
    found = []
    for _ in range(600):
        cells = {
            (a, b): Sample.of(random.normal(a + b + 0.5 * a * b, 1, size))
            for (a, b), size in zip(((0, 0), (0, 1), (1, 0), (1, 1)), (5, 9, 7, 12), strict=True)
        }
        found.append(anova({"a": (0, 1), "b": (0, 1)}, cells).terms)
    for index, truth in enumerate((1.25, 1.25, 0.25)):
        assert near(np.mean([covered(terms[index].interval, truth) for terms in found]), 600)
