"""The bootstrap of any statistic of two arms."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from bandit.statistics.comparison import Alternative, Comparison, Refused
from bandit.statistics.observations import Array, arms
from bandit.statistics.resampling import blocks, enough
from bandit.statistics.tails import Interval, check, one_sided

Statistic = Callable[..., Array]
"""`statistic(values, axis=-1)`: `numpy.mean`, `numpy.median`, `functools.partial(numpy.quantile, q=.9)`."""

MOST_LEFT_OUT = 5_000
"""Values that are left out in turn, at most: the time grows with their square."""


def bootstrap(
    treatment: ArrayLike,
    control: ArrayLike,
    statistic: Statistic = np.mean,
    *,
    random: np.random.Generator,
    method: Literal["bca", "percentile"] = "bca",
    resamples: int = 9_999,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
) -> Comparison:
    """The difference of any statistic of two arms, its interval from resamples of each; it has no p-value.

    For many values and smooth statistics: under some tens of values in an arm it covers too little, and extremes (a
    maximum, a quantile beyond which a handful of values lie) it does not cover at all.

    Args:
        treatment: Its values.
        control: Likewise.
        statistic: Of values along the last axis.
        random: Where the resamples come from.
        method: `bca` corrects the percentiles for bias and skewness, `percentile` takes them as they are.
        resamples: Of each arm.
        alpha: One less the level of the intervals.
        alternative: Which side.

    Raises:
        ValueError: See `tails.check`; or a value is not finite, or there are too few resamples for this level.
        Refused: An arm has fewer than two values, or `bca` is asked for more than 5,000 values and another statistic
            than the mean, or no resample differs from another.

    Source: Efron, "Better bootstrap confidence intervals", JASA 82, 1987; Efron and Tibshirani, "An Introduction to the
    Bootstrap", 1993, chapter 14. The acceleration is that of both arms' influences together.
    """
    check(alpha, alternative)
    enough(resamples, alpha)
    x, y = arms("bootstrap", treatment, control, 2)
    first, second = (float(statistic(values, axis=-1)) for values in (x, y))
    drawn = [_resampled(values, statistic, random, resamples) for values in (x, y)]
    if not any(np.ptp(values) for values in drawn):
        raise Refused("bootstrap", "no resample differs from another", "a test for proportions, or more units")
    influences = [_influence(values, statistic) for values in (x, y)] if method == "bca" else None
    levels = _levels(alpha, alternative)

    def interval(estimate: float, draws: Array, slopes: tuple[float, float]) -> Interval:
        if influences is not None:
            pushed = [slope * influence for slope, influence in zip(slopes, influences, strict=True)]
            corrected = _corrected(levels, estimate, draws, np.concatenate(pushed))
        else:
            corrected = levels
        lower, upper = np.quantile(draws, corrected)
        return one_sided((float(lower), float(upper)), alternative)

    relative: Interval | None = None
    warnings: tuple[str, ...] = ()
    if second and drawn[1].min() * drawn[1].max() > 0.0:
        slopes = (1.0 / second, -first / second**2)
        relative = interval(first / second - 1.0, drawn[0] / drawn[1] - 1.0, slopes)
    elif second:
        warnings = ("the control's value cannot be told from zero: the relative effect has no bounded interval",)
    return Comparison(
        f"bootstrap_{method}",
        first - second,
        interval(first - second, drawn[0] - drawn[1], (1.0, -1.0)),
        None,
        relative_effect=(first - second) / second if second else None,
        relative_interval=relative,
        warnings=warnings,
    )


def _resampled(values: Array, statistic: Statistic, random: np.random.Generator, resamples: int) -> Array:
    drawn = np.empty(resamples)
    begun = 0
    for rows in blocks(resamples, values.size):
        draws = values[random.integers(0, values.size, (rows, values.size))]
        drawn[begun : begun + rows] = statistic(draws, axis=-1)
        begun += rows
    if not np.isfinite(drawn).all():
        raise ValueError("statistic: its values are not all finite numbers, all must be")
    return drawn


def _influence(values: Array, statistic: Statistic) -> Array:
    """How much each value moves the statistic, by leaving it out."""
    count = values.size
    if statistic is np.mean:
        return np.asarray((values - values.mean()) / count)
    if count > MOST_LEFT_OUT:
        raise Refused("bootstrap_bca", f"it would leave out each of {count} values in turn", "the method percentile")
    without = np.empty(count)
    others = np.arange(count - 1)
    begun = 0
    for rows in blocks(count, count):
        left_out = np.arange(begun, begun + rows)[:, None]
        without[begun : begun + rows] = statistic(values[others + (others >= left_out)], axis=-1)
        begun += rows
    return np.asarray((without.mean() - without) * ((count - 1.0) / count))


def _corrected(levels: Array, estimate: float, draws: Array, influence: Array) -> Array:
    """The percentiles whose values make the interval, for bias and acceleration."""
    least = 0.5 / draws.size
    below = (np.mean(draws < estimate) + np.mean(draws <= estimate)) / 2.0
    bias = ndtri(min(max(float(below), least), 1.0 - least))
    squares = float((influence**2).sum())
    acceleration = float((influence**3).sum()) / (6.0 * squares**1.5) if squares else 0.0
    moved = bias + ndtri(levels)
    return np.asarray(ndtr(bias + moved / (1.0 - acceleration * moved)))


def _levels(alpha: float, alternative: Alternative) -> Array:
    tail = alpha / 2.0 if alternative == "two-sided" else alpha
    return np.array([tail, 1.0 - tail])
