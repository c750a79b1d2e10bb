"""Thompson sampling that spends a fixed share on the leader's challengers, to find the best arm soon."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from policies.best import best_beta
from policies.beta_posterior import BetaPosterior, greatest_draw, posteriors
from policies.choice import draw
from policies.kernel import SELECT, WEIGHTS, Array, kernel

RESOLVED = 1e-9
"""Least probability that an arm is not the best at which the quadrature tells which of the others is."""
ATTEMPTS = 30
"""Draws for a challenger before its distribution is computed."""


@kernel
def challengers(stats: Array, params: Array, best: Array, leader: int, out: Array) -> None:
    """Write the probability that an arm is drawn as the best, given that the leader is not.

    Where the leader is the best almost surely, the probability that an arm is the best of the others stands in for it.
    """
    others = 0.0
    for arm in range(out.shape[0]):
        out[arm] = 0.0 if arm == leader else best[arm]
        others += out[arm]
    if others >= RESOLVED:
        for arm in range(out.shape[0]):
            out[arm] /= others
        return
    # In loops, because an assignment of slices takes a second to compile.
    a, b = posteriors(stats, params)
    for arm in range(leader, out.shape[0] - 1):
        a[arm], b[arm] = a[arm + 1], b[arm + 1]
    rest = np.empty(out.shape[0] - 1)
    best_beta(a[:-1], b[:-1], rest)
    for arm in range(out.shape[0]):
        out[arm] = 0.0 if arm == leader else rest[arm - (arm > leader)]


@kernel(WEIGHTS)
def top_two_thompson_weights(stats: Array, _context: Array, _t: float, params: Array, out: Array) -> None:
    """The probability of being the leader times `beta`, and that of being the challenger times the rest."""
    arms, beta = out.shape[0], params[2]
    if arms == 1:
        out[0] = 1.0
        return
    best, given = np.empty(arms), np.empty(arms)
    a, b = posteriors(stats, params)
    best_beta(a, b, best)
    for arm in range(arms):
        out[arm] = beta * best[arm]
    for leader in range(arms):
        if best[leader] > 0.0:
            challengers(stats, params, best, leader, given)
            for arm in range(arms):
                out[arm] += (1.0 - beta) * best[leader] * given[arm]


@kernel(SELECT)
def top_two_thompson_select(stats: Array, _context: Array, _t: float, params: Array, rng: np.random.Generator) -> int:
    """The leader of one draw from each posterior or, with probability 1 - beta, the first other leader drawn."""
    arms = stats.shape[0]
    leader = greatest_draw(stats, params, rng)
    if arms == 1 or rng.random() < params[2]:
        return leader
    for _ in range(ATTEMPTS):
        challenger = greatest_draw(stats, params, rng)
        if challenger != leader:
            return challenger
    best, given = np.empty(arms), np.empty(arms)
    a, b = posteriors(stats, params)
    best_beta(a, b, best)
    challengers(stats, params, best, leader, given)
    return draw(given, rng)


class TopTwoThompson(BetaPosterior):
    """Thompson sampling, but with probability 1 - beta the arm drawn as the best is passed over for another.

    With p the probability of being the best, the weights are p_i (beta + (1 - beta) sum_{j != i} p_j / (1 - p_j)): the
    leader gets a share of about beta however certain it is, and the challengers share the rest. It is made to find the
    best arm, not to earn meanwhile: for Bernoulli rewards and immediate feedback the posterior probability that another
    arm is the best falls at the greatest exponential rate possible with that share, and beta = 1/2 needs at most twice
    the trials of the best beta. The regret grows in proportion to the number of decisions.

    Source: Russo, "Simple Bayesian algorithms for best-arm identification", Operations Research 68, 2020, section 3.4
    and theorem 1.
    """

    weights = staticmethod(top_two_thompson_weights)
    select = staticmethod(top_two_thompson_select)
    rewards: ClassVar[Literal["any", "unit"]] = "unit"

    name: Literal["top_two_thompson"] = "top_two_thompson"
    beta: float = Field(default=0.5, gt=0, le=1, description="Probability of playing the leader.")
