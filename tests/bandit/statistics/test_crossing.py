"""Crossing probabilities against the multivariate normal, a simulation, and themselves in the mirror."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bandit.statistics.crossing import Boundary, crossing, equally_spaced


@st.composite
def boundaries(draw):
    """Up to five looks at uneven fractions, with uneven values, some of them infinite."""
    steps = draw(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=5))
    fractions = tuple(np.cumsum(steps).tolist())
    height = st.one_of(st.floats(0.0, 4.0), st.just(math.inf))
    upper = tuple(draw(st.lists(height, min_size=len(steps), max_size=len(steps))))
    lower = tuple(-z for z in draw(st.lists(height, min_size=len(steps), max_size=len(steps))))
    return Boundary(fractions, lower, upper)


@settings(max_examples=80, deadline=None)
@given(boundaries(), st.floats(-4.0, 4.0))
def test_mirrored_boundaries_are_crossed_the_other_way(boundary, drift):
    mirror = Boundary(boundary.fractions, tuple(-z for z in boundary.upper), tuple(-z for z in boundary.lower))
    found, mirrored = crossing(boundary, drift), crossing(mirror, -drift)
    assert found.lower == pytest.approx(mirrored.upper, rel=1e-9, abs=1e-13)
    assert found.upper == pytest.approx(mirrored.lower, rel=1e-9, abs=1e-13)
    assert 0.0 <= found.probability <= 1.0 + 1e-9


@settings(max_examples=40, deadline=None)
@given(boundaries(), st.floats(-3.0, 3.0))
def test_a_look_that_nothing_crosses_changes_nothing(boundary, drift):
    first, *rest = boundary.fractions
    more = Boundary((first / 2.0, first, *rest), (-math.inf, *boundary.lower), (math.inf, *boundary.upper))
    found, finer = crossing(boundary, drift), crossing(more, drift)
    assert (0.0, *found.upper) == pytest.approx(finer.upper, abs=1e-10)
    assert (0.0, *found.lower) == pytest.approx(finer.lower, abs=1e-10)


@pytest.mark.parametrize("drift", [0.0, 1.5, 3.0])
@pytest.mark.parametrize("fractions", [(0.3, 1.0), (0.2, 0.25, 0.9), (0.1, 0.4, 0.7, 1.0)])
def test_against_the_multivariate_normal(fractions, drift):
    """Not crossed so far is a box; its probability is scipy's, to the accuracy of its lattice rule."""
    looks = len(fractions)
    upper, lower = np.linspace(3.0, 1.8, looks), np.linspace(-2.5, -1.0, looks)
    found = crossing(Boundary(fractions, tuple(lower), tuple(upper)), drift)
    times = np.array(fractions)
    covariance = np.sqrt(np.minimum.outer(times, times) / np.maximum.outer(times, times))
    normal = stats.multivariate_normal(drift * np.sqrt(times), covariance, maxpts=400_000, abseps=1e-8, releps=1e-8)
    assert 1.0 - found.probability == pytest.approx(normal.cdf(upper, lower_limit=lower), abs=1e-5)


def test_against_a_simulation():
    fractions, drift, count = (0.1, 0.15, 0.6, 1.0), 2.0, 400_000
    lower, upper = (-3.0, -1.5, -1.0, 0.5), (4.0, 2.0, 2.5, 1.8)
    random = np.random.default_rng(7)
    steps = np.diff(np.array((0.0, *fractions)))
    paths = np.cumsum(random.standard_normal((count, 4)) * np.sqrt(steps) + drift * steps, axis=1) / np.sqrt(fractions)
    alive, found = np.ones(count, bool), crossing(Boundary(fractions, lower, upper), drift)
    for look in range(4):
        for crossed, probability in (
            (paths[:, look] <= lower[look], found.lower[look]),
            (paths[:, look] >= upper[look], found.upper[look]),
        ):
            spread = math.sqrt(probability * (1.0 - probability) / count)
            assert np.mean(alive & crossed) == pytest.approx(probability, abs=4.0 * spread + 1e-5)
        alive &= (paths[:, look] > lower[look]) & (paths[:, look] < upper[look])


def test_one_look_is_the_normal_distribution_far_out():
    found = crossing(Boundary((1.0,), (-30.0,), (37.0,)), 0.0)
    assert found.lower == pytest.approx((stats.norm.cdf(-30.0),), rel=1e-12)
    assert found.upper == pytest.approx((stats.norm.sf(37.0),), rel=1e-12)
    assert crossing(Boundary((1.0,), (-2.0,), (2.0,)), 1e6).upper == (1.0,)


def test_a_drift_that_leaves_nobody():
    found = crossing(Boundary(equally_spaced(4), (-2.0,) * 4, (2.0,) * 4), 200.0)
    assert found.upper == pytest.approx((1.0, 0.0, 0.0, 0.0))


def test_which_effects_a_boundary_stops_for():
    nowhere = (math.inf, math.inf)
    assert Boundary((0.5, 1.0), (-2.0, -2.0), (2.0, 2.0)).alternative == "two-sided"
    assert Boundary((0.5, 1.0), tuple(-z for z in nowhere), (2.0, 2.0)).alternative == "greater"
    assert Boundary((0.5, 1.0), (-2.0, -2.0), nowhere).alternative == "less"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Boundary((), (), ()), "fractions: none given"),
        (lambda: Boundary((0.5, 0.5), (0, 0), (1, 1)), r"fractions\[1\]: 0.5 given, must be at least 0.001 more"),
        (lambda: Boundary((0.5, math.nan), (0, 0), (1, 1)), r"fractions\[1\]: nan given"),
        (lambda: Boundary((0.5, 1.0), (0,), (1, 1)), "1 lower and 2 upper values given, must be one each for 2 looks"),
        (lambda: Boundary((1.0,), (2.0,), (1.0,)), r"lower\[0\] 2 given, must not lie above upper\[0\] 1"),
        (lambda: crossing(Boundary((1.0,), (-2.0,), (2.0,)), math.inf), "drift: inf given, must be finite"),
        (lambda: equally_spaced(0), "looks: 0 given, must be 1 to 1000"),
        (lambda: equally_spaced(1001), "looks: 1001 given"),
    ],
)
def test_wrong_arguments_are_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()
