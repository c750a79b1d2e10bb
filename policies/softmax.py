"""Probabilities that rise exponentially with the mean."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from policies.choice import draw, mean_reward, untried_first
from policies.kernel import SELECT, WEIGHTS, Array, kernel
from policies.policy import Policy


@kernel(WEIGHTS)
def softmax_weights(stats: Array, _context: Array, _t: float, params: Array, out: Array) -> None:
    """Untried arms first; then in proportion to exp(mean / temperature), shifted by the greatest mean."""
    if untried_first(stats, out):
        return
    temperature, arms = params[0], out.shape[0]
    for arm in range(arms):
        out[arm] = mean_reward(stats[arm])
    greatest = out.max()
    for arm in range(arms):
        out[arm] = np.exp((out[arm] - greatest) / temperature)
    out /= out.sum()


@kernel(SELECT)
def softmax_select(stats: Array, context: Array, t: float, params: Array, rng: np.random.Generator) -> int:
    """One draw from the weights."""
    probabilities = np.empty(stats.shape[0])
    softmax_weights(stats, context, t, params, probabilities)
    return draw(probabilities, rng)


class Softmax(Policy):
    """Boltzmann exploration: an arm's probability is in proportion to exp(mean / temperature).

    The temperature is in units of the reward: with rewards ten times as large the same temperature explores far less.
    At a constant temperature the regret grows in proportion to the number of decisions, and no schedule of one common
    temperature is both safe and fast (Cesa-Bianchi, Gentile, Lugosi and Neu, "Boltzmann exploration done right",
    2017).

    Source: Sutton and Barto, "Reinforcement Learning", 1st ed. 1998, section 2.3, equation 2.2.
    """

    weights = staticmethod(softmax_weights)
    select = staticmethod(softmax_select)
    rewards: ClassVar[Literal["any", "unit"]] = "any"

    name: Literal["softmax"] = "softmax"
    temperature: float = Field(default=0.1, gt=0, description="In units of the reward; small is greedy, large uniform.")
