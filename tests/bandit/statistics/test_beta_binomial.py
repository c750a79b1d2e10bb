"""Exact sequences of rates against their definition, a search over pairs of means, and error rates over all looks."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from bandit.statistics.beta_binomial import bets, compare, interval
from bandit.statistics.comparison import Refused
from bandit.statistics.sample import Sample


def rate(successes, trials):
    return Sample(trials, successes / trials if trials else math.nan, math.nan)


def log_wealth(successes, failures, m):
    """By the definition."""
    return (
        special.betaln(successes + 0.5, failures + 0.5)
        - special.betaln(0.5, 0.5)
        - special.xlogy(successes, m)
        - special.xlog1py(failures, -m)
    )


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.integers(0, 10**5), st.integers(0, 10**5), st.floats(0.001, 0.999))
def test_wealth(successes, failures, m):
    won = bets(rate(successes, successes + failures)).log_wealth(m)
    assert won == pytest.approx(log_wealth(successes, failures, m), rel=1e-9, abs=1e-8)


def test_wealth_is_won_one_bet_after_the_other():
    """The next value is a success with the posterior's mean."""
    rng = np.random.default_rng(0)
    values, m, won = (rng.random(50) < 0.3).astype(float), 0.4, 0.0
    for n, value in enumerate(values):
        believed = (values[:n].sum() + 0.5) / (n + 1)
        won += math.log(believed / m if value else (1 - believed) / (1 - m))
    assert bets(Sample.of(values)).log_wealth(m) == pytest.approx(won, abs=1e-12)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.integers(0, 2000), st.integers(1, 2000), st.floats(0.001, 0.5))
def test_the_ends_are_where_the_wealth_is_enough(successes, trials, alpha):
    successes = min(successes, trials)
    lower, upper = interval(rate(successes, trials), alpha=alpha)
    assert 0 <= lower <= successes / trials <= upper <= 1
    for end in (lower, upper):
        if 0 < end < 1:
            assert log_wealth(successes, trials - successes, end) == pytest.approx(-math.log(alpha), abs=1e-7)
    assert (lower == 0) == (successes == 0)
    assert (upper == 1) == (successes == trials)


@pytest.mark.parametrize(
    ("treatment", "control"),
    [
        ((15, 100), (12, 100)),
        ((0, 40), (5, 60)),
        ((5, 60), (0, 40)),
        ((40, 40), (30, 35)),
        ((30, 35), (40, 40)),
        ((1, 3), (2, 2)),
        ((7, 7), (9, 9)),
    ],
)
def test_pairs_of_means_by_search(treatment, control):
    """Over a fine grid of pairs, those against which the product of the winnings is not enough."""
    found = compare(rate(*treatment), rate(*control), alpha=0.1)
    m = np.sin(np.linspace(0, np.pi / 2, 2001)) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        first = log_wealth(treatment[0], treatment[1] - treatment[0], m)
        second = log_wealth(control[0], control[1] - control[0], m)
        left = first[:, None] + second[None, :] < -math.log(0.1)
        difference = np.where(left, m[:, None] - m[None, :], np.nan)
        assert found.interval == pytest.approx((np.nanmin(difference), np.nanmax(difference)), abs=3e-3)
        if found.relative_interval is not None:
            ratio = np.where(left & (m[None, :] > 0), m[:, None] / m[None, :] - 1, np.nan)
            assert found.relative_interval == pytest.approx((np.nanmin(ratio), np.nanmax(ratio)), rel=2e-2, abs=5e-3)
    assert (found.relative_interval is None) == (control[0] == 0)
    pooled = (treatment[0] + control[0]) / (treatment[1] + control[1])
    won = log_wealth(treatment[0], treatment[1] - treatment[0], pooled)
    won += log_wealth(control[0], control[1] - control[0], pooled)
    assert found.statistic == pytest.approx(won, abs=1e-9)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.integers(0, 300), st.integers(1, 300), st.integers(0, 300), st.integers(1, 300), st.floats(0.01, 0.3))
