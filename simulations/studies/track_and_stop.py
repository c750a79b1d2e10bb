"""How many decisions until the best of four arms is known.

Garivier and Kaufmann, "Optimal best arm identification with fixed confidence", COLT 2016: Bernoulli arms with means .5,
.45, .43 and .4, risk .1, 3,000 runs of Track-and-Stop. Its two figures, for its two ways of tracking, stand here as
Zierahn, Koolen, Agrawal, Katsimerou and van der Hoeven, "Best arm identification for bandits with shifting means",
quote them in their section on experiments, with the arms and the risk but without saying which is which; the stopping
rule and the rest are in the repository of Garivier's and Kaufmann's programs.

Here it is D-tracking: the next arm is the one furthest behind the proportions that are the best for the means seen so
far, unless some arm has fewer than about sqrt(t) decisions. It cannot be told from either figure.
C-tracking, which adds up the proportions of all steps, took 5,150 +- 170 decisions when written as in that repository,
further from both than chance allows; we do not know why. Neither source prints standard errors: those beside the
figures are ours, scaled to 3,000 runs. `multiarm simulate --risk` asks the same of any policy.
"""

import math
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import ClassVar, Literal

import numpy as np

from policies import COUNT, SELECT, SUM, WEIGHTS, Policy, kernel
from policies.choice import draw, untried_first
from policies.kernel import Array
from simulations.evidence import bernoulli_divergence
from simulations.identification import identify
from simulations.published import Figure
from simulations.study import study

REPLICATIONS = 500
RUNS = 3000
"""Of the paper."""
MEANS = (0.5, 0.45, 0.43, 0.4)
RISK = 0.1
TABLE = (3968.0, 4052.0)
INSIDE = 1e-6
"""Means are taken to be this far from 0 and 1, where the divergence would be infinite."""
FAR = 1e12
"""A proportion of another arm's beyond this is none that could be reached."""


@kernel
def cost_share(best: float, mean: float, cost: float) -> float:
    """The decisions x for an arm with this mean, to one for the best, at which telling the two apart gains `cost`.

    That is d(best, m) + x d(mean, m) with m the mean of all decisions, which is concave in x: Newton's method from 0
    comes up to the solution from below.
    """
    x = 0.0
    for _ in range(100):
        pooled = (best + x * mean) / (1.0 + x)
        slope = bernoulli_divergence(mean, pooled)
        step = (cost - bernoulli_divergence(best, pooled) - x * slope) / slope
        x += step
        if x > FAR or step <= 1e-12 * (1.0 + x):
            break
    return min(x, FAR)


@kernel
def proportions(means: Array, best: int, out: Array) -> None:
    """Write the shares of decisions that tell the best arm from the others soonest; by bisection.

    Source: the paper's theorem 5: all others gain the same, which is the cost for which the sum over them of
    d(best, m) / d(mean, m) is one.
    """
    arms = means.shape[0]
    low, high = 0.0, math.inf
    for arm in range(arms):
        if arm != best:
            high = min(high, bernoulli_divergence(means[best], means[arm]))
    while high - low > 1e-10 * high:
        cost, total = 0.5 * (low + high), 0.0
        for arm in range(arms):
            if arm == best:
                continue
            out[arm] = cost_share(means[best], means[arm], cost)
            pooled = (means[best] + out[arm] * means[arm]) / (1.0 + out[arm])
            total += bernoulli_divergence(means[best], pooled) / bernoulli_divergence(means[arm], pooled)
        if total < 1.0:
            low = cost
        else:
            high = cost
    out[best] = 1.0
    out /= out.sum()


@kernel(WEIGHTS)
def track_and_stop_weights(stats: Array, _context: Array, t: float, _params: Array, out: Array) -> None:
    """Untried arms first; tied best ones next; then all to the arm that is furthest behind."""
    arms = out.shape[0]
    if untried_first(stats, out):
        return
    means = stats[:, SUM] / stats[:, COUNT]
    best = int(means.argmax())
    ties = means == means[best]
    if ties.sum() > 1:
        out[:] = ties / ties.sum()
        return
    selected = int(stats[:, COUNT].argmin())
    if stats[selected, COUNT] > max(math.sqrt(t) - 0.5 * arms, 0.0):
        proportions(np.minimum(np.maximum(means, INSIDE), 1.0 - INSIDE), best, out)
        selected = int((out - stats[:, COUNT] / t).argmax())
    out[:] = 0.0
    out[selected] = 1.0


@kernel(SELECT)
def track_and_stop_select(stats: Array, context: Array, t: float, params: Array, rng: np.random.Generator) -> int:
    """One draw from the weights."""
    probabilities = np.empty(stats.shape[0])
    track_and_stop_weights(stats, context, t, params, probabilities)
    return draw(probabilities, rng)


class TrackAndStop(Policy):
    """The paper's sampling rule with D-tracking, a policy that only this study has.

    Source: Garivier and Kaufmann 2016, as their programs have it.
    """

    weights = staticmethod(track_and_stop_weights)
    select = staticmethod(track_and_stop_select)
    rewards: ClassVar[Literal["any", "unit"]] = "unit"

    name: Literal["track_and_stop"] = "track_and_stop"


def figures(executor: Executor, replications: int, seed: int) -> Iterator[Figure]:
    """The decisions, beside either figure."""
    fields = {"policies": TrackAndStop(), "environment": {"name": "bernoulli", "means": MEANS}}
    definition = study(fields | {"horizon": 1_000_000, "replications": replications, "seed": seed})
    decisions = identify(definition, RISK, executor).decisions[0]
    deviation = float(decisions.std(ddof=1))
    for value in TABLE:
        what = f"decisions, one of the paper's two, {value:,.0f}"
        error = deviation / math.sqrt(replications)
        yield Figure(what, value, deviation / math.sqrt(RUNS), float(decisions.mean()), error)
