"""A change of what an arm earns, found in its sums over spans of time: a generalised likelihood ratio scan.

CUSUM needs to know the mean before the change and how far it moves; the likelihood ratio of "one mean" against "two
means, with the change between these two spans" needs neither, and reads sums that add, so that late and corrected
rewards are no matter.
"""

import math

import numpy as np

from policies import COUNT, SQUARES, SUM
from policies.kernel import Array

FEWEST = 30
"""Trials on either side of a change."""


def last_change(sums: Array, delta: float, *, unit: bool) -> int:
    """The first span after the last change, 0 where there is none.

    A change is taken for one where twice the log likelihood ratio of the best split is beyond the quantile of its
    chi-square distribution at the level delta * 6 / (pi n)^2 / (n - 1), for n spans: summed over all splits and all
    numbers of spans that will ever be looked at, that is at most delta. The search then goes on after the change, with
    a delta of its own. The distribution is a limit: it holds for spans of many trials, and for draws whose propensities
    changed it holds as well, because only the rewards of one arm are compared.

    Source: Willsky and Jones, "A generalized likelihood ratio approach to the detection and estimation of jumps in
    linear systems", IEEE Transactions on Automatic Control, 1976, for the scan; for bandits: Besson, Kaufmann, Maillard
    and Seznec, "Efficient change-point detection for tackling piecewise-stationary bandits", JMLR 2022. The threshold,
    by a union bound over spans, is ours.

    Args:
        sums: Shape (spans, 3 or more), columns as in `policies.statistics`; of spans that are over.
        delta: Probability of ever finding a change where there is none.
        unit: Whether rewards lie in [0, 1], so that they vary no more than a coin with their mean; else they are taken
            as normal.
    """
    first = 0
    while (change := _change(sums[first:], delta, unit)) > 0:
        first += change
    return first


def _change(sums: Array, delta: float, unit: bool) -> int:
    found = np.flatnonzero(sums[:, COUNT] > 0.5)
    n = len(found)
    if n < 2:
        return 0
    kept = np.maximum(sums[found], 0.0) if unit else sums[found]
    before = np.cumsum(kept, axis=0)[:-1]
    whole = kept.sum(axis=0)
    after = whole - before
    enough = (before[:, COUNT] >= FEWEST) & (after[:, COUNT] >= FEWEST)
    if not enough.any():
        return 0
    before, after = before[enough], after[enough]
    ratio = (_bits(before) + _bits(after) - _bits(whole)) if unit else _normal(before, after)
    best = int(np.argmax(ratio))
    level = delta * 6.0 / (math.pi * n) ** 2 / (n - 1)
    # The tail of a chi-square variable with one degree of freedom.
    if math.erfc(math.sqrt(max(float(ratio[best]), 0.0))) >= level:
        return 0
    return int(found[np.flatnonzero(enough)[best] + 1])


def _bits(sums: Array) -> Array:
    """The greatest log likelihood of a coin."""
    count = sums[..., COUNT]
    mean = np.clip(sums[..., SUM] / count, 1e-300, 1.0 - 1e-16)
    likelihood: Array = count * (mean * np.log(mean) + (1.0 - mean) * np.log1p(-mean))
    return likelihood


def _normal(before: Array, after: Array) -> Array:
    """The log likelihood ratio of two normal means, with the variance that is left within both sides."""
    n, m = before[:, COUNT], after[:, COUNT]
    left = before[:, SQUARES] - before[:, SUM] ** 2 / n + after[:, SQUARES] - after[:, SUM] ** 2 / m
    variance = np.maximum(left, 1e-300) / (n + m - 2.0)
    ratio: Array = 0.5 * (before[:, SUM] / n - after[:, SUM] / m) ** 2 / (variance * (1.0 / n + 1.0 / m))
    return ratio
