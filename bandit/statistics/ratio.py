"""Ratio metrics: one total over another, such as clicks per page view, where the units are users."""

import dataclasses

import numpy as np

from bandit.statistics import mover, relative
from bandit.statistics.comparison import Alternative, Comparison, Refused
from bandit.statistics.estimate import Estimate, compared
from bandit.statistics.joint import Array, JointSample
from bandit.statistics.tails import Interval, one_sided, quantile

Measure = str | tuple[str, str]
"""The mean of a column, or the ratio of the totals of two: numerator and denominator."""


def delta(
    treatment: JointSample,
    control: JointSample,
    numerator: str,
    denominator: str,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
) -> Comparison:
    """Ratios of totals, with the first-order variance of each: the delta method.

    What happens within a unit may be dependent; units are not. It holds for many units, whose mean denominator lies
    many standard errors from zero.

    Args:
        treatment: Its units, with both columns.
        control: Likewise.
        numerator: A column.
        denominator: Another.
        alpha: One less the level of the intervals.
        alternative: Which side.

    Raises:
        ValueError: See `tails.check`; or there is no such column.
        Refused: An arm has fewer than two units or a mean denominator of zero, or neither ratio varies.

    Source: Deng, Knoblich and Lu, "Applying the delta method in metric analytics", KDD 2018.
    """
    estimates = [estimate("ratio_delta", arm, (numerator, denominator)) for arm in (treatment, control)]
    return compared("ratio_delta", estimates[0], estimates[1], alpha=alpha, alternative=alternative)


def fieller(
    treatment: JointSample,
    control: JointSample,
    numerator: str,
    denominator: str,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
) -> Comparison:
    """The same difference, its interval put together from Fieller's of each arm, which need not be symmetric.

    For denominators that vary so much that the delta method's interval is off. It has no p-value.

    Raises:
        ValueError: See `tails.check`; or there is no such column.
        Refused: As for `delta`; or an arm's mean denominator cannot be told from zero.
    """
    comparison = delta(treatment, control, numerator, denominator, alpha=alpha, alternative=alternative)
    sided = alpha if alternative == "two-sided" else 2.0 * alpha
    ends = [interval(arm, numerator, denominator, alpha=sided) for arm in (treatment, control)]
    ratios = [value(arm, (numerator, denominator)) for arm in (treatment, control)]
    between = one_sided(mover.difference((ratios[0], ratios[1]), (ends[0], ends[1])), alternative)
    return dataclasses.replace(comparison, method="ratio_fieller", interval=between, p_value=None, statistic=None)


def interval(
    arm: JointSample,
    numerator: str,
    denominator: str,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
) -> Interval:
    """Fieller's interval for the ratio of one arm.

    Raises:
        ValueError: See `tails.check`; or there is no such column.
        Refused: There are fewer than two units, or the mean denominator cannot be told from zero.
    """
    _need_two("ratio_fieller", arm)
    i, j = arm.position(numerator), arm.position(denominator)
    covariance = arm.covariance / arm.count
    ends = relative.fieller(
        float(arm.mean[i]),
        float(arm.mean[j]),
        (float(covariance[i, i]), float(covariance[j, j])),
        float(covariance[i, j]),
        quantile(alpha, alternative, arm.count - 1.0),
    )
    if ends is None:
        raise Refused("ratio_fieller", f"the mean of {denominator} cannot be told from zero", "it with more units")
    return one_sided(ends, alternative)


def estimate(method: str, arm: JointSample, measure: Measure) -> Estimate:
    """A measure of an arm, with its first-order variance.

    Raises:
        ValueError: There is no such column.
        Refused: There are fewer than two units, or the mean denominator is zero.
    """
    _need_two(method, arm)
    if not isinstance(measure, str) and not arm.mean[arm.position(measure[1])]:
        raise Refused(method, f"the mean of {measure[1]} is zero", f"another denominator than {measure[1]}")
    slope = gradient(arm, measure)
    return Estimate(value(arm, measure), float(slope @ arm.covariance @ slope) / arm.count, arm.count - 1.0)


def value(arm: JointSample, measure: Measure) -> float:
    """A measure of an arm; a ratio's denominator must not be zero."""
    if isinstance(measure, str):
        return float(arm.mean[arm.position(measure)])
    return float(arm.mean[arm.position(measure[0])] / arm.mean[arm.position(measure[1])])


def gradient(arm: JointSample, measure: Measure) -> Array:
    """How much a measure of an arm rises with the mean of each column."""
    slope = np.zeros(len(arm.names))
    if isinstance(measure, str):
        slope[arm.position(measure)] = 1.0
    else:
        denominator = arm.position(measure[1])
        slope[arm.position(measure[0])] = 1.0 / arm.mean[denominator]
        slope[denominator] -= value(arm, measure) / arm.mean[denominator]
    return slope


def _need_two(method: str, arm: JointSample) -> None:
    if not arm.count >= 2.0:
        raise Refused(method, f"a variance needs two units in each arm, one has {arm.count:g}", "it once there are")
