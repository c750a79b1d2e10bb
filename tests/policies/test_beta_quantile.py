import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from policies.beta_quantile import beta_quantile


def exponents(low, high):
    return st.floats(low, high).map(lambda exponent: 10.0**exponent)


@settings(derandomize=True, deadline=None, max_examples=500)
@given(exponents(-3, 5), exponents(-3, 5), exponents(-12, -0.001))
def test_against_scipy(a, b, tail):
    x = special.expit(beta_quantile(a, b, tail, -np.inf))
    assert x == pytest.approx(special.betainccinv(a, b, tail), abs=1e-10)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(exponents(-3, 12), exponents(-13, -0.001))
def test_powers_of_uniforms_in_closed_form(a, tail):
    """Beta(a, 1) is U^(1/a)."""
    x = special.expit(beta_quantile(a, 1.0, tail, -np.inf))
    assert x == pytest.approx((1 - tail) ** (1 / a), abs=1e-10)


@pytest.mark.parametrize("tail", [1e-12, 1e-6, 0.01, 0.5, 0.9])
def test_huge_counts_are_normal(tail):
    n = 1e12
    sd = np.sqrt(0.3 * 0.7 / n)
    x = special.expit(beta_quantile(0.3 * n, 0.7 * n, tail, -np.inf))
    assert (x - 0.3) / sd == pytest.approx(-special.ndtri(tail), abs=2e-4)


def test_what_cannot_exceed_the_least_is_left_out():
    y = beta_quantile(3.0, 5.0, 0.01, -np.inf)
    assert beta_quantile(3.0, 5.0, 0.01, y - 1e-9) == y
    assert beta_quantile(3.0, 5.0, 0.01, y + 1e-9) == -np.inf
    assert beta_quantile(3.0, 5.0, 0.01, y + 9.0) == -np.inf
