"""Upper quantiles of Beta posteriors, on the logit scale.

The tail is integrated directly, so that one of 1e-12 keeps its digits, and any posterior up to 1e12 trials takes the
same time: a continued fraction needs of the order of sqrt(trials) steps. The logarithm of a tail of a log-concave
density is concave, so Newton's method comes down to the quantile from any point above it; and a tail is less than the
ratio of the density to that at the mode, so such a point is known before anything is integrated.
"""

import math

import numpy as np

from policies.density import (
    CENTRE,
    LOGIT,
    NARROW,
    PEAK,
    Q2,
    Q3,
    Q4,
    Q5,
    Q6,
    SCALE,
    A,
    B,
    beta_density,
    fallen,
    log_ratio,
    slope,
    terms,
)
from policies.kernel import Array, kernel
from policies.quadrature import NODE_WEIGHTS, NODES, ORDER

COLUMNS = 9
"""Columns of a density's description that are read here."""
PANEL_DROP = 9.0
"""The logarithm of the density changes by about this much within a panel."""
NOTHING = 38.0
"""Where the density has fallen by the exponential of this the integral ends."""
CLOSE = 1e-5
"""The search ends with a step of this part of the density's scale: the error left is of the order of its cube."""


@kernel
def beta_quantile(a: float, b: float, tail: float, least: float) -> float:
    """The logit of the x with P(X > x) = `tail` for X from Beta(a, b), 0 < tail < 1; -inf if it is below `least`.

    To about 1e-11 in x. Source: Halley's method on ln P(X > x), whose derivatives are the hazard rate's.
    """
    row = np.empty(COLUMNS)
    beta_density(a, b, row)
    if least > row[CENTRE]:
        log_density, rise, _ = _local(row, least)
        # The hazard rate of a log-concave density is no less than the rate at which the density falls.
        if row[PEAK] * math.exp(log_density) < -rise * tail:
            return -np.inf
    y = _above(row, -math.log(tail))
    upper = _integral(row, y, np.inf)
    for _ in range(50):
        log_density, rise, _ = _local(row, y)
        excess = math.log(upper / tail)
        hazard = row[PEAK] * math.exp(log_density) / upper
        step = excess / hazard
        step /= max(1.0 + 0.5 * excess * (1.0 + rise / hazard), 0.5)
        # Downward, as nearly always, the tail is a sum of positive parts and keeps its digits.
        upper += _integral(row, y + step, y) if step < 0.0 else -_integral(row, y, y + step)
        y += step
        if abs(step) <= CLOSE * row[SCALE]:
            break
    return y if y >= least else -np.inf


@kernel
def _above(row: Array, drop: float) -> float:
    """A logit at or above the one whose tail has the logarithm -drop; from the density alone."""
    if row[NARROW] != 0.0:
        # The twentieth more than the Gaussian distance covers the skewness that a narrow density still has.
        return float(row[CENTRE] + 1.05 * math.sqrt(2.0 * drop) * row[SCALE])
    return fallen(row, 1.1 * drop, 1.0, LOGIT)


@kernel
def _local(row: Array, y: float) -> tuple[float, float, float]:
    """The logarithm of the density relative to the mode, its derivative and minus its second derivative."""
    if row[NARROW] != 0.0:
        d = y - row[CENTRE]
        rise = d * (2.0 * row[Q2] + d * (3.0 * row[Q3] + d * (4.0 * row[Q4] + d * (5.0 * row[Q5] + d * 6.0 * row[Q6]))))
        return log_ratio(row, y, 0.0, 0.0), float(rise), float(-2.0 * row[Q2])
    first, second = terms(y, LOGIT)
    curvature = (row[A] + row[B]) * math.exp(first + second)
    return log_ratio(row, y, first, second), slope(row, first, second, LOGIT), float(curvature)


@kernel
def _integral(row: Array, left: float, right: float) -> float:
    """The integral of the density from `left` to `right`, in panels as long as the density varies there."""
    integral = 0.0
    log_density, rise, curvature = _local(row, left)
    end = (0.0 if rise > 0.0 else log_density) - NOTHING
    while left < right and (rise > 0.0 or log_density > end):
        width = PANEL_DROP / (abs(rise) + math.sqrt(PANEL_DROP * curvature))
        if row[NARROW] == 0.0:
            # Toward x = 1/2 the curvature grows with exp(y): go no further than to where it is about one.
            width = min(width, max(1.5, -math.log(curvature + 1e-300)))
        half = 0.5 * min(width, right - left)
        for i in range(ORDER):
            node = left + half * (1.0 + NODES[i])
            first, second = terms(node, LOGIT) if row[NARROW] == 0.0 else (0.0, 0.0)
            integral += half * NODE_WEIGHTS[i] * math.exp(log_ratio(row, node, first, second))
        left += 2.0 * half
        log_density, rise, curvature = _local(row, left)
    return float(row[PEAK] * integral)
