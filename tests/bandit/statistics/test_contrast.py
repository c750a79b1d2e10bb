"""Posteriors of differences and ratios against closed forms and scipy's quadrature."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from bandit.statistics.contrast import Contrast
from bandit.statistics.posteriors import Beta, Gamma
from bandit.statistics.ranking import best
from bandit.statistics.student import Student


def powers(low, high):
    return st.floats(low, high).map(lambda exponent: 10**exponent)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(powers(-1, 6), powers(-1, 6), powers(-1, 6), powers(-1, 6))
def test_no_difference_is_a_draw(a, b, c, d):
    contrast = Contrast(Beta(a, b), Beta(c, d))
    expected = best([Beta(c, d), Beta(a, b)])[0]
    assert contrast.difference_below(0.0) == pytest.approx(expected, abs=1e-9)
    assert contrast.ratio_below(1.0) == pytest.approx(expected, abs=1e-9)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.floats(-3, 3), powers(-3, 3), powers(-3, 3), st.floats(0.001, 0.5))
def test_normals_in_closed_form(difference, first, second, alpha):
    contrast = Contrast(Student(difference, first), Student(0.0, second))
    expected = stats.norm.interval(1 - alpha, difference, math.hypot(first, second))
    assert contrast.difference_interval(alpha) == pytest.approx(expected, abs=1e-8 * math.hypot(first, second))


@settings(derandomize=True, deadline=None, max_examples=50)
@given(powers(0, 5), powers(0, 5), powers(-2, 4), powers(-2, 4), st.floats(0.3, 3))
def test_the_ratio_of_gammas_is_an_f_variable(first, second, rate, other_rate, quantile):
    contrast = Contrast(Gamma(first, rate), Gamma(second, other_rate))
    ratio = stats.f(2 * first, 2 * second)
    scale = (first / rate) / (second / other_rate)
    assert contrast.ratio_below(quantile * scale) == pytest.approx(ratio.cdf(quantile), abs=1e-9)
    lower, upper = contrast.lift_interval(0.05)
    assert (lower + 1, upper + 1) == pytest.approx(tuple(scale * np.array(ratio.interval(0.95))), rel=1e-8)


@pytest.mark.parametrize("difference", [-0.6, -0.05, 0.0, 0.02, 0.3])
@pytest.mark.parametrize(
    ("treatment", "control"), [((3, 40), (1, 1)), ((0.5, 0.5), (20, 300)), ((200, 30), (9, 2)), ((1, 1), (1, 1))]
)
def test_differences_of_rates(treatment, control, difference):
    t, c = stats.beta(*treatment), stats.beta(*control)
    points = np.unique(
        np.clip(
            np.concatenate(
                [
                    c.ppf(np.arange(1, 20) / 20),
                    t.ppf(np.arange(1, 20) / 20) - difference,
                    [0, 1, -difference, 1 - difference],
                ]
            ),
            0,
            1,
        )
    )
    expected = sum(
        integrate.quad(lambda x: c.pdf(x) * t.cdf(x + difference), left, right, epsabs=1e-12)[0]
        for left, right in itertools.pairwise(points)
    )
    assert Contrast(Beta(*treatment), Beta(*control)).difference_below(difference) == pytest.approx(expected, abs=1e-8)


def test_welch_and_behrens_fisher():
    """Against the difference of two t variables by quadrature."""
    t, c = stats.t(6, 1.0, 0.5), stats.t(30, 0.2, 0.4)
    contrast = Contrast(Student(1.0, 0.5, 6), Student(0.2, 0.4, 30))
    lower, upper = contrast.difference_interval(0.1)
    for difference, probability in ((lower, 0.05), (upper, 0.95)):
        below = integrate.quad(lambda x, d=difference: c.pdf(x) * t.cdf(x + d), -np.inf, np.inf, epsabs=1e-13)[0]
        assert below == pytest.approx(probability, abs=1e-8)


def test_by_simulation():
    rng = np.random.default_rng(4)
    treatment, control = rng.beta(151, 851, 400_000), rng.beta(121, 881, 400_000)
    contrast = Contrast(Beta(151, 851), Beta(121, 881))
    np.testing.assert_allclose(
        contrast.difference_interval(0.05), np.quantile(treatment - control, [0.025, 0.975]), atol=2e-4
    )
    np.testing.assert_allclose(
        contrast.lift_interval(0.05), np.quantile(treatment / control - 1, [0.025, 0.975]), atol=3e-3
    )


def test_uniforms_in_closed_form():
    contrast = Contrast(Beta(1, 1), Beta(1, 1))
    assert contrast.difference_below(0.25) == pytest.approx(1 - 0.75**2 / 2, abs=1e-12)
    assert contrast.ratio_below(0.25) == pytest.approx(0.125, abs=1e-12)
    assert contrast.ratio_below(4.0) == pytest.approx(1 - 0.125, abs=1e-12)
    assert (contrast.difference_below(-1.0), contrast.difference_below(1.0)) == pytest.approx((0, 1), abs=1e-12)
    assert contrast.ratio_below(0.0) == pytest.approx(0, abs=1e-12)


def test_a_control_that_may_be_zero_has_no_lift():
    assert Contrast(Student(1, 1), Student(1, 1)).lift_interval(0.05) is None
    assert Contrast(Student(1, 1), Student(-9, 1)).lift_interval(0.05) is None
    assert Contrast(Beta(1, 1), Beta(0.001, 1)).lift_interval(0.05) is None
    assert Contrast(Student(1, 1), Student(9, 1)).lift_interval(0.05) is not None


def test_points():
    assert Contrast(Student(5, 0), Student(3, 0)).difference_interval(0.05) == (2, 2)
    assert Contrast(Student(6, 0), Student(3, 0)).lift_interval(0.05) == (1, 1)
    expected = pytest.approx(stats.norm.interval(0.95, 2, 1))
    assert Contrast(Student(5, 1), Student(3, 0)).difference_interval(0.05) == expected
    assert Contrast(Student(5, 0), Student(3, 1)).difference_interval(0.05) == expected


@pytest.mark.parametrize(
    ("treatment", "control"),
    [
        (Beta(1, 1e12), Beta(2, 1e12)),
        (Beta(1e12, 1), Beta(1e12, 1)),
        (Beta(3e11, 7e11), Beta(1, 1)),
        (Gamma(1e12, 1e12), Gamma(1, 1)),
        (Student(1e8, 1, 50), Student(1e8 + 1, 1e-3, 1e12)),
    ],
)
def test_extremes_have_an_interval_that_holds_what_it_says(treatment, control):
    contrast = Contrast(treatment, control)
    lower, upper = contrast.difference_interval(0.05)
    assert lower < upper
    # A rate within 1e-12 of one has four digits there.
    assert contrast.difference_below(upper) - contrast.difference_below(lower) == pytest.approx(0.95, abs=1e-5)


def test_one_family():
    with pytest.raises(TypeError, match="treatment, control: Beta and Gamma given, must be of one family"):
        Contrast(Beta(1, 1), Gamma(1, 1))
