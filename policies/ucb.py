"""Upper confidence bounds from Hoeffding's inequality."""

import math
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from policies.choice import NEGLIGIBLE, NOBODY, ahead, share_greatest, tied_before
from policies.kernel import SELECT, WEIGHTS, Array, kernel
from policies.policy import Policy
from policies.room import SIZE, room
from policies.statistics import COUNT, SQUARES, SUM


@kernel
def ucb1_index(row: Array, logarithm: float, exploration: float) -> float:
    """Mean + exploration * sqrt(ln t / count), from an arm's sums; infinite before its first trial."""
    count = row[COUNT]
    share = 1.0 / count  # once, because a division takes as long as all the rest
    index = row[SUM] * share + exploration * math.sqrt(logarithm * share)
    return float(index) if count > NEGLIGIBLE else np.inf


@kernel
def ucb1_tuned_index(row: Array, logarithm: float) -> float:
    """Mean + sqrt(ln t / count * min(1/4, V)), V the variance and its own bonus; infinite before the first trial."""
    count = row[COUNT]
    if count <= NEGLIGIBLE:
        return np.inf
    mean, rate = row[SUM] / count, logarithm / count
    variance = max(row[SQUARES] / count - mean * mean, 0.0) + math.sqrt(2.0 * rate)
    return float(mean + math.sqrt(rate * min(0.25, variance)))


@kernel(WEIGHTS)
def ucb1_weights(stats: Array, _context: Array, t: float, params: Array, out: Array) -> None:
    """Untried arms first; then all to the greatest index, ties sharing it."""
    logarithm = math.log(max(t, 1.0))
    for arm in range(out.shape[0]):
        out[arm] = ucb1_index(stats[arm], logarithm, params[0])
    share_greatest(out, out)


@kernel(SELECT)
def ucb1_select(stats: Array, _context: Array, t: float, params: Array, rng: np.random.Generator) -> int:
    """The arm with the greatest index; one of them at random where several tie."""
    logarithm, leader, indices = math.log(max(t, 1.0)), NOBODY, room()
    for first in range(0, stats.shape[0], SIZE):
        several = min(stats.shape[0] - first, SIZE)
        # In a loop of their own, in which the processor divides and takes roots for four arms or more at a time.
        for i in range(several):
            indices[i] = ucb1_index(stats[first + i], logarithm, params[0])
        for i in range(several):
            leader = ahead(leader, first + i, indices[i])
    selected, greatest, ties = leader
    if ties > 1:
        before = tied_before(ties, rng)
        for arm in range(selected, stats.shape[0]):
            before -= ucb1_index(stats[arm], logarithm, params[0]) == greatest
            if before < 0:
                return arm
    return selected


@kernel(WEIGHTS)
def ucb1_tuned_weights(stats: Array, _context: Array, t: float, _params: Array, out: Array) -> None:
    """Untried arms first; then all to the greatest index, ties sharing it."""
    logarithm = math.log(max(t, 1.0))
    for arm in range(out.shape[0]):
        out[arm] = ucb1_tuned_index(stats[arm], logarithm)
    share_greatest(out, out)


@kernel(SELECT)
def ucb1_tuned_select(stats: Array, _context: Array, t: float, _params: Array, rng: np.random.Generator) -> int:
    """The arm with the greatest index; one of them at random where several tie."""
    logarithm, leader = math.log(max(t, 1.0)), NOBODY
    for arm in range(stats.shape[0]):
        leader = ahead(leader, arm, ucb1_tuned_index(stats[arm], logarithm))
    selected, greatest, ties = leader
    if ties > 1:
        before = tied_before(ties, rng)
        for arm in range(selected, stats.shape[0]):
            before -= ucb1_tuned_index(stats[arm], logarithm) == greatest
            if before < 0:
                return arm
    return selected


class UCB1(Policy):
    """The arm with the greatest upper confidence bound, mean + exploration * sqrt(ln t / count).

    For independent rewards in [0, 1], immediate feedback and exploration = sqrt(2) the regret is at most
    8 sum(ln T / gap) + (1 + pi^2 / 3) sum(gap). The constant is far from the best possible one, so smaller values of
    `exploration` usually do better and lose the proof. Normal rewards, of a standard deviation of at most
    exploration / sqrt(2), are as good: with ln(1 + t ln(t)^2) in the place of ln t the regret meets the lower bound
    as T grows (Lattimore and Szepesvari, "Bandit Algorithms", 2020, theorem 8.1). Weights are 0 or 1: between two
    updates all decisions go to one arm, and only a floor keeps the propensities of the others above zero.

    Source: Auer, Cesa-Bianchi and Fischer, "Finite-time analysis of the multiarmed bandit problem", Machine Learning
    47, 2002, figure 1 and theorem 1.
    """

    weights = staticmethod(ucb1_weights)
    select = staticmethod(ucb1_select)
    rewards: ClassVar[Literal["any", "unit", "sub_gaussian"]] = "sub_gaussian"

    name: Literal["ucb1"] = "ucb1"
    exploration: float = Field(default=math.sqrt(2), ge=0, description="Factor of the bonus sqrt(ln t / count).")


class UCB1Tuned(Policy):
    """The arm with the greatest mean + sqrt(ln t / count * min(1/4, V)), V an upper bound of the arm's variance.

    V is the variance of the arm's rewards plus sqrt(2 ln t / count); 1/4 is the greatest variance of rewards in
    [0, 1]. It usually does far better than UCB1, and no bound of its regret is proven: the authors recommend it on
    experiments alone. Now and then a run settles on a worse arm for long, so the mean regret has a heavy tail. Weights
    are 0 or 1, as for UCB1.

    Source: Auer, Cesa-Bianchi and Fischer, "Finite-time analysis of the multiarmed bandit problem", Machine Learning
    47, 2002, section 4.
    """

    weights = staticmethod(ucb1_tuned_weights)
    select = staticmethod(ucb1_tuned_select)
    rewards: ClassVar[Literal["any", "unit"]] = "unit"

    name: Literal["ucb1_tuned"] = "ucb1_tuned"
