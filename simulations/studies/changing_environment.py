"""Policies that never forget, in an environment that changes.

Besson, "Multi-players bandit algorithms for internet of things networks", PhD thesis, CentraleSupelec 2019, table
"totalResults", its problem of three Bernoulli arms with breaks at 1,000, 2,000, 3,000 and 4,000 of 5,000 decisions;
1,000 runs. Regret is against the best arm of the moment. The thesis prints standard deviations, which are divided here
by the root of its number of runs. What the oracle forgets is not said there; of the readings tried, the nearest to its
figure is taken: at every break the arms whose means have changed, with t counting the decisions since. With t counting
the rewards that are remembered the regret is 41.8, and an oracle that forgets everything at every break has 56.6.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from math import sqrt
from typing import Any

import numba
import numpy as np
from numba import float64, types

from policies import COLUMNS, COUNT, KLUCB, SELECT, SUM, cache
from policies.kernel import Array
from simulations.block import POLICY, WORLD, generator
from simulations.published import Figure, mean
from simulations.simulation import simulate

REPLICATIONS = 1000
RUNS = 1000
"""Of the thesis."""
STRETCH = 1000
MEANS = ((0.3, 0.5, 0.9), (0.3, 0.2, 0.9), (0.3, 0.2, 0.1), (0.7, 0.2, 0.1), (0.7, 0.5, 0.1))
ENVIRONMENT = {"name": "abrupt", "means": MEANS, "at": (1000, 2000, 3000, 4000)}
TABLE = {"kl_ucb": (270.0, 76.0), "thompson_beta": (493.0, 175.0)}
"""Regret at 5,000 decisions and its standard deviation over runs."""
ORACLE = (37.0, 37.0)


def restarted(select: Any, params: Array, means: Array, rng: np.random.Generator, world: np.random.Generator) -> float:
    """The regret of one run of the oracle; `means`, shape (stretches, arms)."""
    stats, context, regret = np.zeros((means.shape[1], COLUMNS)), np.empty(0), 0.0
    for stretch in range(means.shape[0]):
        for arm in range(means.shape[1]):
            if stretch > 0 and means[stretch, arm] != means[stretch - 1, arm]:
                stats[arm] = 0.0
        for step in range(STRETCH):
            arm = select(stats, context, step + 1.0, params, rng)
            regret += means[stretch].max() - means[stretch, arm]
            stats[arm, COUNT] += 1.0
            if world.random() < means[stretch, arm]:
                stats[arm, SUM] += 1.0
    return regret


_restarted: Any = numba.njit(error_model="numpy", nogil=True)(restarted)
cache.keep(_restarted, restarted)


def oracle(replications: int, seed: int) -> Array:
    """The regret of KL-UCB with an oracle, shape (replications,)."""
    policy, means = KLUCB(), np.array(MEANS)
    policy.select.compile(SELECT)  # type: ignore[attr-defined]
    if not _restarted.signatures:
        _restarted.compile(
            float64(types.FunctionType(SELECT), float64[::1], float64[:, ::1], types.npy_rng, types.npy_rng)
        )
        _restarted.disable_compile()
    params = policy.parameters(np.full(means.shape[1], 1.0 / means.shape[1]))
    runs = (
        _restarted(policy.select, params, means, generator(seed, run, POLICY), generator(seed, run, WORLD))
        for run in range(replications)
    )
    return np.fromiter(runs, np.float64, replications)


def figures(executor: Executor, replications: int, seed: int) -> Iterator[Figure]:
    """Regret of each policy at the end, and of the oracle."""
    outcome = simulate(list(TABLE), ENVIRONMENT, horizon=5000, replications=replications, seed=seed, executor=executor)
    for regret, (name, (value, deviation)) in zip(outcome.regret, TABLE.items(), strict=True):
        yield mean(f"{name}, breaks unknown", value, deviation / sqrt(RUNS), regret[:, -1])
    value, deviation = ORACLE
    yield mean("kl_ucb, told of the breaks", value, deviation / sqrt(RUNS), oracle(replications, seed))
