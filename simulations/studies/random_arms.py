"""Thompson sampling on arms whose means are drawn anew for every run.

Duan, Schulman, Chen, Bartlett, Sutskever and Abbeel, "RL^2: Fast reinforcement learning via slow reinforcement
learning" (2016), table 1: Bernoulli arms with means uniform on [0, 1], 5, 10 or 50 of them, 10, 100 or 500 decisions,
the total reward averaged over 1,000 instances. Thompson sampling is given the true prior.

Here the reward is the number of decisions times the expected greatest of k uniform means, k / (k + 1), less the regret,
so that its error is that of the regret alone. The paper prints no standard errors: those beside its figures are ours,
for 1,000 instances, with the variance of the greatest mean, of the regret and of the rewards (at most 1/4 each).
"""

import math
from collections.abc import Iterator
from concurrent.futures import Executor

from simulations.published import Figure
from simulations.simulation import simulate

REPLICATIONS = 1000
INSTANCES = 1000
"""Of the paper."""
TABLE = {
    (10, 5): 5.7,
    (10, 10): 5.5,
    (10, 50): 5.2,
    (100, 5): 74.7,
    (100, 10): 76.7,
    (100, 50): 64.5,
    (500, 5): 402.0,
    (500, 10): 429.5,
    (500, 50): 427.2,
}
"""Total reward of Thompson sampling, by the numbers of decisions and of arms."""


def figures(executor: Executor, replications: int, seed: int) -> Iterator[Figure]:
    """The total reward for each number of decisions and of arms."""
    for (horizon, arms), published in TABLE.items():
        environment = {"name": "random_bernoulli", "choices": arms}
        outcome = simulate(
            "thompson_beta", environment, horizon=horizon, replications=replications, seed=seed, executor=executor
        )
        regret = outcome.regret[0, :, -1]
        variance = float(regret.var(ddof=1))
        greatest = horizon**2 * arms / ((arms + 1) ** 2 * (arms + 2))
        error = math.sqrt((greatest + variance + horizon / 4) / INSTANCES)
        found = horizon * arms / (arms + 1) - float(regret.mean())
        yield Figure(f"{horizon} decisions, {arms} arms", published, error, found, math.sqrt(variance / replications))
