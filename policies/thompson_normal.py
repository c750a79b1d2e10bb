"""Thompson sampling for any real rewards."""

import math
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from policies.best import best_normal
from policies.choice import NEGLIGIBLE, greatest_normal
from policies.kernel import SELECT, WEIGHTS, Array, kernel
from policies.policy import Policy
from policies.statistics import COUNT, SQUARES, SUM

ROUNDING = 1e-13
"""A variance below this part of the mean square is what rounding leaves of rewards that are all equal."""
SHRINKAGE = 2.0
"""Observations that the total variance is worth in the estimate of the noise."""


@kernel
def noise_variance(stats: Array) -> float:
    """The pooled variance within arms, shrunk toward the total variance; 0 where all rewards are equal or none is."""
    count, total, squares = stats[:, COUNT].sum(), stats[:, SUM].sum(), stats[:, SQUARES].sum()
    if count <= NEGLIGIBLE:
        return 0.0
    total_variance = (squares - total * total / count) / count
    if total_variance <= ROUNDING * squares / count:
        return 0.0
    within, freedom = 0.0, 0.0
    for arm in range(stats.shape[0]):
        if stats[arm, COUNT] > NEGLIGIBLE:
            within += max(0.0, stats[arm, SQUARES] - stats[arm, SUM] ** 2 / stats[arm, COUNT])
            freedom += max(0.0, stats[arm, COUNT] - 1.0)
    return float((within + SHRINKAGE * total_variance) / (freedom + SHRINKAGE))


@kernel
def posterior(stats: Array, params: Array, mean: Array, sd: Array) -> bool:
    """Write mean (less the grand mean) and sd of every arm's posterior; False where nothing tells the arms apart."""
    prior_count, noise = params[0], params[1]
    if math.isnan(noise):
        noise = math.sqrt(noise_variance(stats))
    if not 0.0 < noise < np.inf:
        return False
    count = stats[:, COUNT].sum()
    grand = stats[:, SUM].sum() / count if count > NEGLIGIBLE else 0.0
    for arm in range(mean.shape[0]):
        trials = max(stats[arm, COUNT], 0.0)
        mean[arm] = (stats[arm, SUM] - trials * grand) / (trials + prior_count)
        sd[arm] = noise / math.sqrt(trials + prior_count)
    return True


@kernel(WEIGHTS)
def thompson_normal_weights(stats: Array, _context: Array, _t: float, params: Array, out: Array) -> None:
    """The probability that an arm's mean is the greatest, by quadrature; uniform where nothing tells the arms apart."""
    mean, sd = np.empty(out.shape[0]), np.empty(out.shape[0])
    if posterior(stats, params, mean, sd):
        best_normal(mean, sd, out)
    else:
        out[:] = 1.0 / out.shape[0]


@kernel(SELECT)
def thompson_normal_select(stats: Array, _context: Array, _t: float, params: Array, rng: np.random.Generator) -> int:
    """The arm with the greatest of one draw from each posterior."""
    arms = stats.shape[0]
    mean, sd = np.empty(arms), np.empty(arms)
    if not posterior(stats, params, mean, sd):
        return int(rng.random() * arms)
    return greatest_normal(mean, sd, rng)


class ThompsonNormal(Policy):
    """An arm's probability is that of its mean being the greatest under independent Gaussian posteriors.

    The prior of every arm is worth `prior_count` observations at the grand mean of all arms. The noise is `noise_sd`
    or, without one, estimated: variance (SSW + 2 V) / (d + 2) from the sum of squares within arms SSW on d degrees of
    freedom and the total variance V. So the weights do not change when all rewards are shifted, nor, unless
    `noise_sd` is given, when they are scaled. The estimate plugs in one variance for all arms: with few trials the
    posteriors are a little too narrow, and where the arms' variances differ much, too wide for some and too narrow
    for others. The logarithmic regret bound is proven for a known noise_sd that is no less than the (sub-Gaussian)
    scale of the rewards. Rewards that differ from the origin by 3 million times their standard deviation count as all
    equal.

    Source: Agrawal and Goyal, "Near-optimal regret bounds for Thompson sampling", JACM 64, 2017, algorithm 2 and
    theorem 1.3; the prior is moved from zero to the grand mean, and the estimate of the noise is empirical Bayes and
    ours.
    """

    weights = staticmethod(thompson_normal_weights)
    select = staticmethod(thompson_normal_select)
    rewards: ClassVar[Literal["any", "unit"]] = "any"

    name: Literal["thompson_normal"] = "thompson_normal"
    prior_count: float = Field(default=1.0, gt=0, description="Observations at the grand mean that the prior is worth.")
    noise_sd: float | None = Field(
        default=None, gt=0, description="Standard deviation of one reward, in its units; null estimates it."
    )
