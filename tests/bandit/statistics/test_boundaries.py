"""Boundaries against published ones, and against the error they are to keep."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandit.statistics import boundaries
from bandit.statistics.boundaries import BOUNDARIES, spend_by_power, spend_like_obrien_fleming, spend_like_pocock, spent
from bandit.statistics.crossing import crossing, equally_spaced

FIVE = equally_spaced(5)


def test_five_looks():
    assert round(boundaries.pocock(FIVE).upper[0], 4) == 2.4132
    rounded = [round(z, 4) for z in boundaries.obrien_fleming(FIVE).upper]
    assert rounded == [4.5617, 3.2256, 2.6337, 2.2809, 2.0401]
    rounded = [round(z, 4) for z in boundaries.lan_demets_obrien_fleming(FIVE).upper]
    assert rounded == [4.8769, 3.3570, 2.6803, 2.2898, 2.0310]


# Jennison and Turnbull 2000, tables 2.1 and 2.3, two-sided .05.
@pytest.mark.parametrize(
    ("looks", "pocock", "obrien_fleming"),
    [(1, 1.960, 1.960), (2, 2.178, 1.977), (3, 2.289, 2.004), (4, 2.361, 2.024), (5, 2.413, 2.040), (10, 2.555, 2.087)],
)
def test_constants_of_the_classical_boundaries(looks, pocock, obrien_fleming):
    assert round(boundaries.pocock(equally_spaced(looks)).upper[-1], 3) == pocock
    assert round(boundaries.obrien_fleming(equally_spaced(looks)).upper[-1], 3) == obrien_fleming


def test_spending_that_is_known():
    for spending in (spend_like_obrien_fleming, spend_like_pocock, spend_by_power(2.0)):
        assert spending(1.0, 0.025) == pytest.approx(0.025, rel=1e-12)
    assert spend_by_power(3.0)(0.5, 0.05) == 0.05 / 8.0
    assert spend_like_pocock(0.5, 0.05) == pytest.approx(0.05 * math.log(1.0 + (math.e - 1.0) / 2.0))


fractions = st.lists(st.floats(0.02, 1.0), min_size=1, max_size=6).map(
    lambda steps: tuple(sum(steps[: place + 1]) / sum(steps) for place in range(len(steps)))
)


@settings(max_examples=60, deadline=None)
@given(
    fractions,
    st.floats(1e-6, 0.4),
    st.sampled_from(["two-sided", "greater", "less"]),
    st.sampled_from(sorted(BOUNDARIES)),
)
def test_the_error_is_kept(times, alpha, alternative, name):
    boundary = BOUNDARIES[name](times, alpha, alternative)
    assert boundary.alternative == alternative
    assert crossing(boundary).probability == pytest.approx(alpha, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(fractions, st.floats(1e-4, 0.4), st.floats(0.3, 4.0))
def test_what_is_spent_at_each_look_is_what_may_be(times, alpha, exponent):
    spending = spend_by_power(exponent)
    found, total = crossing(spent(times, alpha, "greater", spending)), 0.0
    for time, crossed in zip(times, found.upper, strict=True):
        total += crossed
        assert total == pytest.approx(spending(min(time, 1.0), alpha), rel=1e-8)


def test_looks_that_are_not_yet_the_last_and_looks_beyond_it():
    whole, part = boundaries.lan_demets_pocock(FIVE), boundaries.lan_demets_pocock(FIVE[:3])
    assert part.upper == pytest.approx(whole.upper[:3])
    beyond = boundaries.lan_demets_pocock((0.5, 1.1))
    assert crossing(beyond).probability == pytest.approx(0.05)
    assert boundaries.lan_demets_pocock((0.5, 1.0, 1.1)).upper[2] == math.inf


def test_a_first_look_so_early_that_nothing_may_be_spent():
    assert boundaries.lan_demets_obrien_fleming((0.001, 1.0)).upper == pytest.approx((math.inf, 1.959964), rel=1e-6)


def test_fifty_looks():
    for name in BOUNDARIES:
        assert crossing(BOUNDARIES[name](equally_spaced(50), 0.05, "two-sided")).probability == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: boundaries.pocock(FIVE, 1.5), "alpha: 1.5 given, must lie strictly between 0 and 1"),
        (lambda: spent(FIVE, 0.0), "alpha: 0.0 given"),
        (lambda: spent((0.5, 0.4)), r"fractions\[1\]: 0.4 given, must be at least 0.001 more than 0.5"),
        (lambda: spend_by_power(0.0), "exponent: 0 given, must be above 0 and finite"),
    ],
)
def test_wrong_arguments_are_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()
