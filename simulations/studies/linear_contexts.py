"""Linear contextual policies when every arm has a linear model of its own.

Anand and Liaw, "Feel-good Thompson sampling for contextual bandits: a Markov chain Monte Carlo showdown" (NeurIPS 2025,
arXiv 2507.15290): five arms, a context of 4 or 8 standard normal features that all of them see, standard normal
coefficients, noise .5, regret after 10,000 decisions. Its models stack the arms, hence its 20 and 40 dimensions. LinTS
draws with noise 1, LinUCB adds one width, both have the regulariser .01: so says the table of settings in the
repository of the authors' programs. The figures, means and standard deviations over 10 runs with the same 10 worlds for
both policies, are read in a digest of the paper; the deviations are divided here by the root of 10.

With so few runs the published errors are themselves uncertain by a quarter, and one of the four, LinUCB with four
features, lies three of them above what is found here.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from math import sqrt

from simulations.published import Figure, mean
from simulations.simulation import simulate

REPLICATIONS = 200
RUNS = 10
"""Of the paper."""
TABLE = {
    4: {"lin_ucb:regulariser=.01": (73.0, 13.8), "lin_thompson:noise_sd=1,regulariser=.01": (114.7, 8.8)},
    8: {"lin_ucb:regulariser=.01": (126.3, 19.3), "lin_thompson:noise_sd=1,regulariser=.01": (204.6, 19.1)},
}
"""Regret and its standard deviation over runs, by the number of features."""


def figures(executor: Executor, replications: int, seed: int) -> Iterator[Figure]:
    """The regret of each policy with either number of features."""
    for size, published in TABLE.items():
        environment = {"name": "random_linear", "choices": 5, "size": size, "sd": 0.5}
        outcome = simulate(list(published), environment, replications=replications, seed=seed, executor=executor)
        for regret, (policy, (value, deviation)) in zip(outcome.regret, published.items(), strict=True):
            name = policy.partition(":")[0]
            yield mean(f"{name}, {size} features", value, deviation / sqrt(RUNS), regret[:, -1])
