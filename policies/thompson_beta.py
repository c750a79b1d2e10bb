"""Thompson sampling for rewards in the unit interval."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from policies.best import best_beta
from policies.kernel import SELECT, WEIGHTS, Array, kernel
from policies.policy import Policy
from policies.statistics import COUNT, SUM


@kernel
def successes_failures(stats: Array, arm: int, params: Array) -> tuple[float, float]:
    """The parameters of an arm's Beta posterior: prior plus sum, prior plus count less sum."""
    count = max(stats[arm, COUNT], 0.0)
    total = min(max(stats[arm, SUM], 0.0), count)
    return params[0] + total, params[1] + (count - total)


@kernel
def logit_beta(a: float, b: float, rng: np.random.Generator) -> float:
    """The logit of a Beta(a, b) draw, for small a or b, where many draws would be 0 or 1 and tie.

    Source: gamma(a) = gamma(a + 1) * uniform^(1 / a): Marsaglia and Tsang, ACM Transactions on Mathematical Software
    26, 2000, section 6; a Beta variable is the first of two gammas divided by their sum.
    """
    difference = np.log(rng.standard_gamma(a + 1.0)) - np.log(rng.standard_gamma(b + 1.0))
    return float(difference + np.log(1.0 - rng.random()) / a - np.log(1.0 - rng.random()) / b)


@kernel(WEIGHTS)
def thompson_beta_weights(stats: Array, _context: Array, _t: float, params: Array, out: Array) -> None:
    """The probability that an arm's mean is the greatest, by quadrature."""
    arms = out.shape[0]
    a, b = np.empty(arms), np.empty(arms)
    for arm in range(arms):
        a[arm], b[arm] = successes_failures(stats, arm, params)
    best_beta(a, b, out)


@kernel(SELECT)
def thompson_beta_select(stats: Array, _context: Array, _t: float, params: Array, rng: np.random.Generator) -> int:
    """The arm with the greatest of one draw from each posterior."""
    selected, greatest = 0, -np.inf
    for arm in range(stats.shape[0]):
        a, b = successes_failures(stats, arm, params)
        drawn = rng.beta(a, b) if min(params[0], params[1]) >= 0.5 else logit_beta(a, b, rng)
        if drawn > greatest:
            selected, greatest = arm, drawn
    return selected


class ThompsonBeta(Policy):
    """An arm's probability is that of its mean being the greatest under independent Beta posteriors.

    For Bernoulli rewards, immediate feedback and the uniform prior the regret meets the lower bound of Lai and
    Robbins as T grows. Fractional rewards enter as fractions of a success, which keeps the posterior mean right and
    makes it wider than the data warrant (Agrawal and Goyal's proof rounds them at random instead; the bound is the
    same in kind).

    Source: Thompson, "On the likelihood that one unknown probability exceeds another", Biometrika 25, 1933; Agrawal
    and Goyal, "Further optimal regret bounds for Thompson sampling", AISTATS 2013, theorem 1.
    """

    weights = staticmethod(thompson_beta_weights)
    select = staticmethod(thompson_beta_select)
    rewards: ClassVar[Literal["any", "unit"]] = "unit"

    name: Literal["thompson_beta"] = "thompson_beta"
    prior_successes: float = Field(default=1.0, gt=0, description="Successes that the prior is worth, per arm.")
    prior_failures: float = Field(default=1.0, gt=0, description="Failures that the prior is worth, per arm.")
