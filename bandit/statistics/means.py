"""Means of two arms, from their samples."""

import math

from bandit.statistics.comparison import Alternative, Comparison, Refused
from bandit.statistics.estimate import Estimate, RelativeMethod, compared
from bandit.statistics.sample import Sample
from bandit.statistics.tails import Interval, around


def welch(
    treatment: Sample,
    control: Sample,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
    relative_by: RelativeMethod = "fieller",
) -> Comparison:
    """Welch's t test that two means are equal, whatever the variances.

    Nearly exact for normal values, and good for others where they are many: some hundreds an arm, or, with the skewness
    g, more than about 355 g^2 (Kohavi, Deng, Longbotham and Xu 2014).

    Args:
        treatment: Its values' size, mean and variance.
        control: Likewise.
        alpha: One less the level of the intervals.
        alternative: Which side.
        relative_by: `fieller`, which agrees with the test, or `delta`, symmetric.

    Raises:
        ValueError: See `tails.check`.
        Refused: An arm has fewer than two values, or the values of neither arm vary.

    Source: Welch, "The generalization of 'Student's' problem when several different population variances are
    involved", Biometrika 34, 1947.
    """
    need_two("welch", treatment, control)
    return compared(
        "welch", of_sample(treatment), of_sample(control), alpha=alpha, alternative=alternative, relative_by=relative_by
    )


def student(
    treatment: Sample,
    control: Sample,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
    relative_by: RelativeMethod = "fieller",
) -> Comparison:
    """Student's t test that two means are equal, if the variances are.

    Where they are not and the sizes differ, it rejects too often or too seldom: `welch` costs next to nothing more.

    Args:
        treatment: Its values' size, mean and variance.
        control: Likewise.
        alpha: One less the level of the intervals.
        alternative: Which side.
        relative_by: `fieller`, which agrees with the test, or `delta`, symmetric.

    Raises:
        ValueError: See `tails.check`.
        Refused: An arm has fewer than two values, or the values of neither arm vary.

    Source: Student, "The probable error of a mean", Biometrika 6, 1908.
    """
    need_two("student", treatment, control)
    degrees = treatment.count + control.count - 2.0
    pooled = pooled_variance(treatment, control)
    return compared(
        "student",
        Estimate(treatment.mean, pooled / treatment.count),
        Estimate(control.mean, pooled / control.count),
        alpha=alpha,
        alternative=alternative,
        degrees=degrees,
        relative_by=relative_by,
    )


def interval(sample: Sample, *, alpha: float = 0.05, alternative: Alternative = "two-sided") -> Interval:
    """Student's interval for one mean.

    Raises:
        ValueError: See `tails.check`.
        Refused: There are fewer than two values.
    """
    if sample.count < 2.0:
        raise Refused("interval", f"a variance needs two values, there are {sample.count:g}", "it once there are")
    return around(sample.mean, sample.standard_error, alpha, alternative, sample.count - 1.0)


def pooled_variance(treatment: Sample, control: Sample) -> float:
    """The variance that two arms would have in common; each needs two values."""
    degrees = (treatment.count - 1.0, control.count - 1.0)
    return (degrees[0] * treatment.variance + degrees[1] * control.variance) / math.fsum(degrees)


def of_sample(sample: Sample) -> Estimate:
    """The mean of an arm as an estimate; it needs two values."""
    return Estimate(sample.mean, sample.variance / sample.count, sample.count - 1.0)


def need_two(method: str, treatment: Sample, control: Sample) -> None:
    """Refuses an arm of fewer than two values."""
    for name, arm in (("treatment", treatment), ("control", control)):
        if not arm.count >= 2.0:
            raise Refused(method, f"a variance needs two values, the {name} has {arm.count:g}", "it once there are")