def test_interval_and_p_value_agree(s, n, other, m, alpha):
    s, other = min(s, n), min(other, m)
    found = compare(rate(s, n), rate(other, m), alpha=alpha)
    lower, upper = found.interval
    assert -1 <= lower <= found.effect <= upper <= 1
    if abs(found.p_value - alpha) > 1e-9:
        assert (found.p_value < alpha) == (not lower <= 0 <= upper)
        if found.relative_interval is not None:
            assert (found.p_value < alpha) == (not found.relative_interval[0] <= 0 <= found.relative_interval[1])
    mirrored = compare(rate(other, m), rate(s, n), alpha=alpha)
    assert mirrored.interval == pytest.approx((-upper, -lower), abs=1e-9)
    assert mirrored.p_value == found.p_value


def test_errors_over_all_looks_while_a_bandit_learns():
    """Thompson sampling on equal rates, looked at after every unit."""
    rng = np.random.default_rng(5)
    rejected = 0
    for _ in range(200):
        successes, trials = np.zeros(2), np.zeros(2)
        for _ in range(400):
            arm = int(np.argmax(rng.beta(successes + 1, trials - successes + 1)))
            trials[arm] += 1
            successes[arm] += rng.random() < 0.1
            pooled = successes.sum() / trials.sum()
            if log_wealth(successes, trials - successes, pooled).sum() >= math.log(20):
                rejected += 1
                assert compare(*[rate(s, n) for s, n in zip(successes, trials, strict=True)]).p_value <= 0.05 + 1e-12
                break
    assert rejected <= 10


def test_values_between_the_bounds():
    rng = np.random.default_rng(1)
    missed = 0
    for _ in range(100):
        values = rng.beta(2, 5, 300)
        intervals = [interval(Sample.of(10 * values[:n] - 3), bounds=(-3, 7)) for n in range(1, 300, 7)]
        missed += any(not lower <= 10 * 2 / 7 - 3 <= upper for lower, upper in intervals)
    assert missed <= 5
    scaled = compare(Sample(50, 2.0, 1.0), Sample(60, 3.0, 1.0), bounds=(0, 10))
    plain = compare(Sample(50, 0.2, 1.0), Sample(60, 0.3, 1.0))
    assert scaled.interval == pytest.approx([10 * end for end in plain.interval])
    assert scaled.relative_interval == pytest.approx(plain.relative_interval)
    assert compare(Sample(50, 2.0, 1.0), Sample(60, 3.0, 1.0), bounds=(1, 10)).relative_interval is None


def test_extremes():
    assert interval(rate(0, 0)) == (0, 1)
    assert compare(rate(1000, 1000), rate(0, 1000)).interval[1] == 1
    found = compare(rate(1000, 1000), rate(0, 1000))
    assert (found.p_value, found.relative_effect) == (pytest.approx(0, abs=1e-300), None)
    assert compare(rate(0, 1000), rate(1000, 1000)).relative_interval[0] == -1
    billions = compare(rate(5.00001e11, 1e12), rate(5e11, 1e12))
    # As the normal distribution has it: 2 ln(1 / e) = z^2.
    wealth = 1e12 * (1e-6) ** 2 / (4 * 0.25) - 2 * (0.5 * math.log(math.pi * 1e12 / 2))
    assert billions.statistic == pytest.approx(wealth, abs=1e-4)
    assert billions.interval[0] < 1e-6 < billions.interval[1]


def test_refusals():
    with pytest.raises(Refused, match="the control has no values"):
        compare(rate(1, 2), rate(0, 0))
    with pytest.raises(ValueError, match=r"sample.mean: 2 given, must lie within the bounds 0 and 1"):
        interval(Sample(3, 2.0, 0.0))
    with pytest.raises(ValueError, match="bounds: 1 and 1 given, must be finite, the first below the second"):
        interval(rate(1, 2), bounds=(1, 1))
    with pytest.raises(ValueError, match="alpha: 0 given"):
        interval(rate(1, 2), alpha=0)
    with pytest.raises(Refused, match="no bounds; use confidence_sequence"):
        compare(rate(1, 2), rate(1, 2), bounds=(0.0, math.inf))
