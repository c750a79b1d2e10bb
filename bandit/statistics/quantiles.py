"""Quantiles of two arms, such as the 95th percentile of a latency."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtrik

from bandit.statistics import mover
from bandit.statistics.comparison import Alternative, Comparison, Refused
from bandit.statistics.observations import Array, arms
from bandit.statistics.tails import Interval, check, one_sided

METHOD = "quantile_difference"
HALVINGS = 44
"""Of the range in which the logarithm of a p-value lies."""


def difference(
    treatment: ArrayLike,
    control: ArrayLike,
    probability: float,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
) -> Comparison:
    """The difference of a quantile of two arms, whatever the distributions of the values.

    Each arm's interval lies between two of its sorted values, as the binomial distribution has it; the difference's is
    put together from both. It covers what it says, or a little more. The p-value is the level at which the interval
    ends at 0; it is never less than the few values beyond the quantile can tell.

    Args:
        treatment: Its values.
        control: Likewise.
        probability: Of a value below the quantile: .5 for the median.
        alpha: One less the level of the intervals.
        alternative: Which side.

    Raises:
        ValueError: See `tails.check`; or a value is not finite, or the probability not strictly between 0 and 1.
        Refused: An arm has too few values below or above the quantile for this level.

    Source: Hutson, "Calculating nonparametric confidence intervals for quantiles using fractional order statistics",
    Journal of Applied Statistics 26, 1999, for each arm; `mover` for both.
    """
    if not 0.0 < probability < 1.0:
        raise ValueError(f"probability: {probability} given, must lie strictly between 0 and 1")
    check(alpha, alternative)
    x, y = (np.sort(values) for values in arms(METHOD, treatment, control))
    quantiles = float(np.quantile(x, probability)), float(np.quantile(y, probability))
    effect = quantiles[0] - quantiles[1]

    def ends(tail: float) -> tuple[Interval, Interval]:
        return interval(x, probability, tail), interval(y, probability, tail)

    def beyond(tail: float) -> bool:
        lower, upper = mover.difference(quantiles, ends(tail))
        return lower > 0.0 or upper < 0.0

    each = ends(alpha / 2.0 if alternative == "two-sided" else alpha)
    between = one_sided(mover.difference(quantiles, each), alternative)
    if [*map(math.isinf, between)] != [alternative == "less", alternative == "greater"]:
        raise Refused(METHOD, f"too few values lie beyond the quantile {probability:g}", "one nearer to the middle")
    ratio = mover.ratio(quantiles, each)
    return Comparison(
        METHOD,
        effect,
        between,
        _p_value(_least_tail(beyond) if effect else 0.5, effect, alternative),
        relative_effect=effect / quantiles[1] if quantiles[1] else None,
        relative_interval=one_sided((ratio[0] - 1.0, ratio[1] - 1.0), alternative) if ratio else None,
    )


def interval(values: Array, probability: float, tail: float) -> Interval:
    """Between which sorted values a quantile lies, but for a probability of `tail` at each end.

    An end is infinite where the outermost value lies beyond the quantile with more than that probability.

    Args:
        values: Sorted.
        probability: Of a value below the quantile.
        tail: From 0 to 1/2.
    """
    last = values.size - 1
    below, above = _rank(values.size, probability, tail), _rank(values.size, 1.0 - probability, tail)
    lower = _between(values, below) if below is not None else -math.inf
    upper = _between(values, last - above) if above is not None else math.inf
    return lower, upper


def _rank(count: int, probability: float, tail: float) -> float | None:
    """How many values may lie below a quantile with more than that probability; None where even one may not."""
    if count * math.log1p(-probability) > math.log(tail) * (1.0 - 1e-12):
        return None
    return float(bdtrik(tail, count, probability))


def _between(values: Array, position: float) -> float:
    index = max(0, min(int(position), values.size - 2))
    return float(values[index] + (position - index) * (values[index + 1] - values[index]))


def _least_tail(beyond: Callable[[float], bool]) -> float:
    """The least tail, up to 1/2, at which an interval lies beyond zero."""
    low, high = math.log(1e-300), math.log(0.5)
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        low, high = (low, middle) if beyond(math.exp(middle)) else (middle, high)
    return math.exp(high)


def _p_value(tail: float, effect: float, alternative: Alternative) -> float:
    if alternative == "two-sided":
        return min(1.0, 2.0 * tail)
    return tail if (effect > 0.0) == (alternative == "greater") else 1.0 - tail
