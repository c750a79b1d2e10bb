"""Where a rising function becomes zero."""

import math
from collections.abc import Callable

from scipy.optimize import brentq

_MOST_DOUBLINGS = 200


class NoRoot(ValueError):
    """The function does not become zero within its limits."""


def rising_root(
    function: Callable[[float], float], start: float, step: float, least: float = -math.inf, most: float = math.inf
) -> float:
    """The zero of a function that does not fall, to 13 digits or to 1e-14 steps.

    Args:
        function: Of one number, finite between the limits.
        start: Where to begin, between the limits.
        step: The scale of the problem: how far the first step goes. Each further one goes twice as far.
        least: The zero does not lie below this.
        most: The zero does not lie above this.

    Raises:
        NoRoot: The function is below zero up to `most`, or above it down to `least`.
    """
    here, value, scale = start, function(start), step
    if value == 0.0:
        return here
    sign, end = (1.0, most) if value < 0.0 else (-1.0, least)
    for _ in range(_MOST_DOUBLINGS):
        if here == end:
            break
        there = min(max(here + sign * step, least), most)
        if function(there) * value <= 0.0:
            return float(brentq(function, min(here, there), max(here, there), xtol=1e-14 * scale, rtol=1e-13))
        here, step = there, 2.0 * step
    raise NoRoot(f"no zero between {start:g} and {here:g}")
