"""Intervals for the ratio of two estimates that are normal, or nearly."""

import math

from bandit.statistics.tails import Interval


def fieller(
    numerator: float, denominator: float, variances: tuple[float, float], covariance: float, quantile: float
) -> Interval | None:
    """The ratios r for which `numerator - r denominator` is not further from zero than chance allows.

    It holds exactly for normal estimates with known variances, however near to zero the denominator is.

    Args:
        numerator: An estimate.
        denominator: Another one, in the same unit.
        variances: Of the two estimates.
        covariance: Between them; zero for different units.
        quantile: How many standard errors chance allows, as `tails.quantile` has it.

    Returns:
        None where the denominator cannot be told from zero, so that no bounded interval exists.

    Source: Fieller, "Some problems in interval estimation", Journal of the Royal Statistical Society B 16, 1954.
    """
    variance, denominator_variance = variances
    squared = quantile * quantile
    leading = denominator * denominator - squared * denominator_variance
    if not leading > 0.0:
        return None
    middle = numerator * denominator - squared * covariance
    inner = (
        denominator * denominator * variance
        - 2.0 * numerator * denominator * covariance
        + numerator * numerator * denominator_variance
        - squared * (variance * denominator_variance - covariance * covariance)
    )
    half = quantile * math.sqrt(max(0.0, inner))
    return (middle - half) / leading, (middle + half) / leading


def delta(
    numerator: float, denominator: float, variances: tuple[float, float], covariance: float, quantile: float
) -> Interval | None:
    """The same from the ratio's first-order variance, symmetric about it: for a denominator many errors from zero.

    Returns:
        None where the denominator is zero.
    """
    if not denominator:
        return None
    ratio = numerator / denominator
    variance = variances[0] - 2.0 * ratio * covariance + ratio * ratio * variances[1]
    half = quantile * math.sqrt(max(0.0, variance)) / abs(denominator)
    return ratio - half, ratio + half
