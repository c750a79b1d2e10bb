"""Upper confidence bounds that are minimax optimal."""

import math
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from policies.choice import NEGLIGIBLE, NOBODY, ahead, share_greatest, tied_before
from policies.kernel import SELECT, WEIGHTS, Array, kernel
from policies.policy import Policy
from policies.statistics import COUNT, SUM


@kernel
def moss_index(row: Array, trials: float, exploration: float) -> float:
    """Mean + sqrt(exploration * max(0, ln(trials / count)) / count), from an arm's sums; infinite before its first.

    `trials` is the number due to each arm.
    """
    count = row[COUNT]
    if count <= NEGLIGIBLE:
        return np.inf
    return float(row[SUM] / count + math.sqrt(exploration * max(0.0, math.log(trials / count)) / count))


@kernel
def due(t: float, arms: int, horizon: float) -> float:
    """The trials due to each arm: its even share of the horizon, of those made so far where that is nan."""
    return (t if math.isnan(horizon) else horizon) / arms


@kernel(WEIGHTS)
def moss_weights(stats: Array, _context: Array, t: float, params: Array, out: Array) -> None:
    """Untried arms first; then all to the greatest index, ties sharing it."""
    trials = due(t, out.shape[0], params[1])
    for arm in range(out.shape[0]):
        out[arm] = moss_index(stats[arm], trials, params[0])
    share_greatest(out, out)


@kernel(SELECT)
def moss_select(stats: Array, _context: Array, t: float, params: Array, rng: np.random.Generator) -> int:
    """The arm with the greatest index; one of them at random where several tie."""
    trials, leader = due(t, stats.shape[0], params[1]), NOBODY
    for arm in range(stats.shape[0]):
        leader = ahead(leader, arm, moss_index(stats[arm], trials, params[0]))
    selected, greatest, ties = leader
    if ties > 1:
        before = tied_before(ties, rng)
        for arm in range(selected, stats.shape[0]):
            before -= moss_index(stats[arm], trials, params[0]) == greatest
            if before < 0:
                return arm
    return selected


class MOSS(Policy):
    """The arm with the greatest mean + sqrt(exploration * max(0, ln(t / (arms * count))) / count).

    For independent rewards in [0, 1] and immediate feedback the regret is at most a constant times sqrt(arms * T),
    whatever the means, which no policy can improve by more than the constant: with a known `horizon`, which then stands
    in for t, and exploration = 1 (Audibert and Bubeck), or without one and exploration = (1 + alpha) / 2 for
    alpha = 1.35 (Degenne and Perchet). The price is a bonus that vanishes for an arm with more than its even share of
    trials: on easy problems it now and then settles on a worse arm, and the logarithmic rate is not that of Lai and
    Robbins. Weights are 0 or 1, as for UCB1.

    Source: Audibert and Bubeck, "Minimax policies for adversarial and stochastic bandits", COLT 2009; Degenne and
    Perchet, "Anytime optimal algorithms in stochastic multi-armed bandits", ICML 2016.
    """

    weights = staticmethod(moss_weights)
    select = staticmethod(moss_select)
    rewards: ClassVar[Literal["any", "unit"]] = "unit"

    name: Literal["moss"] = "moss"
    exploration: float = Field(default=1.0, ge=0, description="Factor of the logarithm in the bonus.")
    horizon: float | None = Field(
        default=None, ge=1, description="Number of decisions planned; null takes those made so far."
    )
