"""A mean with its 95% interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, variance

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean of `count` values and the interval that covers its expectation with probability `level`.

    `mean` is None without any value, `lower` and `upper` where there are too few for an interval.
    """

    count: int
    mean: float | None
    lower: float | None
    upper: float | None
    method: str
    level: float = LEVEL


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of independent values: with Wilson's interval where all are 0 or 1, else with Student's.

    Wilson's holds for small counts and for rates near 0 or 1, where the usual one fails (on average over rates; at some
    rates it covers a little less than it says). Student's is exact for Gaussian values, and good for others where they
    are many and not very skewed.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927; Student,
    "The probable error of a mean", Biometrika 6, 1908.
    """
    count = len(values)
    binary = all(value in (0.0, 1.0) for value in values)
    method = "Wilson" if binary else "Student t"
    if not count:
        return Estimate(0, None, None, None, method)
    mean = fmean(values)
    if binary:
        z = NormalDist().inv_cdf((1.0 + LEVEL) / 2.0)
        shrink = 1.0 + z * z / count
        centre = (mean + z * z / (2.0 * count)) / shrink
        half = z / shrink * math.sqrt(mean * (1.0 - mean) / count + (z / (2.0 * count)) ** 2)
        return Estimate(count, mean, max(0.0, centre - half), min(1.0, centre + half), method)
    if count == 1:
        return Estimate(1, mean, None, None, method)
    from scipy.special import stdtrit

    half = float(stdtrit(count - 1, (1.0 + LEVEL) / 2.0)) * math.sqrt(variance(values, mean) / count)
    return Estimate(count, mean, mean - half, mean + half, method)
