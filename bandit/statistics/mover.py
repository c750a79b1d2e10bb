"""Intervals for two independent estimates together, from an interval of each, symmetric or not.

"Method of variance estimates recovery": each end of an interval says how much its estimate varies in that direction.

Source: Zou and Donner, "Construction of confidence limits about effect measures: a general approach", Statistics in
Medicine 27, 2008; Donner and Zou, "Closed-form confidence intervals for functions of the normal mean and standard
deviation", Statistical Methods in Medical Research 21, 2012, for ratios.
"""

import math

from bandit.statistics.tails import Interval


def difference(estimates: tuple[float, float], intervals: tuple[Interval, Interval]) -> Interval:
    """The interval of the first less the second."""
    (first, second), ((lower, upper), (other_lower, other_upper)) = estimates, intervals
    below, above = math.hypot(first - lower, other_upper - second), math.hypot(upper - first, second - other_lower)
    return first - second - below, first - second + above


def ratio(estimates: tuple[float, float], intervals: tuple[Interval, Interval]) -> Interval | None:
    """The interval of the first by the second; it has 1 where, and only where, that of the difference has 0.

    Returns:
        None unless the second's interval lies above zero and ends below twice its estimate.
    """
    (first, second), ((lower, upper), (other_lower, other_upper)) = estimates, intervals
    if not 0.0 < other_lower <= other_upper < 2.0 * second:
        return None

    def end(mine: float, other: float, side: float) -> float:
        product, reduced = first * second, other * (2.0 * second - other)
        return (product + side * math.sqrt(max(0.0, product**2 - mine * (2.0 * first - mine) * reduced))) / reduced

    return end(lower, other_upper, -1.0), end(upper, other_lower, 1.0)
