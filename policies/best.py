"""The probability that an arm is the best, by quadrature.

P(arm k is best) is the integral of its density times the distribution functions of all others. All arms share one
grid of panels, with breakpoints at fixed distances around each of them, so that a narrow posterior beside wide ones
is resolved. Only densities are evaluated; within a panel the distribution functions are their running integrals. The
probabilities sum to one by themselves, and how far they do not tells the error: below 1e-10 for ten arms and 1e-9 for
a hundred, up to 1e12 trials; 1e-6 for a thousand identical arms, whose common grid is the coarsest.

Source: Scott, "A modern Bayesian look at the multi-armed bandit", Applied Stochastic Models in Business and Industry
26, 2010, equation 8, for the integral; the quadrature is ours.
"""

import math

import numpy as np

from policies.density import LOWER, PEAK, UPPER, beta_density, log_ratio, logs, normal_density
from policies.kernel import Array, kernel
from policies.panels import COLUMNS, Indices, common, distribution_below, mark
from policies.quadrature import NODE_WEIGHTS, NODES, ORDER, running, total

NOTHING = 1e-14
"""Below this probability that all arms are lower, a panel contributes nothing."""
NO_WIDTH = 1e-14
"""A standard deviation below this part of the distance from the greatest mean is no wider than its rounding."""


@kernel
def best_beta(a: Array, b: Array, out: Array) -> float:
    """Write the probability that each of independent Beta(a, b) variables is the greatest; return the unscaled sum.

    Args:
        a: First parameters, shape (arms,), each > 0.
        b: Second parameters, shape (arms,), each > 0.
        out: Shape (arms,), a distribution afterwards.
    """
    arms = a.shape[0]
    densities = np.empty((arms, COLUMNS))
    for arm in range(arms):
        beta_density(a[arm], b[arm], densities[arm])
        mark(densities[arm])
    out[:] = 0.0
    _integrate(densities, -np.inf, out)
    return _scaled(out)


@kernel
def best_normal(mean: Array, sd: Array, out: Array) -> float:
    """Write the probability that each of independent Gaussians is the greatest; return the unscaled sum.

    Args:
        mean: Shape (arms,).
        sd: Shape (arms,), each >= 0; a variable with sd = 0 is its mean, and equal ones share a victory.
        out: Shape (arms,), a distribution afterwards.
    """
    arms = mean.shape[0]
    # Distances from the greatest mean keep their digits where the means themselves would not.
    origin = mean.max()
    unit = sd.max() if sd.max() > 0.0 else 1.0
    densities = np.empty((arms, COLUMNS))
    floor, points = -np.inf, 0
    for arm in range(arms):
        centre, width = (mean[arm] - origin) / unit, sd[arm] / unit
        out[arm] = 0.0
        if width > NO_WIDTH * max(abs(centre), NO_WIDTH):
            normal_density(centre, width, densities[arm])
            mark(densities[arm])
        else:
            densities[arm, UPPER] = -np.inf
            if centre > floor:
                floor, points = centre, 0
            points += centre == floor
    none_above = _integrate(densities, floor, out)
    for arm in range(arms):
        if densities[arm, UPPER] == -np.inf and (mean[arm] - origin) / unit == floor:
            out[arm] = none_above / points
    return _scaled(out)


@kernel
def _integrate(densities: Array, floor: float, out: Array) -> float:
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
            below[arm] = distribution_below(densities[arm], low, values[0])
            none_above *= below[arm]
            count += 1
    grid = common(densities, active[:count], low, high)
    distribution, lower = np.empty((arms, ORDER)), np.empty((arms, ORDER))
    y, log_x, log_rest, upper = np.empty(ORDER), np.empty(ORDER), np.empty(ORDER), np.empty(ORDER)
    for panel in range(grid.shape[0] - 1):
        count = _still_active(densities, active, count, grid[panel])
        half = 0.5 * (grid[panel + 1] - grid[panel])
        for i in range(ORDER):
            y[i] = grid[panel] + half * (1.0 + NODES[i])
            log_x[i], log_rest[i] = logs(y[i])
        all_below = 1.0
        for k in range(count):
            _evaluate(densities[active[k]], half, y, log_x, log_rest, values[k])
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
def _evaluate(density: Array, half: float, y: Array, log_x: Array, log_rest: Array, values: Array) -> None:
    scale = half * density[PEAK]
    for i in range(ORDER):
        values[i] = scale * math.exp(log_ratio(density, y[i], log_x[i], log_rest[i]))


@kernel
def _still_active(densities: Array, active: Indices, count: int, left: float) -> int:
    """Drop the arms that lie below `left` for certain; the number of those that remain, in their order."""
    remaining = 0
    for k in range(count):
        if densities[active[k], UPPER] > left:
            active[remaining] = active[k]
            remaining += 1
    return remaining


@kernel
def _scaled(out: Array) -> float:
    """Scale to a distribution; the sum before it."""
    for arm in range(out.shape[0]):
        out[arm] = max(out[arm], 0.0)
    raw = out.sum()
    out /= raw
    return float(raw)
