"""Credible intervals against scipy, and regions of practical equivalence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from bandit.statistics.contrast import Contrast
from bandit.statistics.credible import equal_tailed, equivalence, highest_density
from bandit.statistics.posteriors import Beta, Gamma
from bandit.statistics.student import Student


@pytest.mark.parametrize(
    ("posterior", "reference"),
    [
        (Beta(3, 50), stats.beta(3, 50)),
        (Gamma(3, 50), stats.gamma(3, scale=1 / 50)),
        (Student(3, 2, 7), stats.t(7, 3, 2)),
    ],
)
@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.5])
def test_equal_tails(posterior, reference, alpha):
    assert equal_tailed(posterior, alpha) == pytest.approx(reference.interval(1 - alpha), rel=1e-9)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.floats(1.1, 500), st.floats(1.1, 500), st.floats(0.01, 0.5))
def test_within_the_shortest_interval_the_density_is_higher(a, b, alpha):
    for posterior, reference in ((Beta(a, b), stats.beta(a, b)), (Gamma(a, b), stats.gamma(a, scale=1 / b))):
        lower, upper = highest_density(posterior, alpha)
        assert reference.cdf(upper) - reference.cdf(lower) == pytest.approx(1 - alpha, abs=1e-9)
        if lower > 0 and upper < 1:
            assert reference.logpdf(lower) == pytest.approx(reference.logpdf(upper), abs=1e-5)
        shortest = optimize.minimize_scalar(
            lambda left, of=reference: of.ppf(left + 1 - alpha) - of.ppf(left), bounds=(0, alpha), method="bounded"
        )
        assert upper - lower <= shortest.fun * (1 + 1e-9)


def test_at_an_end_of_the_range():
    assert highest_density(Beta(1, 99)) == pytest.approx((0, stats.beta(1, 99).ppf(0.95)))
    assert highest_density(Beta(99, 1)) == pytest.approx((stats.beta(99, 1).ppf(0.05), 1))
    assert highest_density(Gamma(1, 2)) == pytest.approx((0, stats.gamma(1, scale=0.5).ppf(0.95)))
    assert highest_density(Beta(0.5, 0.6), 0.3) == pytest.approx((0, stats.beta(0.5, 0.6).ppf(0.7)))
    assert highest_density(Beta(1, 1), 0.1) == pytest.approx((0, 0.9))


def test_extremes():
    for posterior in (Beta(1e12, 3e12), Beta(2, 1e12), Gamma(1e12, 3.0)):
        lower, upper = highest_density(posterior)
        mass = posterior.below(posterior.axis.position(np.array([lower, upper])))
        assert mass[1] - mass[0] == pytest.approx(0.95, abs=1e-6)


def test_equivalence():
    contrast = Contrast(Student(1.0, 0.6), Student(0.0, 0.8))
    found = equivalence(contrast, (-0.5, 0.5))
    assert found.probability == pytest.approx(stats.norm.cdf(0.5, 1) - stats.norm.cdf(-0.5, 1))
    assert (found.region, found.decision) == ((-0.5, 0.5), "undecided")
    assert equivalence(contrast, (-1.0, 3.0)).decision == "equivalent"
    assert equivalence(contrast, (-9.0, -1.0)).decision == "different"
    assert equivalence(contrast, (3.0, 4.0)).decision == "different"


def test_equivalence_of_a_lift():
    contrast = Contrast(Gamma(1e6, 1e6), Gamma(1e6, 1e6))
    found = equivalence(contrast, (-0.01, 0.01), unit="relative")
    ratio = stats.f(2e6, 2e6)
    assert found.probability == pytest.approx(ratio.cdf(1.01) - ratio.cdf(0.99), abs=1e-9)
    assert found.decision == "equivalent"
    assert equivalence(Contrast(Student(1, 1), Student(0, 1)), (-0.1, 0.1), unit="relative") is None


def test_refusals():
    with pytest.raises(ValueError, match=r"alpha: 1.5 given, must lie strictly between 0 and 1"):
        equal_tailed(Beta(1, 1), 1.5)
    with pytest.raises(ValueError, match="region: from 1 to 1 given, must begin below where it ends"):
        equivalence(Contrast(Beta(1, 1), Beta(1, 1)), (1.0, 1.0))
