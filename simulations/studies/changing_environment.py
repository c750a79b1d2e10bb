"""Policies that never forget, in an environment that changes.

Besson, "Multi-players bandit algorithms for internet of things networks", PhD thesis, CentraleSupelec 2019, table
"totalResults", its problem of three Bernoulli arms with breaks at 1,000, 2,000, 3,000 and 4,000 of 5,000 decisions;
1,000 runs. Regret is against the best arm of the moment. The thesis prints standard deviations, which are divided here
by the root of its number of runs. The oracle starts anew at every break, so that its regret is that of five runs of
1,000 decisions each.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from math import sqrt

import numpy as np

from simulations.published import Figure, mean
from simulations.simulation import simulate

REPLICATIONS = 1000
RUNS = 1000

MEANS = ((0.3, 0.5, 0.9), (0.3, 0.2, 0.9), (0.3, 0.2, 0.1), (0.7, 0.2, 0.1), (0.7, 0.5, 0.1))
ENVIRONMENT = {"name": "abrupt", "means": MEANS, "at": (1000, 2000, 3000, 4000)}
TABLE = {"kl_ucb": (270.0, 76.0), "thompson_beta": (493.0, 175.0)}
"""Regret at 5,000 decisions and its standard deviation over runs."""
ORACLE = (37.0, 37.0)


def figures(executor: Executor, replications: int, seed: int) -> Iterator[Figure]:
    """Regret of each policy at the end."""
    outcome = simulate(list(TABLE), ENVIRONMENT, horizon=5000, replications=replications, seed=seed, executor=executor)
    for regret, (name, (value, deviation)) in zip(outcome.regret, TABLE.items(), strict=True):
        yield mean(f"{name}, breaks unknown", value, deviation / sqrt(RUNS), regret[:, -1])
    restarted = np.zeros(replications)
    for part, means in enumerate(MEANS):
        stretch = simulate(
            "kl_ucb",
            {"name": "bernoulli", "means": means},
            horizon=1000,
            replications=replications,
            seed=seed + 1 + part,
            executor=executor,
        )
        restarted += stretch.regret[0, :, -1]
    value, deviation = ORACLE
    yield mean("kl_ucb, restarted at every break", value, deviation / sqrt(RUNS), restarted)
