from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from scipy.integrate import quad

from policies.best import best_beta, best_gamma, best_normal


def beta(*parameters):
    a, b = np.array(parameters, dtype=float).T.copy()
    out = np.empty(len(a))
    raw = best_beta(a, b, out)
    assert out.sum() == pytest.approx(1, abs=1e-15 * len(a))
    assert (out >= 0).all()
    return out, raw


def gamma(*parameters):
    shape, rate = np.array(parameters, dtype=float).T.copy()
    out = np.empty(len(shape))
    raw = best_gamma(shape, rate, out)
    assert out.sum() == pytest.approx(1, abs=1e-15 * len(shape))
    assert (out >= 0).all()
    return out, raw


def normal(mean, sd):
    mean, sd = np.array(mean, dtype=float), np.array(sd, dtype=float)
    out = np.empty(len(mean))
    raw = best_normal(mean, sd, out)
    assert out.sum() == pytest.approx(1, abs=1e-15 * len(mean))
    assert (out >= 0).all()
    return out, raw


REFERENCE = [
    ([(121, 881), (151, 851)], [0.0249321632, 0.9750678368]),
    ([(1, 1), (2, 1)], [1 / 3, 2 / 3]),
    ([(11, 91), (21, 83), (31, 91), (51, 81)], [1.611863334e-7, 8.048292560e-4, 1.142867156e-2, 0.9877663380]),
    ([(100001, 900001), (100201, 899801), (1, 1)], [0.0319511361, 0.0683374537, 0.8997114103]),
]


@pytest.mark.parametrize(("parameters", "expected"), REFERENCE)
def test_beta_reference(parameters, expected):
    probabilities, raw = beta(*parameters)
    np.testing.assert_allclose(probabilities, expected, rtol=4e-10, atol=6e-11)
    assert raw == pytest.approx(1, abs=1e-12)


def test_normal_reference():
    probabilities, _ = normal([0, 0.5, 1], [0.05, 0.5, 1.5])
    np.testing.assert_allclose(probabilities, [0.040639981119, 0.343340119446, 0.616019899435], atol=6e-13)


def by_quantiles(distributions):
    """P(best) as the mean of the product of the others' distribution functions over the quantiles of one."""
    probabilities = []
    for k, one in enumerate(distributions):
        others = [other for j, other in enumerate(distributions) if j != k]

        def integrand(u, one=one, others=others):
            return np.prod([other.cdf(one.ppf(u)) for other in others])

        bends = {float(one.cdf(other.ppf(q))) for other in others for q in (1e-6, 0.02, 0.5, 0.98, 1 - 1e-6)}
        points = sorted(bend for bend in bends if 1e-9 < bend < 1 - 1e-9)
        pieces = pairwise([0.0, *points, 1.0])
        # With its full output quad does not warn where a jump keeps it from 1e-10: the comparison is to 2e-8.
        probabilities.append(
            sum(quad(integrand, *piece, epsabs=1e-10, limit=200, full_output=1)[0] for piece in pieces)
        )
    return probabilities


class BetaFunctions:
    """The two functions needed, a hundred times faster than the frozen distributions of scipy.stats."""

    def __init__(self, a, b):
        self.a, self.b = a, b

    def cdf(self, x):
        return special.betainc(self.a, self.b, x)

    def ppf(self, u):
        return special.betaincinv(self.a, self.b, u)


class NormalFunctions:
    def __init__(self, mean, sd):
        self.mean, self.sd = mean, sd

    def cdf(self, x):
        return special.ndtr((x - self.mean) / self.sd)

    def ppf(self, u):
        return self.mean + self.sd * special.ndtri(u)


def exponents(low, high):
    return st.floats(low, high).map(lambda exponent: 10.0**exponent)


@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.lists(st.tuples(exponents(-0.7, 4), exponents(-0.7, 4)), min_size=2, max_size=3))
def test_beta_against_adaptive_quadrature(parameters):
    probabilities, raw = beta(*parameters)
    expected = by_quantiles([BetaFunctions(a, b) for a, b in parameters])
    np.testing.assert_allclose(probabilities, expected, atol=2e-8)
    assert raw == pytest.approx(1, abs=1e-10)


@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.floats(-1, 1), exponents(-4, 1)), min_size=2, max_size=3))
def test_normal_against_adaptive_quadrature(parameters):
    probabilities, raw = normal(*zip(*parameters, strict=True))
    expected = by_quantiles([NormalFunctions(mean, sd) for mean, sd in parameters])
    np.testing.assert_allclose(probabilities, expected, atol=2e-8)
    assert raw == pytest.approx(1, abs=1e-10)


class GammaFunctions:
    def __init__(self, shape, rate):
        self.shape, self.rate = shape, rate

    def cdf(self, x):
        return special.gammainc(self.shape, self.rate * x)

    def ppf(self, u):
        return special.gammaincinv(self.shape, u) / self.rate


@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.lists(st.tuples(exponents(-0.7, 4), exponents(-2, 2)), min_size=3, max_size=3))
def test_gamma_against_adaptive_quadrature(parameters):
    probabilities, raw = gamma(*parameters)
    expected = by_quantiles([GammaFunctions(shape, rate) for shape, rate in parameters])
    np.testing.assert_allclose(probabilities, expected, atol=2e-8)
    assert raw == pytest.approx(1, abs=1e-10)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(exponents(-3, 4), exponents(-3, 4), exponents(-3, 12), exponents(-3, 12))
