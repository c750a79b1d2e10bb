"""Credible intervals of a mean, and whether a difference is worth having: regions of practical equivalence."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import optimize

from bandit.statistics.contrast import Contrast
from bandit.statistics.posterior import Posterior
from bandit.statistics.posteriors import Beta, Gamma
from bandit.statistics.tails import Interval, check

NEGLIGIBLE = 1e-9
"""The part of alpha below which an interval of highest density begins at the end of the range."""


def equal_tailed(posterior: Posterior, alpha: float = 0.05) -> Interval:
    """The interval that leaves the probability alpha / 2 on either side."""
    check(alpha)
    return posterior.quantile(alpha / 2.0), posterior.quantile(1.0 - alpha / 2.0)


def highest_density(posterior: Posterior, alpha: float = 0.05) -> Interval:
    """The shortest interval of probability 1 - alpha, in which the density is nowhere less than outside.

    (A Beta density with both parameters below 1 has a peak at either end. This is then the shorter of the intervals
    that begin or end there, and the density is not greater in it than at the other end.)
    """
    check(alpha)
    if not isinstance(posterior, Beta | Gamma):
        return equal_tailed(posterior, alpha)

    def excess(left: float) -> float:
        ends = np.array([posterior.quantile(left), posterior.quantile(left + 1.0 - alpha)])
        y = posterior.axis.position(ends)
        lower, upper = np.log(posterior.density(y)) - np.log(posterior.axis.slope(y))
        return float(lower - upper)

    least, most = NEGLIGIBLE * alpha, (1.0 - NEGLIGIBLE) * alpha
    first, second = (posterior.a, posterior.b) if isinstance(posterior, Beta) else (posterior.shape, math.inf)
    ends: list[Interval] = []
    if first <= 1.0 or excess(least) >= 0.0:
        ends.append((0.0, posterior.quantile(1.0 - alpha)))
    if second <= 1.0 or (first > 1.0 and excess(most) <= 0.0):
        ends.append((posterior.quantile(alpha), 1.0))
    if ends:
        return min(ends, key=lambda interval: interval[1] - interval[0])
    left = optimize.brentq(excess, least, most, xtol=1e-14 * alpha)
    return posterior.quantile(left), posterior.quantile(left + 1.0 - alpha)


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Whether a difference lies in a region in which it would not be worth having.

    Attributes:
        region: The region, in the unit of the metric, or as parts of the control's mean.
        probability: That the difference lies in it.
        decision: `equivalent` if the interval of probability 1 - alpha lies in the region, `different` if it lies
            outside, else `undecided`.
    """

    region: Interval
    probability: float
    decision: Literal["equivalent", "different", "undecided"]


def equivalence(
    contrast: Contrast,
    region: Interval,
    alpha: float = 0.05,
    unit: Literal["absolute", "relative"] = "absolute",
) -> Equivalence | None:
    """Hold the posterior of a difference against a region of practical equivalence; None where it has no ratio.

    Args:
        contrast: A treatment and a control.
        region: Least and greatest difference that are not worth having; they need not lie around 0.
        alpha: One less the probability of the interval, which is equal-tailed.
        unit: Whether the region is one of the difference, or of the lift: treatment / control - 1.

    Source: Kruschke, "Rejecting or accepting parameter values in Bayesian estimation", Advances in Methods and
    Practices in Psychological Science 1, 2018, with the equal-tailed interval for that of highest density.

    Raises:
        ValueError: The region is empty.
    """
    check(alpha)
    lower, upper = region
    if not lower < upper:
        raise ValueError(f"region: from {lower:g} to {upper:g} given, must begin below where it ends")
    if unit == "absolute":
        interval: Interval | None = contrast.difference_interval(alpha)
        probability = contrast.difference_below(upper) - contrast.difference_below(lower)
    else:
        interval = contrast.lift_interval(alpha)
        probability = contrast.ratio_below(1.0 + upper) - contrast.ratio_below(1.0 + lower)
    if interval is None:
        return None
    decision: Literal["equivalent", "different", "undecided"] = "undecided"
    if lower <= interval[0] and interval[1] <= upper:
        decision = "equivalent"
    elif interval[1] < lower or upper < interval[0]:
        decision = "different"
    return Equivalence(region, min(max(probability, 0.0), 1.0), decision)
