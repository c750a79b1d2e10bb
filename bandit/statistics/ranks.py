"""Tests of ranks, for values whose order counts and whose size does not."""

import math
from itertools import accumulate

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from bandit.statistics.comparison import Alternative, Comparison, Refused
from bandit.statistics.observations import Array, arms
from bandit.statistics.tails import around, one_sided, p_value, quantile

FEW = 50
"""With fewer values than that in each arm, and no two the same, the distribution is counted out."""
PAIRS = 4_000_000
"""So many differences are made at once; beyond, the one that is looked for is closed in on."""


def mann_whitney(
    treatment: ArrayLike, control: ArrayLike, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Comparison:
    """Mann and Whitney's U test, also known as Wilcoxon's, with the shift of Hodges and Lehmann.

    Exact for fewer than 50 different values in each arm; else normal, with corrections for ties and continuity. The
    effect is the median of all differences between a value of the treatment and one of the control: the shift, if the
    arms differ in nothing else. Where they may differ in spread, p is not that of equal medians, nor of equal means:
    see `brunner_munzel`.

    Args:
        treatment: Its values.
        control: Likewise.
        alpha: One less the level of the interval.
        alternative: Which side.

    Returns:
        Without a relative effect; `statistic` is U, the pairs in which the treatment's value is the greater.

    Raises:
        ValueError: See `tails.check`; or a value is not finite.
        Refused: An arm has no values.

    Source: Mann and Whitney, "On a test of whether one of two random variables is stochastically larger than the
    other", Annals of Mathematical Statistics 18, 1947; Hodges and Lehmann, "Estimates of location based on rank
    tests", Annals of Mathematical Statistics 34, 1963.
    """
    x, y = arms("mann_whitney", treatment, control)
    z = quantile(alpha, alternative)
    pairs, both = x.size * y.size, np.concatenate((x, y))
    ranks = rankdata(both)
    u = float(ranks[: x.size].sum()) - x.size * (x.size + 1) / 2.0
    spread = math.sqrt(pairs * (both.size + 1) / 12.0)
    _, ties = np.unique(both, return_counts=True)
    if max(x.size, y.size) < FEW and ties.max() == 1:
        shares = _distribution(x.size, y.size)
        at_most, at_least = math.fsum(shares[: int(u) + 1]), math.fsum(shares[int(u) :])
        p = {"less": at_most, "greater": at_least, "two-sided": min(1.0, 2.0 * min(at_most, at_least))}[alternative]
        tail = alpha / 2.0 if alternative == "two-sided" else alpha
        rank = sum(share <= tail for share in accumulate(shares))
    else:
        p = _normal_p(u - pairs / 2.0, spread * math.sqrt(_untied(ties.astype(np.float64))), alternative)
        rank = math.ceil(pairs / 2.0 - z * spread - 0.5)
    x, y = np.sort(x), np.sort(y)
    # With too few pairs for this level nothing can be excluded.
    lower, upper = -math.inf, math.inf
    if rank >= 1:
        lower, upper = _difference(x, y, rank), _difference(x, y, pairs + 1 - rank)
    shift = (_difference(x, y, (pairs + 1) // 2) + _difference(x, y, pairs // 2 + 1)) / 2.0
    return Comparison("mann_whitney", shift, one_sided((lower, upper), alternative), p, u)


def brunner_munzel(
    treatment: ArrayLike, control: ArrayLike, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Comparison:
    """Brunner and Munzel's test that a value of the treatment is as likely the greater as the lesser of two.

    The effect is the probability of superiority less 1/2: that a value of the treatment is greater than one of the
    control, ties counting half. Unlike `mann_whitney` it allows for different spreads. From about ten values in each
    arm.

    Args:
        treatment: Its values.
        control: Likewise.
        alpha: One less the level of the interval.
        alternative: Which side.

    Returns:
        Without a relative effect.

    Raises:
        ValueError: See `tails.check`; or a value is not finite.
        Refused: An arm has fewer than two values, or all of one lie beyond all of the other, or all are the same.

    Source: Brunner and Munzel, "The nonparametric Behrens-Fisher problem: asymptotic theory and a small-sample
    approximation", Biometrical Journal 42, 2000.
    """
    x, y = arms("brunner_munzel", treatment, control, 2)
    both = rankdata(np.concatenate((x, y)))
    # The share of the other arm that lies below each value.
    below_x = (both[: x.size] - rankdata(x)) / y.size
    below_y = (both[x.size :] - rankdata(y)) / x.size
    parts = [float(below.var(ddof=1)) / below.size for below in (below_x, below_y)]
    variance = sum(parts)
    if not variance:
        raise Refused("brunner_munzel", "the arms do not overlap, or nothing varies", "mann_whitney")
    degrees = variance**2 / sum(part**2 / (size - 1.0) for part, size in zip(parts, (x.size, y.size), strict=True))
    effect, error = float(below_x.mean()) - 0.5, math.sqrt(variance)
    return Comparison(
        "brunner_munzel",
        effect,
        around(effect, error, alpha, alternative, degrees),
        p_value(effect / error, alternative, degrees),
        effect / error,
    )


def _distribution(first: int, second: int) -> list[float]:
    """The probability of each U, if all orders of the values are equally likely, from the Gaussian binomial."""
    ways = [1] + [0] * (first * second)
    for size in range(1, first + 1):
        # Times (1 - x^(second + size)) / (1 - x^size), in whole numbers, so that nothing is rounded.
        for power in range(first * second, second + size - 1, -1):
            ways[power] -= ways[power - second - size]
        for power in range(size, first * second + 1):
            ways[power] += ways[power - size]
    total = math.comb(first + second, first)
    return [way / total for way in ways]


def _untied(ties: Array) -> float:
    total = float(ties.sum())
    shares = ties / total
    return 1.0 - float((shares * (ties * ties - 1.0)).sum()) / (total * total - 1.0) if total > 1.0 else 0.0


def _normal_p(distance: float, spread: float, alternative: Alternative) -> float:
    if not spread:
        return 1.0
    if alternative == "two-sided":
        return p_value(max(0.0, abs(distance) - 0.5) / spread)
    return p_value((distance - (0.5 if alternative == "greater" else -0.5)) / spread, alternative)


def _difference(x: Array, y: Array, rank: int) -> float:
    """The rank-th least of all differences `x - y` of two sorted arrays."""
    if x.size * y.size <= PAIRS:
        return float(np.partition(np.subtract.outer(x, y).ravel(), rank - 1)[rank - 1])
    low, high = float(x[0] - y[-1]), float(x[-1] - y[0])
    while (middle := low + (high - low) / 2.0) not in (low, high):
        # How many differences are at most `middle`: the values of y that are at least x - middle.
        if x.size * y.size - int(np.searchsorted(y, x - middle, "left").sum()) >= rank:
            high = middle
        else:
            low = middle
    return high
