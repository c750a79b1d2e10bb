"""An even split over the arms that may still be the best."""

import math
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from policies.choice import NEGLIGIBLE, draw
from policies.kernel import SELECT, WEIGHTS, Array, kernel
from policies.policy import Policy
from policies.statistics import COUNT, SUM


@kernel
def radius(count: float, arms: int, error: float) -> float:
    """The half-width of a confidence interval, all of which hold at all counts of all arms but for a chance `error`.

    Hoeffding's inequality at the level error * 6 / (pi^2 arms n^2), which sums to `error` over arms and counts n.
    """
    return math.sqrt(math.log(math.pi**2 * arms * max(count, 1.0) ** 2 / (3.0 * error)) / (2.0 * count))


@kernel(WEIGHTS)
def successive_elimination_weights(stats: Array, _context: Array, _t: float, params: Array, out: Array) -> None:
    """Evenly to the arms whose upper bound is no less than the greatest lower bound."""
    arms, greatest, remaining = out.shape[0], -np.inf, 0
    for arm in range(arms):
        out[arm] = np.inf
        count = stats[arm, COUNT]
        if count > NEGLIGIBLE:
            mean, half_width = stats[arm, SUM] / count, radius(count, arms, params[0])
            out[arm] = mean + half_width
            greatest = max(greatest, mean - half_width)
    for arm in range(arms):
        out[arm] = 1.0 if out[arm] >= greatest else 0.0
        remaining += out[arm] > 0.0
    out /= remaining


@kernel(SELECT)
def successive_elimination_select(
    stats: Array, context: Array, t: float, params: Array, rng: np.random.Generator
) -> int:
    """One draw from the weights."""
    probabilities = np.empty(stats.shape[0])
    successive_elimination_weights(stats, context, t, params, probabilities)
    return draw(probabilities, rng)


class SuccessiveElimination(Policy):
    """Evenly to the arms that may still be the best; one whose confidence interval lies below another's is out.

    For independent rewards in [0, 1] all intervals hold at all times with probability 1 - delta, whatever the order and
    delay of rewards; then the best arm is never out, and an arm at a distance `gap` from it is out after an order of
    ln(arms / (delta gap)) / gap^2 trials. With delta of the order 1 / T the regret is logarithmic, with a larger
    constant than that of index policies. Eliminations are a function of the sums, not remembered: an arm that is out
    returns if the evidence against it fades or is corrected.

    Source: Even-Dar, Mannor and Mansour, "Action elimination and stopping conditions for the multi-armed bandit and
    reinforcement learning problems", JMLR 7, 2006, algorithm 3; the interval is for each arm's own count.
    """

    weights = staticmethod(successive_elimination_weights)
    select = staticmethod(successive_elimination_select)
    rewards: ClassVar[Literal["any", "unit"]] = "unit"

    name: Literal["successive_elimination"] = "successive_elimination"
    delta: float = Field(default=0.05, gt=0, le=1, description="Chance that any interval ever misses its mean.")
