"""From a statistic to its p-value and its interval, one- and two-sided."""

import math
from typing import get_args

from scipy.special import stdtr, stdtrit

from bandit.statistics.comparison import Alternative

Interval = tuple[float, float]


def check(alpha: float, alternative: Alternative = "two-sided") -> None:
    """Refuses an `alpha` or an `alternative` that means nothing.

    Raises:
        ValueError: `alternative` is none of the three, or `alpha` does not lie strictly between 0 and 1, or, one-sided,
            1/2, beyond which the interval would exclude its own estimate.
    """
    if alternative not in get_args(Alternative):
        raise ValueError(f"alternative: {alternative!r} given, must be one of {', '.join(get_args(Alternative))}")
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha: {alpha} given, must lie strictly between 0 and 1")
    if alternative != "two-sided" and alpha >= 0.5:
        raise ValueError(f"alpha: {alpha} given, must lie strictly between 0 and 0.5 for a one-sided alternative")


def p_value(statistic: float, alternative: Alternative = "two-sided", degrees: float = math.inf) -> float:
    """The probability of a statistic this extreme under Student's distribution, or, by default, the normal.

    One below about 1e-300 is given as 0.

    Args:
        statistic: Standard errors between the estimate and the hypothesis.
        alternative: Which deviations are extreme.
        degrees: Of freedom.
    """
    match alternative:
        case "greater":
            return float(stdtr(degrees, -statistic))
        case "less":
            return float(stdtr(degrees, statistic))
    return min(1.0, 2.0 * float(stdtr(degrees, -abs(statistic))))


def quantile(alpha: float, alternative: Alternative = "two-sided", degrees: float = math.inf) -> float:
    """How many standard errors an interval at level `1 - alpha` reaches on a side on which it ends.

    Raises:
        ValueError: See `check`.
    """
    check(alpha, alternative)
    return -float(stdtrit(degrees, alpha / 2.0 if alternative == "two-sided" else alpha))


def one_sided(
    interval: Interval, alternative: Alternative, least: float = -math.inf, most: float = math.inf
) -> Interval:
    """The interval, without the end that a one-sided alternative has no use for.

    Args:
        interval: Both ends, each at the level of its side.
        alternative: `greater` keeps the lower end, `less` the upper one.
        least: What takes the place of the lower end: the least value there is.
        most: What takes the place of the upper end.
    """
    lower, upper = interval
    return (least if alternative == "less" else lower), (most if alternative == "greater" else upper)


def around(
    estimate: float,
    standard_error: float,
    alpha: float,
    alternative: Alternative = "two-sided",
    degrees: float = math.inf,
) -> Interval:
    """The interval of an estimate whose error follows Student's distribution, or, by default, the normal.

    Raises:
        ValueError: See `check`.
    """
    half = quantile(alpha, alternative, degrees) * standard_error
    return one_sided((estimate - half, estimate + half), alternative)


def disagreement(p: float, interval: Interval, alpha: float) -> tuple[str, ...]:
    """A warning where a test rejects no effect and the interval has it, or the other way round."""
    if (p < alpha) != (interval[0] <= 0.0 <= interval[1]):
        return ()
    return (f"the test and the interval rest on different approximations and disagree at alpha {alpha:g}",)
