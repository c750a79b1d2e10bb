"""CUPED: less variance by what was known of the units before the experiment."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from bandit.statistics.comparison import Alternative, Comparison, Refused
from bandit.statistics.estimate import Estimate, compared
from bandit.statistics.joint import Array, JointSample
from bandit.statistics.ratio import Measure, estimate, gradient, value

IMBALANCE = 0.001
"""A p-value under which a covariate differs between the arms by more than chance."""
UNITS_PER_COVARIATE = 10.0
"""With fewer the variance would be understated much: the coefficients are fitted to the same units."""
ROUNDING = 1e-12
"""The share of a variance that may be left of none."""


@dataclass(frozen=True, slots=True)
class AdjustedComparison(Comparison):
    """A comparison that used what was known before.

    Attributes:
        variance_reduction: The share of the effect's variance that the adjustment took away; below 0 where it added.
        coefficients: What was taken off for each unit of each covariate; none for strata.
    """

    variance_reduction: float = 0.0
    coefficients: tuple[float, ...] = ()


def cuped(
    treatment: JointSample,
    control: JointSample,
    measure: Measure,
    covariates: Sequence[Measure],
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
) -> AdjustedComparison:
    """The difference of two means, or ratios, less what chance differences of covariates explain of it.

    Both arms have the same coefficients, from all units together. What is estimated stays the same if the covariates
    are from before the experiment, which the data can contradict (a warning then says so) and never show. The
    coefficients are taken as known: with n units in all, each covariate understates the variance by about 1 part in n.

    Args:
        treatment: Its units, with all columns.
        control: Likewise.
        measure: What is compared: a column, or a numerator and a denominator.
        covariates: Each a column, or a numerator and a denominator. One that does not vary does nothing.
        alpha: One less the level of the intervals.
        alternative: Which side.

    Raises:
        ValueError: See `tails.check`; or there is no covariate, or no such column.
        Refused: An arm has fewer than two units, or both fewer than 10 for each covariate, or a mean denominator is
            zero, or the covariates explain everything.

    Source: Deng, Xu, Kohavi and Walker, "Improving the sensitivity of online controlled experiments by utilizing
    pre-experiment data", WSDM 2013; ratios as in Deng, Knoblich and Lu, KDD 2018.
    """
    found = adjust("cuped", (treatment, control), measure, covariates)
    comparison = compared("cuped", *found.adjusted, alpha=alpha, alternative=alternative, warnings=found.warnings)
    return found.of(comparison)


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Estimates of two arms before and after covariates were taken into account.

    Attributes:
        plain: Without them.
        adjusted: With them.
        coefficients: What was taken off for each unit of each covariate.
        warnings: What to tell the reader.
    """

    plain: tuple[Estimate, Estimate]
    adjusted: tuple[Estimate, Estimate]
    coefficients: tuple[float, ...]
    warnings: tuple[str, ...]

    def of(self, comparison: Comparison) -> AdjustedComparison:
        """A comparison of the adjusted estimates, beside what it gained."""
        return with_reduction(comparison, self.adjusted, self.plain, self.coefficients)


def adjust(
    method: str, arms: tuple[JointSample, JointSample], measure: Measure, covariates: Sequence[Measure]
) -> Adjustment:
    """The estimates of a treatment and a control less what the covariates explain; see `cuped`.

    Raises:
        ValueError: There is no covariate, or no such column.
        Refused: See `cuped`.
    """
    if not covariates:
        raise ValueError("covariates: none given, must be one or more")
    first, second = (estimate(method, arm, measure) for arm in arms)
    total = arms[0] + arms[1]
    if total.count < UNITS_PER_COVARIATE * len(covariates):
        raise Refused(method, f"there are fewer than {UNITS_PER_COVARIATE:g} units for each covariate", "welch")
    warnings = tuple(
        f"{_name(covariate)} differs between the arms by more than chance: is it from before the experiment?"
        for covariate in covariates
        if _differs([estimate(method, arm, covariate) for arm in arms])
    )
    coefficients = _coefficients(total, measure, covariates)
    treatment, control = (_adjusted(arm, total, measure, covariates, coefficients) for arm in arms)
    return Adjustment((first, second), (treatment, control), tuple(coefficients.tolist()), warnings)


def with_reduction(
    comparison: Comparison,
    adjusted: Sequence[Estimate],
    plain: Sequence[Estimate],
    coefficients: tuple[float, ...] = (),
) -> AdjustedComparison:
    """A comparison beside what it gained on the plain one."""
    before, after = (sum(arm.variance for arm in estimates) for estimates in (plain, adjusted))
    known = {field.name: getattr(comparison, field.name) for field in fields(Comparison)}
    return AdjustedComparison(
        **known, variance_reduction=1.0 - after / before if before else 0.0, coefficients=coefficients
    )


def _coefficients(total: JointSample, measure: Measure, covariates: Sequence[Measure]) -> Array:
    slopes = np.array([gradient(total, covariate) for covariate in covariates])
    covariance = slopes @ total.covariance @ slopes.T
    # In units of their own spread, so that a covariate of large numbers does not drown another.
    spread = np.sqrt(covariance.diagonal())
    spread[spread == 0.0] = 1.0
    inverse = np.linalg.pinv(covariance / np.outer(spread, spread), rcond=1e-10, hermitian=True)
    coefficients: Array = inverse @ (slopes @ total.covariance @ gradient(total, measure) / spread) / spread
    return coefficients


def _adjusted(
    arm: JointSample, total: JointSample, measure: Measure, covariates: Sequence[Measure], coefficients: Array
) -> Estimate:
    adjusted, slope = value(arm, measure), gradient(arm, measure)
    before = float(slope @ arm.covariance @ slope)
    for covariate, coefficient in zip(covariates, coefficients, strict=True):
        adjusted -= coefficient * (value(arm, covariate) - value(total, covariate))
        slope = slope - coefficient * gradient(arm, covariate)
    variance = float(slope @ arm.covariance @ slope)
    return Estimate(float(adjusted), variance / arm.count if variance > ROUNDING * before else 0.0, arm.count - 1.0)


def _differs(estimates: Sequence[Estimate]) -> bool:
    if not sum(estimate.variance for estimate in estimates):
        return estimates[0].value != estimates[1].value
    p = compared("balance", *estimates, alpha=IMBALANCE, alternative="two-sided").p_value
    return p is not None and p < IMBALANCE


def _name(measure: Measure) -> str:
    return measure if isinstance(measure, str) else " / ".join(measure)
