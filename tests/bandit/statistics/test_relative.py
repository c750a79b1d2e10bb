"""Intervals of ratios, and of two intervals together."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bandit.statistics import mover, relative

parts = st.floats(0.05, 3.0)


@given(st.floats(-5, 5), st.floats(-5, 5), parts, parts, st.floats(-0.9, 0.9), st.floats(0.5, 4))
def test_fieller_ends_where_the_difference_is_just_too_great(numerator, denominator, a, b, correlation, quantile):
    covariance = correlation * a * b
    ends = relative.fieller(numerator, denominator, (a * a, b * b), covariance, quantile)
    assert (ends is None) == (denominator**2 <= (quantile * b) ** 2)
    if ends is not None:
        assert ends[0] <= numerator / denominator <= ends[1]
        for end in ends:
            error = math.sqrt(a * a - 2 * end * covariance + (end * b) ** 2)
            assert abs(numerator - end * denominator) == pytest.approx(quantile * error, rel=1e-6)


@given(st.floats(-5, 5), st.floats(1, 5), st.floats(-0.9, 0.9))
def test_delta_is_fieller_for_small_errors(numerator, denominator, correlation):
    small = 1e-6
    arguments = numerator, denominator, (small**2, small**2), correlation * small**2, 1.96
    assert relative.delta(*arguments) == pytest.approx(relative.fieller(*arguments), abs=1e-9)


def test_delta_of_zero():
    assert relative.delta(1.0, 0.0, (1.0, 1.0), 0.0, 1.96) is None


@given(st.floats(-3, 3), st.floats(0.5, 5), parts, parts, parts, parts)
def test_mover_difference_and_ratio_agree(first, second, a, b, c, d):
    estimates, intervals = (first, second), ((first - a, first + b), (second - c, second + d))
    lower, upper = mover.difference(estimates, intervals)
    assert lower <= first - second <= upper
    ratio = mover.ratio(estimates, intervals)
    assert (ratio is None) == (second - c <= 0 or second + d >= 2 * second)
    if ratio is not None:
        assume(min(abs(lower), abs(upper)) > 1e-9)
        assert (lower <= 0 <= upper) == (ratio[0] <= 1 <= ratio[1])
        assert ratio[0] <= first / second <= ratio[1]


def test_mover_of_normal_intervals_is_the_normal_interval():
    half = 1.96 * np.array([0.3, 0.4])
    intervals = ((2 - half[0], 2 + half[0]), (1 - half[1], 1 + half[1]))
    assert mover.difference((2.0, 1.0), intervals) == pytest.approx((1 - 1.96 * 0.5, 1 + 1.96 * 0.5))
    ratio = mover.ratio((2.0, 1.0), intervals)
    assert ratio == pytest.approx(relative.fieller(2.0, 1.0, (0.09, 0.16), 0.0, 1.96))
