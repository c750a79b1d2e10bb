"""The state that every context-free policy reads: a matrix of sums, one row an arm.

The columns hold, over the rewarded trials of an arm, the count, the sum of `reward - origin`, the sum of its squares
and the sum of `(reward - origin) / propensity`. All are plain sums, so two machines merge by `+`, a store increments
them in place and a correction subtracts what was added. `origin` is a number near the rewards, fixed once: with mean
1e8 and standard deviation 1 the squares of raw rewards leave a variance of 1090 instead of 1.

A contextual policy reads, for d features x, d + d * d columns more: the sum of `(reward - origin) * x` and, row by row,
that of x x^T. (`logistic_thompson` has other sums there.)

Forgetting keeps all this (*forward decay*: Cormode, Shkapenyuk, Srivastava and Xu, "Forward decay: a practical time
decay model for streaming systems", ICDE 2009). A trial enters the sums with a weight that grows with the time of its
decision, and reading divides by the growth until now, so that a trial of age one half-life counts half. Weights that
grow for ever overflow; therefore time is cut into periods of `SPAN` half-lives, every period has sums of its own,
relative to the landmark at its beginning, and the state at time `now` is the sum over periods of `fade(period, now) *
sums`. A weight depends on the time of the decision alone: rewards may arrive in any order, and a correction of an old
trial goes, with the same weight, to the same period.
"""

import math

import numpy as np

from policies.kernel import Array

COUNT, SUM, SQUARES, WEIGHTED = 0, 1, 2, 3
COLUMNS = 4
SPAN = 16
"""Half-lives in a period: weights lie in [1, 2**16], and what underflows in `fade` is a thousand half-lives old."""


def columns(dimension: int) -> int:
    """The columns that a contextual policy reads, for `dimension` features; COLUMNS without any."""
    return COLUMNS + dimension + dimension * dimension


def empty(arms: int, dimension: int = 0) -> Array:
    """The statistics of `arms` arms before any reward: zeros of shape (arms, columns(dimension))."""
    return np.zeros((arms, columns(dimension)))


def landmark(at: float, half_life: float | None) -> int:
    """The index of the period that the time `at` (seconds) falls into; 0 where nothing is forgotten."""
    return 0 if half_life is None else math.floor(at / (SPAN * half_life))


def growth(at: float, landmark_index: int, half_life: float | None) -> float:
    """The weight with which a trial decided at `at` (seconds) enters the sums of the period it falls into.

    Raises:
        OverflowError: `at` lies a thousand half-lives or more after the beginning of the period.
    """
    return 1.0 if half_life is None else float(2.0 ** ((at - landmark_index * SPAN * half_life) / half_life))


def fade(landmark_index: int, now: float, half_life: float | None) -> float:
    """The factor, 0 to 1, with which the sums of a period are read at the time `now` (seconds).

    `growth(at) * fade(now)` is `2 ** (-(now - at) / half_life)`. A period that begins after `now`, because clocks
    differ, is read as of its beginning.
    """
    if half_life is None:
        return 1.0
    return float(2.0 ** min(0.0, (landmark_index * SPAN * half_life - now) / half_life))
