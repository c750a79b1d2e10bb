"""The permutation test of two means."""

import math

import numpy as np
from numpy.typing import ArrayLike

from bandit.statistics.comparison import Alternative, Comparison, Refused
from bandit.statistics.observations import Array, arms
from bandit.statistics.resampling import blocks, enough
from bandit.statistics.tails import check, one_sided


def permutation(
    treatment: ArrayLike,
    control: ArrayLike,
    *,
    random: np.random.Generator,
    resamples: int = 9_999,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
) -> Comparison:
    """The permutation test of two means: Welch's statistic, held against what it is when the arms are shuffled.

    Exact for any number of values if the arms' distributions are equal; for many, also where only their means are. The
    interval takes the place of Student's quantiles by those of the shuffled statistic, so it excludes 0 where the test
    rejects.

    Args:
        treatment: Its values.
        control: Likewise.
        random: Where the shuffling comes from.
        resamples: Shufflings; the p-value is a multiple of 1 / (resamples + 1).
        alpha: One less the level of the interval.
        alternative: Which side.

    Raises:
        ValueError: See `tails.check`; or a value is not finite, or there are too few resamples for this level.
        Refused: An arm has fewer than two values, or the values of neither arm vary.

    Source: Chung and Romano, "Exact and asymptotically robust permutation tests", Annals of Statistics 41, 2013.
    """
    check(alpha, alternative)
    enough(resamples, alpha)
    x, y = arms("permutation", treatment, control, 2)
    # About their common mean, so that sums of squares lose no digits.
    both = np.concatenate((x, y))
    both = both - both.mean()
    effect, error = float(x.mean() - y.mean()), math.sqrt(x.var(ddof=1) / x.size + y.var(ddof=1) / y.size)
    if not error:
        raise Refused("permutation", "the values of neither arm vary", "a test for proportions")
    shuffled = np.concatenate(
        [
            _welch(random.permuted(np.broadcast_to(both, (rows, both.size)), axis=1), x.size)
            for rows in blocks(resamples, both.size)
        ]
    )
    # In the unit of the effect; shuffling that gives the same arms again may differ from them by rounding.
    side = {"two-sided": np.abs, "greater": np.positive, "less": np.negative}[alternative]
    against, distance = side(shuffled * error), float(side(effect))
    against[np.isclose(against, distance, rtol=1e-9, atol=0.0)] = distance
    against.sort()
    extreme = resamples - int(np.searchsorted(against, distance))
    reach = float(against[resamples - math.floor(alpha * (resamples + 1))])
    p = (1 + extreme) / (resamples + 1)
    interval = one_sided((effect - reach, effect + reach), alternative)
    return Comparison("permutation", effect, interval, p, effect / error)


def _welch(shuffled: Array, first: int) -> Array:
    """Welch's statistic of each row, of which so many values are the treatment's; 0 where nothing varies."""
    x, y = shuffled[:, :first], shuffled[:, first:]
    difference = x.mean(axis=1) - y.mean(axis=1)
    variance = x.var(axis=1, ddof=1) / x.shape[1] + y.var(axis=1, ddof=1) / y.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic: Array = difference / np.sqrt(variance)
    statistic[np.isnan(statistic)] = 0.0
    return statistic
