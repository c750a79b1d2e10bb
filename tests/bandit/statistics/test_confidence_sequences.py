"""Confidence sequences: published formulas, each other, and error rates over all looks."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandit.statistics import confidence_sequences
from bandit.statistics.comparison import Refused
from bandit.statistics.confidence_sequences import best_rho, boundary, compare, log_likelihood_ratio, p_value
from bandit.statistics.sample import Sample


def powers(low, high):
    return st.floats(low, high).map(lambda exponent: 10**exponent)


def test_the_mixture_sequential_test():
    """1,000 pairs, variance 2 of a pair's difference, difference .1, effects of variance .01."""
    found = compare(Sample(1000, 0.1, 1), Sample(1000, 0, 1), effects=0.01)
    assert math.exp(found.statistic) == pytest.approx(3.2787216, abs=5e-8)
    assert found.p_value == pytest.approx(0.3049969, abs=5e-8)
    assert found.interval[1] - found.effect == pytest.approx(0.1366738, abs=5e-8)


def test_the_normal_mixture():
    assert best_rho(100, 0.05) == pytest.approx(12.60056, abs=5e-6)
    assert boundary(100, best_rho(100, 0.05), 0.05) == pytest.approx(30.35209, abs=5e-6)


@settings(derandomize=True, deadline=None)
@given(st.integers(1, 10**6), powers(-3, 3), powers(-4, 2), st.floats(0.001, 0.5))
def test_three_parametrisations(n, variance, tau, alpha):
    """n values with a known variance, as each paper writes it."""
    # Johari et al.: half the width for a mean of n values.
    mixture = math.sqrt(
        variance * (variance + n * tau**2) / (n * tau) ** 2 * (math.log((variance + n * tau**2) / variance / alpha**2))
    )
    # Howard et al.: a sum of n values, v = n variance.
    rho = variance**2 / tau**2
    howard = boundary(n * variance, rho, alpha) / n
    # Waudby-Smith et al.: standardised values.
    theirs = tau / math.sqrt(variance)
    inner = (n * theirs**2 + 1) / (n * theirs) ** 2
    asymptotic = math.sqrt(variance) * math.sqrt(2 * inner * math.log(math.sqrt(n * theirs**2 + 1) / alpha))
    ours = boundary(n / variance, 1 / tau**2, alpha) / (n / variance)
    assert [mixture, howard, asymptotic] == pytest.approx([ours] * 3, rel=1e-9)


@settings(derandomize=True, deadline=None)
@given(powers(-3, 6), powers(-3, 6), st.floats(0.001, 0.5))
def test_the_boundary_is_where_the_p_value_is_alpha(variance, rho, alpha):
    assert p_value(boundary(variance, rho, alpha), variance, rho) == pytest.approx(alpha, rel=1e-9)
    assert p_value(-boundary(variance, rho, alpha), variance, rho) == pytest.approx(alpha, rel=1e-9)


@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.3])
def test_best_rho_is_about_the_best(alpha):
    at_best = boundary(100, best_rho(100, alpha), alpha)
    assert at_best <= min(boundary(100, rho, alpha) for rho in np.geomspace(1, 1000, 400)) * 1.005


def test_the_likelihood_ratio_is_the_mixture_it_is_said_to_be():
    """A Gaussian sum of variance v has the mean v theta; theta is drawn from Normal(0, 1 / rho)."""
    total, variance, rho = 3.0, 7.0, 2.0
    theta = np.linspace(-12, 12, 200_001)
    prior = np.exp(-rho * theta**2 / 2) * math.sqrt(rho / (2 * math.pi))
    ratio = np.exp(theta * total - variance * theta**2 / 2)
    mixed = (prior * ratio).sum() * (theta[1] - theta[0])
    assert log_likelihood_ratio(total, variance, rho) == pytest.approx(math.log(mixed), rel=1e-9)


@pytest.mark.parametrize("planned", [200.0, 4000.0])
def test_errors_over_all_looks(planned):
    """Gaussian values, a look after every tenth pair."""
    rng = np.random.default_rng(7)
    rejected, missed = 0, 0
    for _ in range(300):
        pairs = np.cumsum(rng.normal(0, 1, (2, 2000)), axis=1), np.cumsum(rng.normal(0, 1, (2, 2000)) ** 2, axis=1)
        for n in range(20, 2001, 20):
            samples = [Sample(n, pairs[0][k, n - 1] / n, 1.0) for k in (0, 1)]
            found = compare(*samples, planned=planned)
            if found.p_value <= 0.05:
                rejected += 1
                missed += not found.interval[0] <= 0 <= found.interval[1]
                break
    assert missed == rejected
    # 5% of 300 is 15; a naive test at the same looks would reject in more than 100.
    assert rejected <= 15