def test_two_gammas_in_closed_form(first, second, first_rate, second_rate):
    """U = X / (X + Y) of standard Gammas is a Beta variable."""
    probabilities, raw = gamma((first, first_rate), (second, second_rate))
    total = first_rate + second_rate
    expected = (
        special.betaincc(first, second, first_rate / total)
        if first_rate < second_rate
        else special.betainc(second, first, second_rate / total)
    )
    assert probabilities[0] == pytest.approx(expected, abs=1e-10)
    assert raw == pytest.approx(1, abs=1e-10)


@pytest.mark.parametrize("shape", [0.001, 0.3, 1, 50, 2e4, 4e4, 1e12])
@pytest.mark.parametrize("arms", [1, 2, 10, 100])
def test_identical_gammas_share_evenly(arms, shape):
    probabilities, raw = gamma(*[(shape, 7.0)] * arms)
    np.testing.assert_allclose(probabilities, 1 / arms, rtol=1e-13)
    assert raw == pytest.approx(1, abs=2e-9)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.lists(exponents(-3, 6), min_size=1, max_size=12))
def test_powers_of_uniforms_in_closed_form(powers):
    """Beta(a, 1) is U^(1/a), and the greatest of such is a race of exponentials: a / sum(a)."""
    a = np.array(powers)
    np.testing.assert_allclose(beta(*[(p, 1.0) for p in powers])[0], a / a.sum(), atol=1e-10)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(exponents(-3, 6), exponents(-3, 6))
def test_singular_upper_ends_in_closed_form(first, second):
    expected = second / (first + second)
    np.testing.assert_allclose(beta((1.0, first), (1.0, second))[0], [expected, 1 - expected], atol=1e-10)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.floats(-3, 3), exponents(-6, 6), exponents(-6, 6))
def test_two_normals_in_closed_form(difference, first, second):
    probabilities, _ = normal([difference, 0.0], [first, second])
    assert probabilities[0] == pytest.approx(stats.norm.cdf(difference / np.hypot(first, second)), abs=1e-11)


@pytest.mark.parametrize(("a", "b"), [(1, 1), (0.05, 0.05), (1, 50), (50, 1), (3, 50), (0.5, 1e6), (1e12, 1e12)])
@pytest.mark.parametrize("arms", [1, 2, 10, 100])
def test_identical_arms_share_evenly(arms, a, b):
    probabilities, raw = beta(*[(a, b)] * arms)
    np.testing.assert_allclose(probabilities, 1 / arms, rtol=1e-13)
    assert raw == pytest.approx(1, abs=2e-9)


def test_a_hundred_arms_of_mixed_widths_sum_to_one_by_themselves():
    rng = np.random.default_rng(3)
    for _ in range(20):
        trials = 10 ** rng.uniform(0, 12, 100)
        rates = rng.uniform(0.04, 0.06, 100)
        _, raw = beta(*zip(0.05 + trials * rates, 0.05 + trials * (1 - rates), strict=True))
        assert raw == pytest.approx(1, abs=1e-9)
        _, raw = normal(rng.normal(size=100), 10 ** rng.uniform(-6, 1, 100))
        assert raw == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("z", [-2.0, -0.5, 0.0, 1.0, 3.0])
def test_huge_counts_are_normal(z):
    n = 1e12
    sd = np.sqrt(0.3 * 0.7 / n)
    rate = 0.3 + z * np.sqrt(2) * sd
    probabilities, raw = beta((n * rate, n * (1 - rate)), (n * 0.3, n * 0.7))
    assert probabilities[0] == pytest.approx(stats.norm.cdf(z), abs=2e-6)
    assert raw == pytest.approx(1, abs=1e-10)


@pytest.mark.parametrize("around", [0.999, 1.001])
def test_the_narrow_form_continues_the_wide_one(around):
    """The polynomial takes over at n x (1 - x) = 3e4; scipy's incomplete beta function knows of no such place."""
    n = 3e4 / (0.3 * 0.7) * around
    parameters = [(n * 0.3, n * 0.7), (n * 0.3 + 90, n * 0.7 - 90)]
    expected = by_quantiles([BetaFunctions(a, b) for a, b in parameters])
    np.testing.assert_allclose(beta(*parameters)[0], expected, atol=1e-9)


@pytest.mark.parametrize(
    ("mean", "sd", "expected"),
    [
        ([0, 0, 1], [0, 0, 0], [0, 0, 1]),
        ([1, 0, 1], [0, 0, 0], [0.5, 0, 0.5]),
        ([0, 0], [0, 1], [0.5, 0.5]),
        ([0, 0, 0], [0, 0, 1], [0.25, 0.25, 0.5]),
        ([0, 5, 0], [0, 1e-300, 1], [0, 1 - stats.norm.sf(5), stats.norm.sf(5)]),
        ([1e300, -1e300], [1, 1], [1, 0]),
        ([3], [0], [1]),
    ],
)
def test_without_width(mean, sd, expected):
    np.testing.assert_allclose(normal(mean, sd)[0], expected, atol=1e-11)


def test_shift_and_scale_change_nothing():
    mean, sd = np.array([0.1, 0.2, 0.25]), np.array([0.1, 0.05, 0.2])
    expected, _ = normal(mean, sd)
    np.testing.assert_allclose(normal(1e6 + 3 * mean, 3 * sd)[0], expected, atol=1e-8)
    np.testing.assert_allclose(normal(1e-200 * mean, 1e-200 * sd)[0], expected, atol=1e-12)
