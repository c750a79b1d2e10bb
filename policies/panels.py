"""Where the panels of the quadrature begin and end: breakpoints that follow the shape of every density.

A single panel for an arm, a uniform grid and Gauss-Hermite nodes all fail where narrow and wide posteriors meet.
"""

import math

import numpy as np
from numpy.typing import NDArray

from policies.density import (
    CENTRE,
    LOG,
    LOWER,
    MARK,
    NARROW,
    PEAK,
    SCALE,
    UPPER,
    A,
    B,
    fallen,
    log_ratio,
    terms,
)
from policies.kernel import Array, kernel
from policies.quadrature import NODES, ORDER, total

Indices = NDArray[np.int64]

SIGMAS = (-8.0, -5.0, -3.0, -1.5, 0.0, 1.5, 3.0, 5.0, 8.0)
"""The breakpoints of a narrow density, in standard deviations; beyond the outer ones there is nothing."""
DROPS = (33.0, 16.0, 10.0, 6.5, 4.0, 2.0, 0.6)
"""A wide density has breakpoints where its logarithm has fallen by this much; beyond the first there is nothing."""
KNEES = (-192.0, -48.0, -12.0, -3.0, 0.0, 3.0, 12.0, 48.0, 192.0)
"""More of them for a or b < 1, where tails of length 1 / a and 1 / b meet in a knee of width one: distances from it."""

MARKS = 2 * len(DROPS) + len(KNEES) + 1
"""Breakpoints a density, of which unused ones repeat UPPER."""
COLUMNS = MARK + MARKS
"""Columns of a row: the density and its breakpoints."""
CLOSEST = 0.75
"""A breakpoint closer to the last one than this part of the least scale around is left out, it resolves nothing."""


@kernel
def mark(row: Array, scale: float) -> None:
    """Add the breakpoints of a density to its row, in ascending order."""
    if row[NARROW] != 0.0:
        _mark_narrow(row)
    else:
        _mark_wide(row, scale)


@kernel
def distribution_below(density: Array, low: float, scale: float, values: Array) -> float:
    """The distribution function at `low`, integrated over the panels of this density alone."""
    integral = 0.0
    for mark in range(MARK, MARK + MARKS - 1):
        left, right = density[mark], min(density[mark + 1], low)
        if right <= left:
            continue
        half = 0.5 * (right - left)
        for i in range(ORDER):
            y = left + half * (1.0 + NODES[i])
            first, second = terms(y, scale)
            values[i] = half * density[PEAK] * math.exp(log_ratio(density, y, first, second))
        integral += total(values)
    return integral


@kernel
def common(densities: Array, active: Indices, low: float, high: float) -> Array:
    """The breakpoints from `low` to `high`, without those that lie closer together than any density varies."""
    marks = np.empty(active.shape[0] * MARKS + 1)
    count = 0
    for arm in active:
        for mark in range(MARK, MARK + MARKS):
            if low < densities[arm, mark] and (mark == MARK or densities[arm, mark - 1] < densities[arm, mark]):
                marks[count] = densities[arm, mark]
                count += 1
    candidates = marks[:count].copy()
    ascending(candidates)
    marks[0] = low
    kept = 1
    for candidate in candidates:
        least = np.inf
        for arm in active:
            if densities[arm, UPPER] > marks[kept - 1]:
                least = min(least, densities[arm, SCALE])
        if candidate - marks[kept - 1] >= CLOSEST * least or candidate == high:
            marks[kept] = candidate
            kept += 1
    return marks[:kept]


@kernel
def _mark_narrow(row: Array) -> None:
    for i in range(MARKS):
        row[MARK + i] = row[CENTRE] + SIGMAS[min(i, len(SIGMAS) - 1)] * row[SCALE]
    row[LOWER], row[UPPER] = row[MARK], row[MARK + MARKS - 1]


@kernel
def _mark_wide(row: Array, scale: float) -> None:
    lower, upper = fallen(row, DROPS[0], -1.0, scale), fallen(row, DROPS[0], 1.0, scale)
    row[LOWER], row[UPPER] = lower, upper
    marks = row[MARK:]
    for i in range(MARKS):
        marks[i] = upper
    marks[0], marks[1] = lower, row[CENTRE]
    used = 2
    for drop in DROPS[1:]:
        marks[used], marks[used + 1] = fallen(row, drop, -1.0, scale), fallen(row, drop, 1.0, scale)
        used += 2
    if row[A] < 1.0 or (row[B] < 1.0 and scale != LOG):
        knee = math.log((row[A] + 1.0) / (row[B] if scale == LOG else row[B] + 1.0))
        for distance in KNEES:
            marks[used] = min(max(knee + distance, lower), upper)
            used += 1
    ascending(marks)


@kernel
def ascending(values: Array) -> None:
    """Sort in place; Shell's method, because numpy's takes a second to compile."""
    gap = values.shape[0] // 2
    while gap > 0:
        for i in range(gap, values.shape[0]):
            value, j = values[i], i
            while j >= gap and values[j - gap] > value:
                values[j] = values[j - gap]
                j -= gap
            values[j] = value
        gap = 1 if gap == 2 else int(gap / 2.2)
