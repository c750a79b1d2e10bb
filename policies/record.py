"""How a rewarded trial enters the sums."""

from policies.kernel import RECORD, Array, kernel
from policies.statistics import COLUMNS, COUNT, SQUARES, SUM, WEIGHTED


@kernel
def dimension(stats: Array) -> int:
    """The number of features d that rows of COLUMNS + d + d * d columns are for."""
    return int((stats.shape[1] - COLUMNS + 0.25) ** 0.5)


@kernel
def features(stats: Array, context: Array, arm: int) -> Array:
    """The features of an arm, shape (d,): the context, or its part where it holds those of every arm in turn."""
    size = dimension(stats)
    first = arm * size if context.shape[0] > size else 0
    return context[first : first + size]


@kernel
def add_trial(row: Array, reward: float, propensity: float, weight: float) -> None:
    """Add a trial to the columns that all policies read."""
    row[COUNT] += weight
    row[SUM] += weight * reward
    row[SQUARES] += weight * reward * reward
    row[WEIGHTED] += weight * reward / propensity


@kernel
def add_response(row: Array, x: Array, response: float, weight: float) -> None:
    """Add response * x and x x^T, each times its factor, to the columns of a linear model."""
    size = x.shape[0]
    for i in range(size):
        row[COLUMNS + i] += response * x[i]
        for j in range(size):
            row[COLUMNS + size + i * size + j] += weight * x[i] * x[j]


@kernel(RECORD)
def record(
    stats: Array, context: Array, arm: int, reward: float, propensity: float, weight: float, _params: Array
) -> None:
    """Add a trial, `weight` times, to the row of its arm; with features, reward * x and x x^T too."""
    add_trial(stats[arm], reward, propensity, weight)
    add_response(stats[arm], features(stats, context, arm), weight * reward, weight)
