"""Upper confidence bounds that are quantiles of the posterior."""

import math
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from policies.beta_posterior import BetaPosterior, posteriors
from policies.beta_quantile import beta_quantile
from policies.choice import NEGLIGIBLE, draw, share_greatest
from policies.kernel import SELECT, WEIGHTS, Array, kernel


@kernel(WEIGHTS)
def bayes_ucb_weights(stats: Array, _context: Array, t: float, params: Array, out: Array) -> None:
    """All to the greatest quantile, ties sharing it; evenly before the first trial."""
    if t <= NEGLIGIBLE:
        out[:] = 1.0 / out.shape[0]
        return
    tail = 1.0 / (1.0 + t * max(1.0, math.log(max(t, 1.0))) ** params[2])
    a, b = posteriors(stats, params)
    # After the arm with the greatest mean most others need no more than a look at their density there.
    first, greatest = int(np.argmax(a / (a + b))), -np.inf
    for offset in range(out.shape[0]):
        arm = (first + offset) % out.shape[0]
        out[arm] = beta_quantile(a[arm], b[arm], tail, greatest)
        greatest = max(greatest, out[arm])
    share_greatest(out, out)


@kernel(SELECT)
def bayes_ucb_select(stats: Array, context: Array, t: float, params: Array, rng: np.random.Generator) -> int:
    """The arm with the greatest quantile; one of them at random where several tie."""
    probabilities = np.empty(stats.shape[0])
    bayes_ucb_weights(stats, context, t, params, probabilities)
    return draw(probabilities, rng)


class BayesUCB(BetaPosterior):
    """The arm whose Beta posterior has the greatest quantile at 1 - 1 / (1 + t (ln t)^c).

    For Bernoulli rewards, immediate feedback and the uniform prior the regret meets the lower bound of Lai and Robbins
    as T grows; the proof takes c >= 5 and the horizon in the logarithm, the authors recommend c = 0. Where ln t is
    below one it counts as one. Fractional rewards enter as fractions of a success, as in `thompson_beta`. Weights are 0
    or 1, as for UCB1.

    Source: Kaufmann, Cappe and Garivier, "On Bayesian upper confidence bounds for bandit problems", AISTATS 2012,
    algorithm 1 and theorem 1.
    """

    weights = staticmethod(bayes_ucb_weights)
    select = staticmethod(bayes_ucb_select)
    rewards: ClassVar[Literal["any", "unit"]] = "unit"

    name: Literal["bayes_ucb"] = "bayes_ucb"
    c: float = Field(default=0.0, ge=0, le=100, description="Power of ln t: 5 in the proof, 0 in practice.")
