"""Regret of the classical policies on Bernoulli arms.

Three well-known sets of means, horizons 1,000 and 10,000. The figures beside ours were computed independently, by 200
runs of another implementation of each policy; the standard errors at 1,000 were not kept, so that ours stands for both.
The first set is a staircase, the second has the rates of advertisements, the third one arm a tenth better than nine.
"""

from collections.abc import Iterator
from concurrent.futures import Executor

from policies import POLICIES
from simulations.published import Figure, mean
from simulations.simulation import simulate

REPLICATIONS = 200

MEANS = {
    "staircase": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
    "advertisements": (0.01, 0.01, 0.01, 0.02, 0.02, 0.02, 0.05, 0.05, 0.1),
    "one of ten": (0.1,) * 9 + (0.2,),
}
TABLE: dict[str, dict[str, tuple[float, float, float | None]]] = {
    "staircase": {
        "ucb1": (332.5, 2.1, 133.2),
        "ucb1_tuned": (59.2, 2.3, 32.2),
        "moss": (84.3, 0.9, 44.6),
        "kl_ucb": (58.4, 0.8, 35.7),
        "thompson_beta": (40.8, 0.7, 28.4),
    },
    "advertisements": {
        "ucb1": (487.1, 1.2, 62.6),
        "ucb1_tuned": (177.0, 1.2, 49.1),
        "moss": (156.6, 0.9, 46.0),
        "kl_ucb": (97.4, 1.1, 40.7),
        "thompson_beta": (69.2, 1.0, 37.0),
    },
    "one of ten": {
        "ucb1": (597.0, 3.3, None),
        "kl_ucb": (160.9, 2.4, None),
        "thompson_beta": (111.4, 2.1, None),
    },
}
"""Regret at 10,000 decisions, its standard error, regret at 1,000."""


def figures(executor: Executor, replications: int, seed: int) -> Iterator[Figure]:
    """Regret of each policy on each set of arms, at both horizons."""
    for arms, published in TABLE.items():
        known = [name for name in published if name in POLICIES]
        environment = {"name": "bernoulli", "means": MEANS[arms]}
        outcome = simulate(known, environment, replications=replications, seed=seed, executor=executor)
        early = simulate(known, environment, horizon=1000, replications=replications, seed=seed, executor=executor)
        for number, name in enumerate(known):
            value, error, at_1000 = published[name]
            yield mean(f"{arms}, {name}", value, error, outcome.regret[number, :, -1])
            if at_1000 is not None:
                figure = mean(f"{arms}, {name}, T = 1,000", at_1000, 0.0, early.regret[number, :, -1])
                yield Figure(figure.what, figure.published, figure.se, figure.found, figure.se)
