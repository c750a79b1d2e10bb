"""What a small bonus is worth: UCB1, UCB with a smaller constant, and no bonus at all.

Besson, SMPyBandits, notebook "Do we even need UCB?" (2018), first problem: nine Bernoulli arms with means .1 to .9,
10,000 decisions, 100 repetitions. Its UCB(alpha = 1/2) has the bonus sqrt(ln t / (4 n)); its EmpiricalMeans is always
greedy, and its regret has so heavy a tail that its mean says little. The notebook prints no standard errors: those
beside its figures are ours, scaled to its 100 repetitions.
"""

import math
from collections.abc import Iterator
from concurrent.futures import Executor

from simulations.published import Figure
from simulations.simulation import simulate

REPLICATIONS = 1000
REPETITIONS = 100
"""Of the notebook."""
MEANS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
TABLE = {"ucb1": 330.67, "ucb1:exploration=.5": 51.636, "epsilon_greedy:epsilon=0": 384.94}


def figures(executor: Executor, replications: int, seed: int) -> Iterator[Figure]:
    """The regret of each."""
    environment = {"name": "bernoulli", "means": MEANS}
    outcome = simulate(list(TABLE), environment, replications=replications, seed=seed, executor=executor)
    for (name, published), regret in zip(TABLE.items(), outcome.regret[:, :, -1], strict=True):
        deviation = float(regret.std(ddof=1))
        error = deviation / math.sqrt(replications)
        yield Figure(name, published, deviation / math.sqrt(REPETITIONS), float(regret.mean()), error)
