"""Upper confidence bounds from the Bernoulli divergence."""

import math
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from policies.choice import NEGLIGIBLE, NOBODY, ahead, share_greatest, tied_before
from policies.kernel import SELECT, WEIGHTS, Array, kernel
from policies.policy import Policy
from policies.statistics import COUNT, SUM


@kernel
def kl_ucb_index(mean: float, level: float) -> float:
    """The greatest q in [mean, 1] whose divergence kl(mean, q) is at most `level`, to about 1e-14.

    Newton's method on d = q - mean: the divergence is convex in d, so that from a bound above the root every step
    stays above it. The bounds are Pinsker's, 2 d^2 <= kl, and the one that drops the term of the successes' growth.
    """
    if mean >= 1.0:
        return 1.0
    if mean < 1e-300:  # d / mean would overflow
        mean = 0.0
    if level <= 0.0:
        return mean
    failure = 1.0 - mean
    entropy = mean * math.log(mean) if mean > 0.0 else 0.0
    above = -failure * math.expm1((entropy - level) / failure)
    d = min(math.sqrt(level / 2.0), above)
    for _ in range(100):
        q = mean + d
        if q >= 1.0:
            return 1.0
        divergence = -failure * math.log1p(-d / failure)
        if mean > 0.0:
            divergence -= mean * math.log1p(d / mean)
        step = (divergence - level) * q * (1.0 - q) / d
        d -= step
        if step <= 1e-15 * d:
            break
    return mean + d


@kernel
def greatest_divergence(t: float, c: float) -> float:
    """The logarithm of t plus c times its own; an arm's divergence may be this much divided by its count."""
    logarithm = math.log(max(t, 1.0))
    return logarithm + c * math.log(max(logarithm, 1.0))


@kernel
def kl_ucb_bound(row: Array, level: float) -> float:
    """The index from an arm's sums; infinite before its first trial."""
    count = row[COUNT]
    if count <= NEGLIGIBLE:
        return np.inf
    return float(kl_ucb_index(min(max(row[SUM] / count, 0.0), 1.0), level / count))


@kernel(WEIGHTS)
def kl_ucb_weights(stats: Array, _context: Array, t: float, params: Array, out: Array) -> None:
    """Untried arms first; then all to the greatest index, ties sharing it."""
    level = greatest_divergence(t, params[0])
    for arm in range(out.shape[0]):
        out[arm] = kl_ucb_bound(stats[arm], level)
    share_greatest(out, out)


@kernel(SELECT)
def kl_ucb_select(stats: Array, _context: Array, t: float, params: Array, rng: np.random.Generator) -> int:
    """The arm with the greatest index; one of them at random where several tie."""
    level, leader = greatest_divergence(t, params[0]), NOBODY
    for arm in range(stats.shape[0]):
        leader = ahead(leader, arm, kl_ucb_bound(stats[arm], level))
    selected, greatest, ties = leader
    if ties > 1:
        before = tied_before(ties, rng)
        for arm in range(selected, stats.shape[0]):
            before -= kl_ucb_bound(stats[arm], level) == greatest
            if before < 0:
                return arm
    return selected


class KLUCB(Policy):
    """The arm with the greatest q such that count * kl(mean, q) <= ln t + c ln ln t, kl being the Bernoulli divergence.

    For independent rewards in [0, 1] and immediate feedback its regret is at most that of UCB1; for Bernoulli rewards
    it meets the lower bound of Lai and Robbins as T grows. The proof takes c = 3; the authors recommend c = 0 in
    practice. Where ln ln t is negative it counts as zero. Weights are 0 or 1, as for UCB1.

    Source: Garivier and Cappe, "The KL-UCB algorithm for bounded stochastic bandits and beyond", COLT 2011, algorithm
    1 and theorem 1.
    """

    weights = staticmethod(kl_ucb_weights)
    select = staticmethod(kl_ucb_select)
    rewards: ClassVar[Literal["any", "unit"]] = "unit"

    name: Literal["kl_ucb"] = "kl_ucb"
    c: float = Field(default=0.0, ge=0, description="Weight of the ln ln t term: 3 in the proof, 0 in practice.")
