"""Posteriors against scipy's distributions."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bandit.statistics.posteriors import Beta, Gamma
from bandit.statistics.student import Student


def powers(low, high):
    return st.floats(low, high).map(lambda exponent: 10**exponent)


PROBABILITIES = np.array([1e-6, 0.025, 0.3, 0.5, 0.8, 0.975, 1 - 1e-6])


def check(posterior, reference):
    assert posterior.mean == pytest.approx(reference.mean(), rel=1e-12)
    assert posterior.variance == pytest.approx(reference.var(), rel=1e-9)
    x = reference.ppf(PROBABILITIES)
    x = x[(x > 1e-290) & (x < 1.0)] if isinstance(posterior, Beta) else x
    y = posterior.axis.position(x)
    np.testing.assert_allclose(posterior.axis.value(y), x, rtol=1e-12)
    np.testing.assert_allclose(posterior.below(y), reference.cdf(x), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(posterior.density(y), reference.pdf(x) * posterior.axis.slope(y), rtol=1e-8)
    for probability in PROBABILITIES:
        expected = reference.ppf(probability)
        assert posterior.quantile(probability) == pytest.approx(expected, rel=1e-8, abs=1e-200)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(powers(-1, 5), powers(-1, 5))
def test_beta(a, b):
    check(Beta(a, b), stats.beta(a, b))


@settings(derandomize=True, deadline=None, max_examples=60)
@given(powers(-1, 6), powers(-3, 6))
def test_gamma(shape, rate):
    check(Gamma(shape, rate), stats.gamma(shape, scale=1 / rate))


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.floats(-1e3, 1e3), powers(-3, 3), powers(0.5, 6))
def test_student(location, width, freedom):
    check(Student(location, width, freedom), stats.t(freedom, location, width))


def test_gaussian():
    check(Student(2.0, 3.0), stats.norm(2, 3))


@pytest.mark.parametrize(
    "posterior",
    [Beta(1e12, 3e12), Beta(1.0, 1e12), Beta(0.05, 0.05), Gamma(1e12, 1e12), Gamma(0.1, 1.0), Student(0, 1, 1.5)],
)
def test_the_marks_hold_everything(posterior):
    marks = posterior.marks()
    assert (np.diff(marks) >= 0).all()
    assert posterior.below(marks[:1])[0] < 1e-12
    assert posterior.below(marks[-1:])[0] > 1 - 1e-12


@pytest.mark.parametrize(("freedom", "mean", "variance"), [(1.0, math.nan, math.inf), (2.0, 5.0, math.inf)])
def test_student_without_moments(freedom, mean, variance):
    posterior = Student(5.0, 1.0, freedom)
    assert posterior.mean == pytest.approx(mean, nan_ok=True)
    assert posterior.variance == variance


def test_a_point():
    point = Student(5.0, 0.0, 3.0)
    assert (point.mean, point.variance, point.quantile(0.01)) == (5.0, 0.0, 5.0)
    assert point.below(np.array([4.9, 5.0])).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Beta(0, 1), "a: 0 given, must be above 0 and finite"),
        (lambda: Gamma(1, math.inf), "rate: inf given, must be above 0 and finite"),
        (lambda: Student(0, -1), "width: -1 given, must be a finite number, 0 or more"),
        (lambda: Student(0, 1, 0), "freedom: 0 given, must be above 0"),
    ],
)
def test_what_is_no_distribution(make, message):
    with pytest.raises(ValueError, match=message):
        make()
