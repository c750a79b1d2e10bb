"""Exponential weights, for rewards that nobody promises to come from a distribution."""

import math
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from policies.choice import NEGLIGIBLE, draw
from policies.kernel import SELECT, WEIGHTS, Array, kernel
from policies.policy import Policy
from policies.statistics import COUNT, SUM, WEIGHTED


@kernel
def exploration_rate(t: float, arms: int, implicit: bool) -> float:
    """The rate of the bounds for a horizon of t: sqrt(K ln K / ((e - 1) t)), or sqrt(ln K / (K t)) / 2."""
    trials = max(t, 1.0)
    if implicit:
        return 0.5 * math.sqrt(math.log(arms) / (arms * trials))
    return min(1.0, math.sqrt(arms * math.log(arms) / ((math.e - 1.0) * trials)))


@kernel
def implicit_loss(row: Array, t: float, rate: float) -> float:
    """The sum of (1 - reward) / (propensity + rate), at the mean propensity that the sums tell.

    It is the harmonic mean of the propensities over the gains, SUM / WEIGHTED, smoothed by one gain at the arm's share.
    """
    count = row[COUNT]
    if count <= NEGLIGIBLE:
        return 0.0
    gain = min(max(row[SUM], 0.0), count)
    propensity = (gain + 1.0) / (max(row[WEIGHTED], gain) + max(t / count, 1.0))
    return float((count - gain) / (propensity + rate))


@kernel(WEIGHTS)
def exp3_weights(stats: Array, _context: Array, t: float, params: Array, out: Array) -> None:
    """Exponential weights of the estimated gains or losses, mixed with an even split unless it is implicit."""
    arms, implicit = out.shape[0], params[1] > 0.0
    rate = exploration_rate(t, arms, implicit) if math.isnan(params[0]) else params[0]
    for arm in range(arms):
        out[arm] = -2.0 * rate * implicit_loss(stats[arm], t, rate) if implicit else rate * stats[arm, WEIGHTED] / arms
    greatest = out.max()
    for arm in range(arms):
        out[arm] = math.exp(out[arm] - greatest)
    total = out.sum()
    for arm in range(arms):
        out[arm] = out[arm] / total if implicit else (1.0 - rate) * out[arm] / total + rate / arms


@kernel(SELECT)
def exp3_select(stats: Array, context: Array, t: float, params: Array, rng: np.random.Generator) -> int:
    """One draw from the weights."""
    probabilities = np.empty(stats.shape[0])
    exp3_weights(stats, context, t, params, probabilities)
    return draw(probabilities, rng)


class Exp3(Policy):
    """Probabilities that rise exponentially with the sum of reward / propensity, and a share for every arm.

    The weight of an arm is exp(exploration * sum(reward / propensity) / arms), mixed with an even split of
    `exploration`. The sum is unbiased for what the arm would have earned, whoever chose the rewards and whenever they
    arrive. For rewards in [0, 1], fixed in advance, immediate feedback and exploration = sqrt(K ln K / ((e - 1) T)) the
    expected regret against the best single arm is at most 2 sqrt(e - 1) sqrt(T K ln K); null takes the same value with
    the trials so far for T. On rewards that do come from distributions it is far behind Thompson sampling.

    With `implicit` the estimates are of losses 1 - reward, each divided by propensity + exploration, at the learning
    rate 2 * exploration and without the even split. The additive statistics do not hold these sums exactly: they are
    taken at an arm's mean propensity, SUM / WEIGHTED. That is right where the arm's propensity or its mean reward
    stayed about the same; against an adversary Neu's bound, which holds with high probability, is then not proven.

    Source: Auer, Cesa-Bianchi, Freund and Schapire, "The nonstochastic multiarmed bandit problem", SIAM Journal on
    Computing 32, 2002, figure 1 and corollary 3.2; Neu, "Explore no more: improved high-probability regret bounds for
    non-stochastic bandits", NIPS 2015, for the implicit exploration.
    """

    weights = staticmethod(exp3_weights)
    select = staticmethod(exp3_select)
    rewards: ClassVar[Literal["any", "unit"]] = "unit"
    reads_propensities: ClassVar[bool] = True

    name: Literal["exp3"] = "exp3"
    exploration: float | None = Field(
        default=None, ge=0, le=1, description="Share split evenly, or what propensities are raised by; null: by t."
    )
    implicit: bool = Field(default=False, description="Whether propensities are raised instead of mixed.")
