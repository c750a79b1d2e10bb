"""Ratios, and means less what covariates explain, compared whenever one looks.

Both are, in the limit, means of something that one unit has: a ratio's residual numerator - ratio x denominator over
the mean denominator, a value less what the covariates explain of it. So the difference of two has a confidence sequence
as that of two means has, with the variance of the delta method. It is one in the limit, and looks before LEAST units of
each arm are none.

Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic confidence
sequences", Annals of Statistics 52, 2024, whose theorem is for estimators that are such means in the limit.
"""

from collections.abc import Sequence

from bandit.statistics import covariates as adjustments
from bandit.statistics.comparison import Comparison, Refused
from bandit.statistics.confidence_sequences import PLANNED, compared, limits
from bandit.statistics.covariates import AdjustedComparison
from bandit.statistics.joint import JointSample
from bandit.statistics.ratio import Measure, estimate

LEAST = 100.0
"""Units of each arm before the first look."""
DISTANCE = 5.0
"""Standard errors by which a mean denominator must lie from zero."""


def delta(
    treatment: JointSample,
    control: JointSample,
    numerator: str,
    denominator: str,
    *,
    alpha: float = 0.05,
    planned: float = PLANNED,
) -> Comparison:
    """The difference of two ratios of totals, of units that were split with constant probabilities.

    Args:
        treatment: Its units so far, with both columns.
        control: Likewise.
        numerator: A column.
        denominator: Another.
        alpha: The probability that any of the intervals ever misses the effect.
        planned: Units of both together at which the interval is to be the tightest; fixed in advance.

    Raises:
        ValueError: An argument is out of its range, or there is no such column.
        Refused: The limit is far: an arm has fewer than LEAST units, or a mean denominator that lies less than DISTANCE
            standard errors from zero, or neither ratio varies.
    """
    method, arms = "delta_sequence", (treatment, control)
    _check(method, arms)
    for arm in arms:
        below = arm.sample(denominator)
        if below.mean**2 * below.count < DISTANCE**2 * below.variance:
            reason = f"the mean of {denominator} lies less than {DISTANCE:g} standard errors from zero"
            raise Refused(method, reason, "it with more units")
    ratios = [estimate(method, arm, (numerator, denominator)) for arm in arms]
    return compared(method, *ratios, units=treatment.count + control.count, alpha=alpha, planned=planned)


def cuped(
    treatment: JointSample,
    control: JointSample,
    measure: str,
    covariates: Sequence[Measure],
    *,
    alpha: float = 0.05,
    planned: float = PLANNED,
) -> AdjustedComparison:
    """The difference of two means less what covariates explain of it, of a split with constant probabilities.

    Args:
        treatment: Its units so far, with all columns.
        control: Likewise.
        measure: The column that is compared.
        covariates: See `covariates.cuped`.
        alpha: The probability that any of the intervals ever misses the effect.
        planned: Units of both together at which the interval is to be the tightest; fixed in advance.

    Raises:
        ValueError: An argument is out of its range, or there is no such column.
        Refused: The limit is far: an arm has fewer than LEAST units, or one of the reasons of `covariates.cuped` and
            of `confidence_sequences.compare`.
    """
    method, arms = "cuped_sequence", (treatment, control)
    _check(method, arms)
    warnings = limits(method, treatment.sample(measure), control.sample(measure))
    found = adjustments.adjust(method, arms, measure, covariates)
    units = treatment.count + control.count
    warnings += found.warnings
    return found.of(compared(method, *found.adjusted, units=units, alpha=alpha, planned=planned, warnings=warnings))


def _check(method: str, arms: Sequence[JointSample]) -> None:
    least = min(arm.count for arm in arms)
    if least < LEAST:
        raise Refused(method, f"the smaller arm has {least:g} units, fewer than {LEAST:g}", "it once there are more")
