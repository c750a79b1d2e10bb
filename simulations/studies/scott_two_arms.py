"""A bandit against a classical test of the same two arms.

Scott's study for Google Analytics content experiments (2013): conversion rates of 4% and 5%, 100 visits a day, weights
set every day to the probability of being best under uniform priors. The experiment ends after at least 14 days, when
the greatest of these probabilities reaches .95 or the 95th percentile of the value remaining, which is what another arm
may be better by, falls under 1% of the rate of the arm that is best. The classical test (two-sided .05, power .95)
takes 22,330 visits. Published, from 500 runs: the bandit saves 175.5 days and 97.5 conversions on average and finds the
better arm in 96.4% of them.

The page gives no standard errors: those beside its figures are ours, scaled to its 500 runs. It does not say at which
moment of a day the rules are looked at; here it is its end.
"""

import math
from collections.abc import Iterator
from concurrent.futures import Executor

import numpy as np

from policies import COLUMNS, COUNT, SUM, ThompsonBeta
from policies.kernel import Array
from simulations.block import WORLD, generator
from simulations.published import Figure

REPLICATIONS = 500
RUNS = 500
"""Of the page."""
RATES = np.array([0.04, 0.05])
VISITS = 100
CLASSICAL_VISITS = 22_330
LEAST_DAYS = 14
SURE = 0.95
NEGLIGIBLE = 0.01
DRAWS = 4000
TABLE = {"days saved": 175.5, "conversions saved": 97.5, "better arm found": 0.964}


def run(seed: int, replication: int) -> tuple[float, float, float]:
    """Days and expected conversions saved, and whether the better arm was found, in one run."""
    rng = generator(seed, replication, WORLD)
    policy = ThompsonBeta()
    params, stats, weights = policy.parameters(np.full(2, 0.5)), np.zeros((2, COLUMNS)), np.full(2, 0.5)
    days, lost = 0, 0.0
    while days * VISITS < CLASSICAL_VISITS:
        shown = rng.multinomial(VISITS, weights)
        stats[:, COUNT] += shown
        stats[:, SUM] += rng.binomial(shown, RATES)
        lost += float(shown @ (RATES.max() - RATES))
        days += 1
        policy.weights(stats, np.empty(0), float(stats[:, COUNT].sum()), params, weights)
        if days >= LEAST_DAYS and (weights.max() >= SURE or _little_remains(stats, int(weights.argmax()), rng)):
            break
    classical = CLASSICAL_VISITS * float(np.mean(RATES.max() - RATES))
    return CLASSICAL_VISITS / VISITS - days, classical - lost, float(weights.argmax() == RATES.argmax())


def _little_remains(stats: Array, best: int, rng: np.random.Generator) -> bool:
    """Whether the other arm is better by more than 1% with a posterior probability under .05."""
    drawn = rng.beta(1.0 + stats[:, SUM], 1.0 + stats[:, COUNT] - stats[:, SUM], size=(DRAWS, 2))
    return bool((drawn[:, 1 - best] > (1.0 + NEGLIGIBLE) * drawn[:, best]).mean() < 1.0 - SURE)


def _runs(seed: int, first: int, last: int) -> list[tuple[float, float, float]]:
    return [run(seed, replication) for replication in range(first, last)]


def figures(executor: Executor, replications: int, seed: int) -> Iterator[Figure]:
    """Days and conversions saved, and the share of the runs that end with the better arm."""
    futures = [
        executor.submit(_runs, seed, first, min(first + 10, replications)) for first in range(0, replications, 10)
    ]
    found = np.concatenate([future.result() for future in futures])
    for (what, published), values in zip(TABLE.items(), found.T, strict=True):
        deviation = float(values.std(ddof=1))
        error = deviation / math.sqrt(len(values))
        yield Figure(what, published, deviation / math.sqrt(RUNS), float(values.mean()), error)
