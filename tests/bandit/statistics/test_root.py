"""Roots of functions whose roots are known."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandit.statistics.root import NoRoot, rising_root

numbers = st.floats(-1e12, 1e12)


@given(numbers, numbers, st.floats(1e-6, 1e6))
def test_it_is_found_from_anywhere(root, start, step):
    found = rising_root(lambda place: math.atan(place - root), start, step)
    assert found == pytest.approx(root, rel=1e-12, abs=1e-13 * step)


def test_it_is_exact_at_the_start_and_at_a_limit():
    assert rising_root(lambda place: place - 3.0, 3.0, 1.0) == 3.0
    assert rising_root(lambda place: place - 3.0, 0.0, 1.0, most=3.0) == pytest.approx(3.0)
    assert rising_root(lambda place: place + 3.0, 0.0, 1.0, least=-3.0) == pytest.approx(-3.0)


@pytest.mark.parametrize("root", [-4.0, 4.0])
def test_none_within_the_limits(root):
    with pytest.raises(NoRoot, match="no zero between 0 and"):
        rising_root(lambda place: place - root, 0.0, 1.0, -3.0, 3.0)
