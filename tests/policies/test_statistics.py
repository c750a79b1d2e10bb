import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import COLUMNS, COUNT, SQUARES, SUM, WEIGHTED
from policies.statistics import SPAN, columns, empty, fade, growth, landmark

DAY = 86400.0
NOW = 1.7e9


def test_empty():
    assert empty(3).shape == (3, COLUMNS)
    assert empty(3).flags.c_contiguous
    assert not empty(3).any()
    assert [columns(dimension) for dimension in range(4)] == [COLUMNS, COLUMNS + 2, COLUMNS + 6, COLUMNS + 12]
    assert empty(3, 2).shape == (3, columns(2))
    assert sorted([COUNT, SUM, SQUARES, WEIGHTED]) == list(range(COLUMNS))


def test_without_a_half_life_nothing_is_forgotten():
    assert landmark(NOW, None) == 0
    assert growth(NOW, 0, None) == 1.0
    assert fade(0, NOW, None) == 1.0


@settings(derandomize=True, deadline=None)
@given(
    st.floats(0, 4e9),
    st.floats(0, 900),
    st.floats(1e-2, 1e9),
)
def test_a_trial_counts_by_its_age(at, age, half_life):
    now = at + age * half_life
    period = landmark(at, half_life)
    weight = growth(at, period, half_life)
    assert 0.999 < weight <= 2.0**SPAN
    assert weight * fade(period, now, half_life) == pytest.approx(2.0 ** (-(now - at) / half_life), rel=1e-9)


def test_the_very_old_fade_to_zero_and_the_future_does_not_overflow():
    assert fade(0, 1e12, 1.0) == 0.0
    assert fade(10**12, 0.0, 1.0) == 1.0
    assert growth(0.5, landmark(0.5, 1.0), 1.0) == math.sqrt(2)


def read(periods, now, half_life):
    return sum((fade(index, now, half_life) * sums for index, sums in periods.items()), start=empty(2))


def add(periods, trial, half_life, sign=1.0):
    at, arm, reward = trial
    index = landmark(at, half_life)
    weight = sign * growth(at, index, half_life)
    periods.setdefault(index, empty(2))[arm] += weight * np.array([1.0, reward, reward**2, 2 * reward])


def test_forward_decay_is_the_direct_sum_in_any_order_merged_and_corrected():
    rng = np.random.default_rng(7)
    half_life = DAY
    trials = [(NOW + rng.uniform(0, 100 * DAY), int(rng.integers(2)), rng.normal()) for _ in range(500)]
    now = NOW + 101 * DAY
    direct = empty(2)
    for at, arm, reward in trials:
        direct[arm] += 0.5 ** ((now - at) / half_life) * np.array([1.0, reward, reward**2, 2 * reward])

    in_order, shuffled, left, right = {}, {}, {}, {}
    for trial in sorted(trials):
        add(in_order, trial, half_life)
    for i in rng.permutation(len(trials)):
        add(shuffled, trials[i], half_life)
        add(left if i % 2 else right, trials[i], half_life)
    assert len(in_order) > 5
    wrong = (NOW, 0, 3.0)
    add(shuffled, wrong, half_life)
    add(shuffled, wrong, half_life, sign=-1.0)
    for periods in (in_order, shuffled):
        np.testing.assert_allclose(read(periods, now, half_life), direct, rtol=1e-9, atol=1e-12)
    merged = read(left, now, half_life) + read(right, now, half_life)
    np.testing.assert_allclose(merged, direct, rtol=1e-9, atol=1e-12)
