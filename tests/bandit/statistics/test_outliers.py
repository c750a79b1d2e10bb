"""Outliers against scipy's moments."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bandit.statistics.outliers import concentration, of_sums, of_values
from bandit.statistics.sample import Sample


@settings(derandomize=True, deadline=None)
@given(st.lists(st.integers(-1000, 1000), min_size=3, max_size=50))
def test_moments(values):
    found = concentration(values)
    if len(set(values)) > 1:
        assert found.skewness == pytest.approx(stats.skew(values), abs=1e-9)
        assert found.kurtosis == pytest.approx(stats.kurtosis(values), abs=1e-9)
        assert found.needed == pytest.approx(355 * found.skewness**2)
    else:
        assert (found.skewness, found.kurtosis, found.needed) == (0, 0, 0)


def test_shares():
    found = concentration([1.0] * 199 + [101.0])
    assert found.greatest == pytest.approx(101 / 300)
    assert found.top == pytest.approx(102 / 300)
    assert concentration([0.0, 0.0]).greatest is None


def test_extreme_values_do_not_overflow():
    found = concentration([1e300, 0.0, 0.0])
    assert found.skewness == pytest.approx(stats.skew([1, 0, 0]))
    assert concentration([1e8 + 1e-9] * 5).skewness == 0


def test_one_value_that_a_mean_hangs_on():
    rng = np.random.default_rng(0)
    values = rng.exponential(1, 5000)
    assert of_values("a", values) is None
    hung = of_values("a", np.append(values, 2000.0))
    assert (hung.kind, hung.severity) == ("outliers", "critical")
    assert "the greatest of 5,001 values makes 28% of the sum" in hung.message
    leaning = of_values("a", np.append(values, 400.0))
    assert leaning.severity == "warning"
    json.dumps(dict(hung.numbers), allow_nan=False)


def test_skewed_values_need_many():
    values = np.random.default_rng(1).lognormal(0, 1.5, 2000)
    found = of_values("a", values)
    assert found.severity == "warning"
    assert found.numbers["needed"] > 2000


def test_few_ordinary_values_are_no_outliers():
    assert of_values("a", [5.0, 5.1, 4.9, 5.2]) is None
    assert of_values("a", [0.0] * 10) is None


@pytest.mark.parametrize("values", [[], [1.0, np.inf], [np.nan]])
def test_what_cannot_be_judged(values):
    with pytest.raises(ValueError, match="must be one or more, and finite"):
        concentration(values)


def test_from_sums():
    values = np.zeros(10_000)
    values[:40] = 25.0
    found = of_sums("a", Sample.of(values))
    assert found.numbers["effective"] == pytest.approx(40)
    assert "10,000 values vary as much as if 40.0 equal ones made all of the sum" in found.message
    values[:200] = 25.0
    assert of_sums("a", Sample.of(values)) is None


def test_from_sums_without_outliers():
    assert of_sums("a", Sample.of((np.arange(1000) < 5).astype(float))) is None  # conversions
    assert of_sums("a", Sample.of([1.0])) is None
    assert of_sums("a", Sample.of([])) is None
    assert of_sums("a", Sample.of([0.0, 0.0])) is None
    assert of_sums("a", Sample.of([4.0, 5.0, 6.0])) is None
