"""The Beta posteriors of rewards in the unit interval, which several policies share."""

import numpy as np
from pydantic import Field

from policies.kernel import Array, kernel
from policies.policy import Policy
from policies.statistics import COUNT, SUM


@kernel
def successes_failures(stats: Array, arm: int, params: Array) -> tuple[float, float]:
    """The parameters of an arm's Beta posterior: prior plus sum, prior plus count less sum."""
    count = max(stats[arm, COUNT], 0.0)
    total = min(max(stats[arm, SUM], 0.0), count)
    return params[0] + total, params[1] + (count - total)


@kernel
def posteriors(stats: Array, params: Array) -> tuple[Array, Array]:
    """The parameters of all arms' posteriors, two arrays of shape (arms,)."""
    arms = stats.shape[0]
    a, b = np.empty(arms), np.empty(arms)
    for arm in range(arms):
        a[arm], b[arm] = successes_failures(stats, arm, params)
    return a, b


@kernel
def logit_beta(a: float, b: float, rng: np.random.Generator) -> float:
    """The logit of a Beta(a, b) draw, for small a or b, where many draws would be 0 or 1 and tie.

    Source: gamma(a) = gamma(a + 1) * uniform^(1 / a): Marsaglia and Tsang, ACM Transactions on Mathematical Software
    26, 2000, section 6; a Beta variable is the first of two gammas divided by their sum.
    """
    difference = np.log(rng.standard_gamma(a + 1.0)) - np.log(rng.standard_gamma(b + 1.0))
    return float(difference + np.log(1.0 - rng.random()) / a - np.log(1.0 - rng.random()) / b)


@kernel
def greatest_draw(stats: Array, params: Array, rng: np.random.Generator) -> int:
    """The arm with the greatest of one draw from each posterior."""
    selected, greatest = 0, -np.inf
    for arm in range(stats.shape[0]):
        a, b = successes_failures(stats, arm, params)
        drawn = rng.beta(a, b) if min(params[0], params[1]) >= 0.5 else logit_beta(a, b, rng)
        if drawn > greatest:
            selected, greatest = arm, drawn
    return selected


class BetaPosterior(Policy):
    """Base class of the policies that read Beta posteriors: the prior, the first two of their parameters."""

    prior_successes: float = Field(default=1.0, gt=0, description="Successes that the prior is worth, per arm.")
    prior_failures: float = Field(default=1.0, gt=0, description="Failures that the prior is worth, per arm.")
