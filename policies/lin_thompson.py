"""Thompson sampling with linear models."""

import math
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from policies.best import best_normal
from policies.choice import greatest_normal
from policies.kernel import SELECT, WEIGHTS, Array, kernel
from policies.linear import LinearModel, scores


@kernel
def posterior(stats: Array, context: Array, params: Array, mean: Array, sd: Array) -> None:
    """Write mean and standard deviation of every arm's score."""
    noise = math.sqrt(scores(stats, context, params, mean, sd))
    if not math.isnan(params[2]):
        noise = params[2]
    for arm in range(sd.shape[0]):
        sd[arm] *= noise


@kernel(WEIGHTS)
def lin_thompson_weights(stats: Array, context: Array, _t: float, params: Array, out: Array) -> None:
    """The probability that an arm's score is the greatest, by quadrature."""
    mean, sd = np.empty(out.shape[0]), np.empty(out.shape[0])
    posterior(stats, context, params, mean, sd)
    best_normal(mean, sd, out)


@kernel(SELECT)
def lin_thompson_select(stats: Array, context: Array, _t: float, params: Array, rng: np.random.Generator) -> int:
    """The arm with the greatest of one draw of each score."""
    mean, sd = np.empty(stats.shape[0]), np.empty(stats.shape[0])
    posterior(stats, context, params, mean, sd)
    return greatest_normal(mean, sd, rng)


class LinThompson(LinearModel):
    """An arm's probability is that of its score x^T theta being the greatest under Gaussian posteriors of theta.

    Disjoint models make the scores independent, so that the probabilities are exact. A shared model correlates them;
    they are then still drawn independently, each from its own posterior, and the probabilities are exact for that
    rule, which explores no less. The prior of theta is centred at zero, the origin of the rewards, with the variance of
    the noise divided by the regulariser. The noise is `noise_sd` or, without one, estimated from what the models leave,
    one variance for all arms; then scaling all rewards changes nothing. The bound of Agrawal and Goyal, of order
    d^(3/2) sqrt(T) up to logarithms for linear rewards, asks for a noise_sd larger than the true one by a factor of
    order sqrt(d ln T); with the true one, as is usual, it is not proven.

    Source: Agrawal and Goyal, "Thompson sampling for contextual bandits with linear payoffs", ICML 2013, algorithm 1
    and theorem 1; the estimate of the noise is empirical Bayes and ours.
    """

    weights = staticmethod(lin_thompson_weights)
    select = staticmethod(lin_thompson_select)
    rewards: ClassVar[Literal["any", "unit"]] = "any"

    name: Literal["lin_thompson"] = "lin_thompson"
    noise_sd: float | None = Field(
        default=None, gt=0, description="Standard deviation of one reward, in its units; null estimates it."
    )
