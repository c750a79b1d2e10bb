"""Steps that the rules of several policies share; compiled, called from their kernels."""

import numpy as np

from policies.kernel import Array, kernel
from policies.statistics import COUNT, SUM

Leader = tuple[int, float, int]
"""The arm that leads so far, its index, and how many arms have that index."""
NOBODY: Leader = (0, -np.inf, 0)
NEGLIGIBLE = 1e-9
"""An arm with less than this many trials counts as untried: corrections and forgetting leave a residue of rounding."""


@kernel
def mean_reward(row: Array) -> float:
    """The mean of an arm's rewards, from its sums; infinite before its first trial, so that untried arms come first."""
    count = row[COUNT]
    return float(row[SUM] / count) if count > NEGLIGIBLE else np.inf


@kernel
def untried(stats: Array) -> int:
    """How many arms are without a trial."""
    arms = 0
    for arm in range(stats.shape[0]):
        arms += stats[arm, COUNT] <= NEGLIGIBLE
    return arms


@kernel
def untried_first(stats: Array, out: Array) -> bool:
    """Share everything among the arms without a trial; False, and nothing written, where every arm has been tried."""
    without = untried(stats)
    if without == 0:
        return False
    for arm in range(stats.shape[0]):
        out[arm] = 1.0 / without if stats[arm, COUNT] <= NEGLIGIBLE else 0.0
    return True


@kernel
def share_greatest(values: Array, out: Array) -> None:
    """Give 1 to the greatest of `values`; ties share it evenly. `out` may be `values` itself."""
    # In a loop, because `values.max()` takes a third of a second to compile.
    greatest, ties = -np.inf, 0
    for value in values:
        if value > greatest:
            greatest, ties = value, 1
        elif value == greatest:
            ties += 1
    for arm in range(values.shape[0]):
        out[arm] = 1.0 / ties if values[arm] == greatest else 0.0


@kernel
def draw(probabilities: Array, rng: np.random.Generator) -> int:
    """One arm, drawn with these probabilities; never one whose probability is zero, whatever the rounding."""
    remaining = rng.random()
    drawn = -1
    for arm in range(probabilities.shape[0]):
        if probabilities[arm] > 0.0:
            drawn = arm
            remaining -= probabilities[arm]
            if remaining < 0.0:
                break
    return drawn


@kernel
def ahead(leader: Leader, arm: int, index: float) -> Leader:
    """Who leads after one more arm, from `NOBODY` on; the first of those that tie.

    A policy whose leader is alone has drawn what `share_greatest` says, in one pass and without memory of its own.
    Otherwise it goes through the arms again, to the one that `tied_before` says.
    """
    selected, greatest, ties = leader
    if index > greatest:
        return arm, index, 1
    return selected, greatest, ties + (index == greatest)


@kernel
def tied_before(ties: int, rng: np.random.Generator) -> int:
    """How many of the arms that tie lie before the one that is drawn."""
    return min(int(rng.random() * ties), ties - 1)


@kernel
def greatest_normal(mean: Array, sd: Array, rng: np.random.Generator) -> int:
    """The greatest of one draw from each of these Gaussians; one of them at random where several tie, with sd = 0."""
    selected, greatest, ties = 0, -np.inf, 0
    for arm in range(mean.shape[0]):
        drawn = mean[arm] + sd[arm] * rng.standard_normal()
        if drawn > greatest:
            selected, greatest, ties = arm, drawn, 1
        elif drawn == greatest:
            ties += 1
            if rng.random() * ties < 1.0:
                selected = arm
    return selected
