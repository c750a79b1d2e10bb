"""Thompson sampling and UCB1 as somebody would write them for one study: one compiled loop, nothing to choose.

They are what the loop for all policies and environments is measured against, and do what it does: the same rule, ties
broken at random, and the pseudo-regret of the run.
"""

import math

import numba
import numpy as np
from numpy.typing import NDArray

Means = NDArray[np.float64]


@numba.njit(error_model="numpy", nogil=True)
def thompson(means: Means, horizon: int, rng: np.random.Generator) -> float:
    """The regret of Thompson sampling with uniform priors."""
    arms = means.shape[0]
    successes, failures, greatest_mean, regret = np.ones(arms), np.ones(arms), means.max(), 0.0
    for _ in range(horizon):
        selected, greatest = 0, -1.0
        for arm in range(arms):
            drawn = rng.beta(successes[arm], failures[arm])
            if drawn > greatest:
                selected, greatest = arm, drawn
        if rng.random() < means[selected]:
            successes[selected] += 1.0
        else:
            failures[selected] += 1.0
        regret += greatest_mean - means[selected]
    return regret


@numba.njit(error_model="numpy", nogil=True)
def ucb1(means: Means, horizon: int, rng: np.random.Generator) -> float:
    """The regret of UCB1; every arm once, then the greatest mean + sqrt(2 ln t / count)."""
    arms = means.shape[0]
    counts, sums, greatest_mean, regret = np.zeros(arms), np.zeros(arms), means.max(), 0.0
    for step in range(horizon):
        selected = step
        if step >= arms:
            selected, greatest, ties = 0, -1.0, 0
            bonus = 2.0 * math.log(step)
            for arm in range(arms):
                index = sums[arm] / counts[arm] + math.sqrt(bonus / counts[arm])
                if index > greatest:
                    selected, greatest, ties = arm, index, 1
                elif index == greatest:
                    ties += 1
                    if rng.random() * ties < 1.0:
                        selected = arm
        counts[selected] += 1.0
        if rng.random() < means[selected]:
            sums[selected] += 1.0
        regret += greatest_mean - means[selected]
    return regret
