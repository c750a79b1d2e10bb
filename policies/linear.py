"""Linear models of the reward: the mean and the width of every arm's score, from the sums of x x^T and reward * x.

The sums of an arm make its model by ridge regression (*disjoint* models), or those of all arms together make one model
of features that tell the arms apart (a *shared* model). They are solved by Cholesky's method at each decision: half a
microsecond an arm for ten features, so that nothing needs to be cached or updated.
"""

import math
from typing import ClassVar

import numpy as np
from pydantic import Field

from policies.kernel import Array, kernel
from policies.policy import Policy
from policies.record import dimension, features
from policies.statistics import COLUMNS, COUNT, SQUARES

SHRINKAGE = 2.0
"""Trials that the mean square of the rewards is worth in the estimate of the noise."""
SINGULAR = 1e-14
"""A pivot below this part of its diagonal element is rounding, of sums much larger than the regulariser."""


@kernel
def solve_lower(factor: Array, x: Array, out: Array) -> float:
    """Write the solution of factor @ out = x by forward substitution; return the square of its length."""
    square = 0.0
    for i in range(x.shape[0]):
        value = x[i]
        for j in range(i):
            value -= factor[i, j] * out[j]
        out[i] = value / factor[i, i]
        square += out[i] * out[i]
    return square


@kernel
def fit(stats: Array, arm: int, params: Array, factor: Array, solution: Array) -> float:
    """Write Cholesky's factor L of A + regulariser * I, and L^-1 b, of an arm's model; return b^T (L L^T)^-1 b.

    Args:
        stats: Rows of 4 + d + d * d columns.
        arm: Whose model; with a shared one it does not matter.
        params: The regulariser and whether there is one model for all arms.
        factor: Shape (d, d); the lower triangle is written.
        solution: Shape (d,).
    """
    size, shared = solution.shape[0], params[1] > 0.0
    first, last = (0, stats.shape[0]) if shared else (arm, arm + 1)
    b = np.zeros(size)
    for i in range(size):
        for j in range(i + 1):
            value = params[0] if i == j else 0.0
            for row in range(first, last):
                value += stats[row, COLUMNS + size + i * size + j]
            least = SINGULAR * value
            for k in range(j):
                value -= factor[i, k] * factor[j, k]
            factor[i, j] = math.sqrt(max(value, least)) if i == j else value / factor[j, j]
        for row in range(first, last):
            b[i] += stats[row, COLUMNS + i]
    return solve_lower(factor, b, solution)


@kernel
def scores(stats: Array, context: Array, params: Array, mean: Array, width: Array) -> float:
    """Write x^T theta and sqrt(x^T (A + regulariser * I)^-1 x) of every arm; return the mean square of the noise.

    theta is the posterior mean, and theta's covariance the noise times (A + regulariser * I)^-1, for a Gaussian prior
    whose variance is that of the noise divided by the regulariser. The noise is estimated from what the models leave of
    the squares and the mean square of all rewards, which is worth two trials.
    """
    arms, size, shared = stats.shape[0], dimension(stats), params[1] > 0.0
    factor, solution, v = np.empty((size, size)), np.empty(size), np.empty(size)
    left, count, squares, explained = 0.0, 0.0, 0.0, 0.0
    for arm in range(arms):
        if arm == 0 or not shared:
            explained = fit(stats, arm, params, factor, solution)
        width[arm] = math.sqrt(solve_lower(factor, features(stats, context, arm), v))
        mean[arm] = 0.0
        for i in range(size):
            mean[arm] += v[i] * solution[i]
        count += max(stats[arm, COUNT], 0.0)
        squares += max(stats[arm, SQUARES], 0.0)
        left += 0.0 if shared else max(stats[arm, SQUARES] - explained, 0.0)
    if shared:
        left = max(squares - explained, 0.0)
    return (left + SHRINKAGE * squares / max(count, 1.0)) / (count + SHRINKAGE)


class LinearModel(Policy):
    """Base class of the policies that read the features of a context linearly."""

    contextual: ClassVar[bool] = True

    regulariser: float = Field(
        default=1.0, gt=0, description="Trials that the prior is worth, in each direction of features of length one."
    )
    shared: bool = Field(
        default=False, description="One model for all arms, whose features the context holds in turn; else one each."
    )
