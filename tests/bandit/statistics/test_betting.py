"""Betting sequences against the paper's formulas, written out, and their coverage over time."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandit.statistics.betting import hedged_capital, plug_in
from bandit.statistics.sample import Sample


def bets(values, alpha):
    """The predictable plug-in bet before each value."""
    n = np.arange(1, len(values) + 1)
    means = (0.5 + np.cumsum(values)) / (n + 1)
    variances = (0.25 + np.cumsum((values - means) ** 2)) / (n + 1)
    before = np.concatenate([[0.25], variances[:-1]])
    return np.sqrt(2 * math.log(2 / alpha) / (before * n * np.log(n + 1))), np.concatenate([[0.5], means[:-1]])


@pytest.mark.parametrize("kind", ["conversion", "beta", "constant"])
def test_hedged_capital(kind):
    rng = np.random.default_rng(1)
    values = {
        "conversion": (rng.random(300) < 0.1).astype(float),
        "beta": rng.beta(10, 30, 300),
        "constant": np.full(300, 0.25),
    }[kind]
    found = hedged_capital(values, alpha=0.1)
    bet, _ = bets(values, 0.1)
    m = np.linspace(0.0005, 0.9995, 1000)[:, None]
    up = np.cumprod(1 + np.minimum(bet, 0.5 / m) * (values - m), axis=1)
    down = np.cumprod(1 - np.minimum(bet, 0.5 / (1 - m)) * (values - m), axis=1)
    capital = np.maximum.accumulate(np.maximum(up, down) / 2, axis=1)
    # No value that was not rejected lies outside, and nearly all that were do.
    for look in (0, 9, 99, 299):
        kept = m[capital[:, look] < 1 / 0.1, 0]
        assert found.lower[look] <= kept.min()
        assert kept.max() <= found.upper[look]
        assert found.lower[look] >= kept.min() - 0.005
        assert found.upper[look] <= kept.max() + 0.005


def test_plug_in_value_by_value():
    values = np.random.default_rng(2).beta(2, 6, 200)
    found = plug_in([Sample.of([value]) for value in values], alpha=0.1)
    bet, guess = bets(values, 0.1)
    bet = np.minimum(bet, 0.5)
    psi = (-np.log(1 - bet) - bet) / 4
    centre = np.cumsum(bet * values) / np.cumsum(bet)
    half = (math.log(2 / 0.1) + np.cumsum(4 * (values - guess) ** 2 * psi)) / np.cumsum(bet)
    np.testing.assert_allclose(found.lower, np.maximum.accumulate(np.clip(centre - half, 0, 1)), atol=1e-12)
    np.testing.assert_allclose(found.upper, np.minimum.accumulate(np.clip(centre + half, 0, 1)), atol=1e-12)


@pytest.mark.parametrize("draw", [lambda rng: (rng.random(1000) < 0.1) * 1.0, lambda rng: rng.beta(1, 9, 1000)])
def test_coverage_over_time(draw):
    rng = np.random.default_rng(3)
    missed = np.zeros(3)
    for _ in range(200):
        values = draw(rng)
        found = (
            hedged_capital(values, alpha=0.1),
            plug_in([Sample.of(part) for part in values.reshape(100, 10)], alpha=0.1),
            plug_in([Sample.of(part) for part in np.split(values, [5, 50, 300])], alpha=0.1),
        )
        missed += [((one.lower > 0.1) | (one.upper < 0.1)).any() for one in found]
    assert (missed <= 20).all()


def test_a_hundred_thousand_values():
    values = np.random.default_rng(4).beta(10, 30, 100_000)
    found = hedged_capital(values)
    assert found.lower[-1] <= 0.25 <= found.upper[-1]
    assert found.upper[-1] - found.lower[-1] < 0.002
    batches = plug_in([Sample.of(part) for part in values.reshape(50, -1)])
    assert batches.upper[-1] - batches.lower[-1] < 0.002


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.floats(-2, 3), min_size=0, max_size=60), st.floats(0.001, 0.5))
def test_intervals_shrink_within_the_bounds(values, alpha):
    batches = [Sample.of(values[start : start + 3]) for start in range(0, len(values), 3)]
    for found in (hedged_capital(values, alpha=alpha, bounds=(-2, 3)), plug_in(batches, alpha=alpha, bounds=(-2, 3))):
        assert ((found.lower >= -2) & (found.upper <= 3)).all()
        assert (np.diff(found.lower) >= 0).all()
        assert (np.diff(found.upper) <= 0).all()
    assert (hedged_capital(values, alpha=alpha, bounds=(-2, 3)).lower < 3).all()


def test_all_and_nothing():
    for ones in (0.0, 1.0):
        found = hedged_capital(np.full(1000, ones))
        assert found.lower[-1] <= ones <= found.upper[-1]
        assert found.upper[-1] - found.lower[-1] < 0.01
    empty = plug_in([Sample.of([]), Sample.of([])])
    assert (empty.lower.tolist(), empty.upper.tolist()) == ([0, 0], [1, 1])
    billions = plug_in([Sample(1e9, 0.3, 0.21), Sample(1e12, 0.3, 0.21)])
    assert billions.lower[-1] < 0.3 < billions.upper[-1]
    assert hedged_capital([]).lower.size == 0


def test_refusals():
    with pytest.raises(ValueError, match=r"values: 1.5 at place 1 given, must lie within the bounds 0 and 1"):
        hedged_capital([0.5, 1.5])
    with pytest.raises(ValueError, match="values: nan at place 0 given"):
        hedged_capital([math.nan])
    with pytest.raises(ValueError, match="bounds: 2 and 1 given"):
        plug_in([], bounds=(2, 1))
    with pytest.raises(ValueError, match="alpha: 2 given"):
        plug_in([], alpha=2)
