"""Samples against numpy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandit.statistics.sample import Sample

values = st.lists(st.floats(-1e6, 1e6), min_size=0, max_size=30)


@given(values, values)
def test_samples_merge(left, right):
    both = Sample.of(left) + Sample.of(right)
    expected = Sample.of(left + right)
    assert both.count == expected.count
    if both.count:
        assert both.mean == pytest.approx(expected.mean, abs=1e-6)
    if both.count > 1:
        assert both.variance == pytest.approx(expected.variance, rel=1e-9, abs=1e-3)


def test_sums_are_about_an_origin():
    values = np.array([1e8 + 1.0, 1e8 - 2.0, 1e8 + 0.5])
    gains = values - 1e8
    sample = Sample.of_sums(3.0, gains.sum(), (gains**2).sum(), origin=1e8)
    assert (sample.mean, sample.variance) == pytest.approx((values.mean(), values.var(ddof=1)))
    assert sample.standard_error == pytest.approx(values.std(ddof=1) / math.sqrt(3))


def test_none_and_one():
    assert math.isnan(Sample.of([]).mean)
    assert math.isnan(Sample.of([1.0]).variance)
    assert math.isnan(Sample.of_sums(0.0, 0.0, 0.0).mean)
    assert math.isnan(Sample.of([2.0]).standard_error)
