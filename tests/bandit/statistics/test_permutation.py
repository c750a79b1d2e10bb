"""The permutation test against all permutations, counted out."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import alphas, alternatives, seeds, values

from bandit.statistics import resampling
from bandit.statistics.comparison import Refused
from bandit.statistics.permutation import permutation


def welch(x, y):
    return (x.mean() - y.mean()) / math.sqrt(x.var(ddof=1) / x.size + y.var(ddof=1) / y.size)


def test_against_all_permutations():
    random = np.random.default_rng(1)
    x, y = random.exponential(1, 6), random.exponential(2.5, 7)
    both = np.concatenate((x, y))
    everything = np.array([welch(both[list(chosen)], np.delete(both, chosen)) for chosen in combinations(range(13), 6)])
    observed, resamples = welch(x, y), 40_000
    for alternative, extreme in (
        ("two-sided", np.abs(everything) >= abs(observed) - 1e-9),
        ("greater", everything >= observed - 1e-9),
        ("less", everything <= observed + 1e-9),
    ):
        ours = permutation(x, y, random=np.random.default_rng(2), resamples=resamples, alternative=alternative)
        exact = extreme.mean()
        assert ours.p_value == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / resamples) + 1e-4)
        assert ours.statistic == pytest.approx(observed)


@settings(max_examples=40, deadline=None)
@given(values(), values(), seeds, alphas, alternatives)
def test_the_interval_agrees_with_the_test(treatment, control, seed, alpha, alternative):
    result = permutation(
        treatment, control, random=np.random.default_rng(seed), resamples=199, alpha=alpha, alternative=alternative
    )
    lower, upper = result.interval
    assert (result.p_value <= alpha) == (not lower <= 0.0 <= upper)
    assert result.p_value * 200 == pytest.approx(round(result.p_value * 200))
    if alternative == "two-sided":
        assert lower <= result.effect <= upper


def test_blocks_change_nothing_but_memory(monkeypatch):
    random = np.random.default_rng(3)
    arms = random.normal(0, 1, 30), random.normal(0.5, 2, 40)
    whole = permutation(*arms, random=np.random.default_rng(4), resamples=999)
    monkeypatch.setattr(resampling, "BLOCK", 700)
    assert permutation(*arms, random=np.random.default_rng(4), resamples=999) == whole
    assert list(resampling.blocks(25, 70)) == [10, 10, 5]


def test_edges():
    random = np.random.default_rng(1)
    same = permutation([1, 2, 3], [1, 2, 3], random=random, resamples=99)
    assert (same.effect, same.p_value) == (0.0, 1.0)
    # Some permutations leave nothing that varies in either arm.
    split = permutation([0, 0, 0, 1], [1, 1, 1, 1], random=random)
    assert 0.01 < split.p_value <= 1.0
    with pytest.raises(Refused, match="the values of neither arm vary"):
        permutation([1, 1], [2, 2], random=random)
    with pytest.raises(Refused, match="of 2 needed"):
        permutation([1], [2, 3], random=random)
    with pytest.raises(ValueError, match="resamples: 10 given, must be at least 19"):
        permutation([1, 2], [2, 3], random=random, resamples=10)
