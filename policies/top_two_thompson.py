"""Thompson sampling that spends a fixed share on the leader's challengers, to find the best arm soon."""

import math
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from policies.best import best_beta
from policies.beta_posterior import BetaPosterior, greatest_draw, logit_beta, posteriors
from policies.choice import draw
from policies.kernel import SELECT, WEIGHTS, Array, kernel

RESOLVED = math.log(1e-7)
"""Least `tilts` at which challengers are told apart: a tenth of that bound is far above the quadrature's error."""
ATTEMPTS = 10
"""Draws for a challenger from the posteriors, before it is drawn from tilted ones."""
LEFT = 0.1
"""What a tilt leaves of a posterior's parameter; of the smallest, half."""


@kernel
def tilts(a: Array, b: Array, leader: int, tilt: Array, chance: Array) -> float:
    """The logarithm of a bound of the probability that the leader is not the best: Chernoff's, summed over the others.

    Writes, for each of the others, its share of the bound and the exponential tilt of the distance between its logit
    and the leader's, which gives both the rate of both together.
    """
    greatest, total = -np.inf, 0.0
    for arm in range(a.shape[0]):
        tilt[arm], chance[arm] = 0.0, -np.inf
        if arm != leader:
            trials = a[leader] + b[leader] + a[arm] + b[arm]
            pooling = (a[leader] * b[arm] - b[leader] * a[arm]) / trials
            # No further than leaves a tenth, or half, of a parameter. Where less is left, draws scatter; where much
            # more is, as of a leader with one success beside an arm with none in a million, they hardly ever cross.
            tilt[arm] = max(0.0, min(pooling, max(a[leader] - LEFT, a[leader] / 2), max(b[arm] - LEFT, b[arm] / 2)))
            chance[arm] = _log_ratio(a[arm], b[arm], tilt[arm]) + _log_ratio(a[leader], b[leader], -tilt[arm])
            greatest = max(greatest, chance[arm])
    for arm in range(a.shape[0]):
        chance[arm] = math.exp(chance[arm] - greatest)
        total += chance[arm]
    for arm in range(a.shape[0]):
        chance[arm] /= total
    return float(greatest + math.log(total))


@kernel
def _log_ratio(a: float, b: float, tilt: float) -> float:
    """The logarithm of the Beta function at a + tilt, b - tilt less that at a, b."""
    return math.lgamma(a + tilt) - math.lgamma(a) + math.lgamma(b - tilt) - math.lgamma(b)


@kernel
def challengers(stats: Array, params: Array, best: Array, leader: int, out: Array) -> None:
    """Write the probability that an arm is drawn as the best, given that the leader is not.

    Where the leader is the best almost surely, the probability that an arm is the best of the others stands in for it.
    """
    arms, others = out.shape[0], 0.0
    for arm in range(arms):
        out[arm] = 0.0 if arm == leader else best[arm]
        others += out[arm]
    a, b = posteriors(stats, params)
    # The bound is no less than what it bounds, so that it need not be known as a rule.
    if math.log(others) >= RESOLVED or tilts(a, b, leader, np.empty(arms), np.empty(arms)) >= RESOLVED:
        for arm in range(arms):
            out[arm] /= others
        return
    # In loops, because an assignment of slices takes a second to compile.
    for arm in range(leader, arms - 1):
        a[arm], b[arm] = a[arm + 1], b[arm + 1]
    rest = np.empty(arms - 1)
    best_beta(a[:-1], b[:-1], rest)
    for arm in range(arms):
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


@kernel
def drawn_challenger(stats: Array, params: Array, leader: int, rng: np.random.Generator) -> int:
    """An arm drawn with the probabilities of `challengers`, without working them out, however small they were.

    The leader and one of the others are drawn from their tilted posteriors, the rest from their own, and rejected as
    often as that makes them too frequent: by the sum over the others of the exponentials of tilt times distance.

    Source: Asmussen and Glynn, "Stochastic Simulation", Springer 2007, section VI.2, for exponential tilting.
    """
    arms = stats.shape[0]
    a, b = posteriors(stats, params)
    tilt, chance = np.empty(arms), np.empty(arms)
    resolved = tilts(a, b, leader, tilt, chance) >= RESOLVED
    while True:
        tilted = draw(chance, rng) if resolved else -1
        own = logit_beta(a[leader] - tilt[tilted], b[leader] + tilt[tilted], rng) if resolved else -np.inf
        selected, greatest, frequency = leader, own, 0.0
        for arm in range(arms):
            if arm != leader:
                more = tilt[arm] if arm == tilted else 0.0
                drawn = logit_beta(a[arm] + more, b[arm] - more, rng)
                frequency += math.exp(tilt[arm] * (drawn - own))
                if drawn > greatest:
                    selected, greatest = arm, drawn
        if not resolved or (selected != leader and rng.random() * frequency < 1.0):
            return selected


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
    return drawn_challenger(stats, params, leader, rng)


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
