"""Thompson sampling for counts."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from policies.best import best_gamma
from policies.kernel import SELECT, WEIGHTS, Array, kernel
from policies.policy import Policy
from policies.statistics import COUNT, SUM


@kernel
def shape_rate(stats: Array, arm: int, params: Array) -> tuple[float, float]:
    """The parameters of an arm's Gamma posterior: prior plus sum, prior plus count."""
    return params[0] + max(stats[arm, SUM], 0.0), params[1] + max(stats[arm, COUNT], 0.0)


@kernel
def log_gamma_draw(shape: float, rate: float, rng: np.random.Generator) -> float:
    """The logarithm of a Gamma draw; through shape + 1, because draws of small shapes would be 0 and tie.

    Source: Marsaglia and Tsang, ACM Transactions on Mathematical Software 26, 2000, section 6.
    """
    if shape >= 1.0:
        return float(np.log(rng.standard_gamma(shape) / rate))
    return float(np.log(rng.standard_gamma(shape + 1.0) / rate) + np.log(1.0 - rng.random()) / shape)


@kernel(WEIGHTS)
def thompson_gamma_weights(stats: Array, _context: Array, _t: float, params: Array, out: Array) -> None:
    """The probability that an arm's mean is the greatest, by quadrature."""
    arms = out.shape[0]
    shape, rate = np.empty(arms), np.empty(arms)
    for arm in range(arms):
        shape[arm], rate[arm] = shape_rate(stats, arm, params)
    best_gamma(shape, rate, out)


@kernel(SELECT)
def thompson_gamma_select(stats: Array, _context: Array, _t: float, params: Array, rng: np.random.Generator) -> int:
    """The arm with the greatest of one draw from each posterior."""
    selected, greatest = 0, -np.inf
    for arm in range(stats.shape[0]):
        shape, rate = shape_rate(stats, arm, params)
        drawn = log_gamma_draw(shape, rate, rng)
        if drawn > greatest:
            selected, greatest = arm, drawn
    return selected


class ThompsonGamma(Policy):
    """An arm's probability is that of its mean being the greatest under independent Gamma posteriors of Poisson means.

    For Poisson rewards and immediate feedback the regret meets the lower bound of Lai and Robbins as T grows, which is
    proven for Jeffreys' prior (one half event, no trial). Rewards are numbers of events, not shifted or scaled: the
    variance of a count is taken to be its mean. Counts that vary more (most do: a few users make most of the events)
    get posteriors too narrow, and may settle on a worse arm; `thompson_normal` estimates the variance instead.

    Source: Thompson, "On the likelihood that one unknown probability exceeds another", Biometrika 25, 1933; Korda,
    Kaufmann and Munos, "Thompson sampling for 1-dimensional exponential family bandits", NIPS 2013, theorem 1.
    """

    weights = staticmethod(thompson_gamma_weights)
    select = staticmethod(thompson_gamma_select)
    rewards: ClassVar[Literal["any", "unit", "count"]] = "count"

    name: Literal["thompson_gamma"] = "thompson_gamma"
    prior_shape: float = Field(default=1.0, gt=0, description="Events that the prior is worth, per arm.")
    prior_rate: float = Field(default=1.0, gt=0, description="Trials that the prior is worth, per arm.")