@pytest.mark.parametrize(("rate", "share"), [(0.02, 0.1), (0.1, 0.1), (0.02, 0.5)])
def test_rates_with_enough_events(rate, share):
    rng = np.random.default_rng(3)
    looks = np.arange(100, 20_001, 100)
    rejected, refused = 0, 0
    for _ in range(200):
        treated = rng.random(20_000) < share
        success = rng.random(20_000) < rate
        sums = [np.cumsum(x)[looks - 1] for x in (treated, ~treated, treated & success, ~treated & success)]
        for units, others, successes, other_successes in zip(*map(np.ndarray.tolist, sums), strict=True):
            try:
                if compare(binary(successes, units), binary(other_successes, others)).p_value <= 0.05:
                    rejected += 1
                    break
            except Refused:
                refused += 1
    assert refused > 0
    assert rejected <= 10


def binary(successes, trials):
    return Sample.of_sums(trials, successes, successes)


def test_few_events_are_refused():
    with pytest.raises(Refused, match=r"expects 19.5 successes or failures, fewer than 20; use beta_binomial"):
        compare(binary(9, 1000), binary(30, 1000))
    with pytest.raises(Refused, match="expects 0 successes"):
        compare(binary(0, 1000), binary(0, 1000))
    with pytest.raises(Refused, match="expects 0 successes"):
        compare(binary(1000, 1000), binary(1000, 1000))
    assert compare(binary(10, 1000), binary(30, 1000)).warnings == ()


def test_other_values_that_do_not_vary_are_refused():
    with pytest.raises(Refused, match="the values of neither sample vary"):
        compare(Sample.of([5.0] * 10), Sample.of([6.0] * 10))


@pytest.mark.parametrize("values", [[], [3.0]])
def test_two_values_are_needed(values):
    with pytest.raises(Refused, match=f"the smaller sample has {len(values)} values"):
        compare(Sample.of([1.0, 2.0]), Sample.of(values))


def test_few_values_come_with_a_warning():
    assert "The smaller sample has 999 values" in compare(Sample(2000, 5, 1), Sample(999, 5, 1)).warnings[0]
    assert compare(Sample(2000, 5, 1), Sample(1000, 5, 1)).warnings == ()


def test_ratios():
    """A ratio is in the interval if treatment - ratio control, as one effect, is not rejected."""
    treatment, control = Sample(3000, 5.5, 9.0), Sample(5000, 5.0, 16.0)
    found = compare(treatment, control)
    assert found.relative_effect == pytest.approx(0.1)
    for end in found.relative_interval:
        scaled = Sample(control.count, control.mean * (1 + end), control.variance * (1 + end) ** 2)
        assert abs(compare(treatment, scaled).p_value - 0.05) < 1e-9
    assert compare(Sample(2000, 5, 1), Sample(2000, 0, 1)).relative_effect is None
    assert compare(Sample(2000, 5, 1), Sample(2000, 0.01, 1)).relative_interval is None


def test_a_huge_difference_has_a_p_value_of_nothing():
    found = compare(binary(9e11, 1e12), binary(1e11, 1e12))
    assert found.p_value == 0.0
    assert found.interval[0] < 0.8 < found.interval[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": 1.5}, r"alpha: 1.5 given, must lie strictly between 0 and 1"),
        ({"planned": 0.0}, "planned: 0 given, must be above 0 and finite"),
        ({"effects": -1.0}, "effects: -1 given, must be above 0 and finite"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        compare(Sample(2000, 5, 1), Sample(2000, 5, 1), **arguments)


def test_what_is_binary():
    rng = np.random.default_rng(0)
    is_binary = confidence_sequences.is_binary
    assert is_binary(Sample.of((rng.random(1000) < 0.3).astype(float)))
    assert is_binary(binary(3e11, 1e12))
    assert is_binary(Sample.of([1.0, 1.0]))
    assert is_binary(Sample.of([0.0]))
    assert not is_binary(Sample.of([0.0, 1.0, 0.5]))
    assert not is_binary(Sample.of([5.0, 5.0]))
    assert not is_binary(Sample.of([]))
