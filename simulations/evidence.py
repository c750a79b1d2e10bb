"""How strongly the rewards seen so far speak for one arm being the best.

Source: Garivier and Kaufmann, "Optimal best arm identification with fixed confidence", COLT 2016, the statistic of
their stopping rule.
"""

import math

from policies import COUNT, SUM, kernel
from policies.kernel import Array


@kernel
def bernoulli_divergence(p: float, q: float) -> float:
    """Kullback and Leibler's, of the Bernoulli distributions with these means; q is 0 or 1 only where p is."""
    total = p * math.log(p / q) if p > 0.0 else 0.0
    return total + (1.0 - p) * math.log((1.0 - p) / (1.0 - q)) if p < 1.0 else total


@kernel
def evidence(stats: Array, leader: int, sd: float) -> float:
    """The logarithm of the least likelihood ratio, over the other arms, of the leader being better to its being worse.

    Args:
        stats: Sums, shape (arms, 4).
        leader: An arm with the greatest mean.
        sd: Standard deviation of normal rewards; nan for rewards in [0, 1], taken as those of Bernoulli arms.
    """
    least, count = math.inf, stats[leader, COUNT]
    for arm in range(stats.shape[0]):
        if arm == leader:
            continue
        other = stats[arm, COUNT]
        if other <= 0.0 or count <= 0.0:
            return 0.0
        mean, mean_other = stats[leader, SUM] / count, stats[arm, SUM] / other
        if math.isnan(sd):
            pooled = (stats[leader, SUM] + stats[arm, SUM]) / (count + other)
            ratio = count * bernoulli_divergence(mean, pooled) + other * bernoulli_divergence(mean_other, pooled)
        else:
            ratio = (mean - mean_other) ** 2 / (2.0 * sd * sd * (1.0 / count + 1.0 / other))
        least = min(least, ratio)
    return least


@kernel
def leading(stats: Array) -> int:
    """The first arm with the greatest mean; untried ones come last."""
    leader, greatest = 0, -math.inf
    for arm in range(stats.shape[0]):
        if stats[arm, COUNT] > 0.0 and stats[arm, SUM] / stats[arm, COUNT] > greatest:
            leader, greatest = arm, stats[arm, SUM] / stats[arm, COUNT]
    return leader
