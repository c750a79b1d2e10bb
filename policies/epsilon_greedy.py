"""The best mean so far, and a fixed share of exploration."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from policies.choice import NOBODY, ahead, mean_reward, share_greatest, tied_before, untried, untried_first
from policies.kernel import SELECT, WEIGHTS, Array, kernel
from policies.policy import Policy


@kernel(WEIGHTS)
def epsilon_greedy_weights(stats: Array, _context: Array, _t: float, params: Array, out: Array) -> None:
    """Untried arms first; then 1 - epsilon to the best means, tied ones sharing it, and epsilon to all arms evenly."""
    if untried_first(stats, out):
        return
    epsilon, arms = params[0], out.shape[0]
    for arm in range(arms):
        out[arm] = mean_reward(stats[arm])
    share_greatest(out, out)
    for arm in range(arms):
        out[arm] = (1.0 - epsilon) * out[arm] + epsilon / arms


@kernel(SELECT)
def epsilon_greedy_select(stats: Array, _context: Array, _t: float, params: Array, rng: np.random.Generator) -> int:
    """The arm with the greatest mean, one of them at random where several tie or, at random, any arm."""
    if rng.random() < params[0] and untried(stats) == 0:
        return int(rng.random() * stats.shape[0])
    leader = NOBODY
    for arm in range(stats.shape[0]):
        leader = ahead(leader, arm, mean_reward(stats[arm]))
    selected, greatest, ties = leader
    if ties > 1:
        before = tied_before(ties, rng)
        for arm in range(selected, stats.shape[0]):
            before -= mean_reward(stats[arm]) == greatest
            if before < 0:
                return arm
    return selected


class EpsilonGreedy(Policy):
    """The arm with the greatest mean, except for a share `epsilon` of decisions that any arm may get.

    With a constant epsilon the regret grows in proportion to the number of decisions, at the rate
    epsilon * (mean gap); the logarithmic bound of Auer et al. needs an epsilon that falls like 1 / t.

    Source: Sutton and Barto, "Reinforcement Learning", 2nd ed. 2018, section 2.2; Auer, Cesa-Bianchi and Fischer,
    "Finite-time analysis of the multiarmed bandit problem", Machine Learning 47, 2002, theorem 3.
    """

    weights = staticmethod(epsilon_greedy_weights)
    select = staticmethod(epsilon_greedy_select)
    rewards: ClassVar[Literal["any", "unit"]] = "any"

    name: Literal["epsilon_greedy"] = "epsilon_greedy"
    epsilon: float = Field(default=0.1, ge=0, le=1, description="Share of decisions spread evenly over all arms.")
