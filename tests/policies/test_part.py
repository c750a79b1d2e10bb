"""Functions that kernels call: translated for them, and compiled to run by themselves where Python calls."""

import numba
import numpy as np
import pytest

from policies import kernel
from policies.part import _Unfinished


@kernel
def halved(x):
    if x < 0.0:
        raise ValueError("negative")
    return x / 2.0


@kernel
def quartered(x):
    return halved(halved(x))


@numba.njit
def summed(values):
    total = 0.0
    for value in values:
        total += quartered(value)
    return total


def test_python_and_compiled_code_call_the_same_function():
    assert summed(np.array([4.0, 8.0])) == 3.0
    # No machine code was made for them, so that Python must not be given what compiled code links.
    for function in (halved, quartered):
        (made,) = function.overloads.values()
        assert isinstance(made.library, _Unfinished)
    assert (halved(3.0), quartered(6.0), quartered(8)) == (1.5, 1.5, 2.0)
    assert halved(3.0) == 1.5
    assert summed(np.array([12.0])) == 3.0


def test_an_error_in_a_part_comes_out():
    for call in (halved, quartered):
        with pytest.raises(ValueError, match="negative"):
            call(-1.0)
    with pytest.raises(ValueError, match="negative"):
        summed(np.array([1.0, -1.0]))
