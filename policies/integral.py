"""The integrals of every density times the distribution functions of the others, panel by panel."""

import math

import numpy as np

from policies.density import LOWER, PEAK, UPPER, log_ratio, terms
from policies.kernel import Array, kernel
from policies.panels import Indices, common, distribution_below
from policies.quadrature import NODE_WEIGHTS, NODES, ORDER, running, total

NOTHING = 1e-14
"""Below this probability that all arms are lower, a panel contributes nothing."""


@kernel
def integrate(densities: Array, floor: float, scale: float, out: Array) -> float:
    """Add the integrals above `floor` to `out`; return the probability that no density's variable is above it.

    A density whose UPPER is -inf is left out.
    """
    arms = densities.shape[0]
    low, high = floor, floor
    for arm in range(arms):
        if densities[arm, UPPER] > -np.inf:
            low, high = max(low, densities[arm, LOWER]), max(high, densities[arm, UPPER])
    active = np.empty(arms, np.int64)
    below = np.empty(arms)
    values = np.empty((arms, ORDER))
    count = 0
    none_above = 1.0
    for arm in range(arms):
        if densities[arm, UPPER] > low:
            active[count] = arm
            below[arm] = distribution_below(densities[arm], low, scale, values[0])
            none_above *= below[arm]
            count += 1
    grid = common(densities, active[:count], low, high)
    distribution, lower = np.empty((arms, ORDER)), np.empty((arms, ORDER))
    y, first, second, upper = np.empty(ORDER), np.empty(ORDER), np.empty(ORDER), np.empty(ORDER)
    for panel in range(grid.shape[0] - 1):
        count = _still_active(densities, active[:count], grid[panel])
        half = 0.5 * (grid[panel + 1] - grid[panel])
        for i in range(ORDER):
            y[i] = grid[panel] + half * (1.0 + NODES[i])
            first[i], second[i] = terms(y[i], scale)
        all_below = 1.0
        for k in range(count):
            _evaluate(densities[active[k]], half, y, first, second, values[k])
            all_below *= below[active[k]] + total(values[k])
        if all_below > NOTHING:
            for k in range(count):
                running(values[k], below[active[k]], distribution[k])
            _add(values, distribution, active[:count], lower, upper, out)
        for k in range(count):
            below[active[k]] += total(values[k])
    return none_above if low == floor else 0.0


@kernel
def _add(values: Array, distribution: Array, active: Indices, lower: Array, upper: Array, out: Array) -> None:
    """Add a panel's integrals of every density times the distribution functions of the others.

    Products of those before and those after an arm, because dividing the product of all by one is 0 / 0 far below it.
    """
    for i in range(ORDER):
        lower[0, i] = NODE_WEIGHTS[i]
        upper[i] = 1.0
    for k in range(1, active.shape[0]):
        for i in range(ORDER):
            lower[k, i] = lower[k - 1, i] * distribution[k - 1, i]
    for k in range(active.shape[0] - 1, -1, -1):
        integral = 0.0
        for i in range(ORDER):
            integral += values[k, i] * lower[k, i] * upper[i]
            upper[i] *= distribution[k, i]
        out[active[k]] += integral


@kernel
def _evaluate(density: Array, half: float, y: Array, first: Array, second: Array, values: Array) -> None:
    peak = half * density[PEAK]
    for i in range(ORDER):
        values[i] = peak * math.exp(log_ratio(density, y[i], first[i], second[i]))


@kernel
def _still_active(densities: Array, active: Indices, left: float) -> int:
    """Drop the arms that lie below `left` for certain; the number of those that remain, in their order."""
    remaining = 0
    for k in range(active.shape[0]):
        if densities[active[k], UPPER] > left:
            active[remaining] = active[k]
            remaining += 1
    return remaining
