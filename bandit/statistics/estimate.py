"""Two independent estimates with their variances, and what they say of the difference."""

import math
from dataclasses import dataclass
from typing import Literal

from bandit.statistics import relative
from bandit.statistics.comparison import Alternative, Comparison, Refused
from bandit.statistics.tails import Interval, around, one_sided, p_value, quantile

RelativeMethod = Literal["fieller", "delta"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate of an arm.

    Attributes:
        value: In the metric's unit.
        variance: Of the estimate, not of the values it was made from.
        degrees: Of freedom of that variance.
    """

    value: float
    variance: float
    degrees: float = math.inf


def compared(
    method: str,
    treatment: Estimate,
    control: Estimate,
    *,
    alpha: float,
    alternative: Alternative,
    degrees: float | None = None,
    relative_by: RelativeMethod = "fieller",
    warnings: tuple[str, ...] = (),
) -> Comparison:
    """The difference of two independent estimates, nearly normal, with its test and its intervals.

    The relative interval by Fieller excludes zero where, and only where, the test rejects.

    Args:
        method: The name for the answer.
        treatment: Its estimate.
        control: Its estimate.
        alpha: One less the level of the intervals.
        alternative: Which side.
        degrees: Of freedom; by default those of Welch and Satterthwaite.
        relative_by: How the relative interval is made.
        warnings: What to tell the reader.

    Raises:
        ValueError: See `tails.check`.
        Refused: Neither estimate has any variance.
    """
    variance = treatment.variance + control.variance
    if not variance > 0.0:
        raise Refused(method, "the values of neither arm vary", "a test for proportions, or wait for more units")
    error = math.sqrt(variance)
    effect = treatment.value - control.value
    degrees = satterthwaite(treatment, control) if degrees is None else degrees
    ratio_interval = _relative(treatment, control, quantile(alpha, alternative, degrees), alternative, relative_by)
    if ratio_interval is None and control.value:
        warnings += ("the control's value cannot be told from zero: the relative effect has no bounded interval",)
    return Comparison(
        method=method,
        effect=effect,
        interval=around(effect, error, alpha, alternative, degrees),
        p_value=p_value(effect / error, alternative, degrees),
        statistic=effect / error,
        relative_effect=effect / control.value if control.value else None,
        relative_interval=ratio_interval if control.value else None,
        warnings=warnings,
    )


def satterthwaite(*estimates: Estimate) -> float:
    """Degrees of freedom of a sum of independent variances.

    Source: Welch, "The generalization of 'Student's' problem when several different population variances are
    involved", Biometrika 34, 1947.
    """
    total = sum(estimate.variance for estimate in estimates)
    inverse = sum((estimate.variance / total) ** 2 / estimate.degrees for estimate in estimates if estimate.variance)
    return 1.0 / inverse if inverse else math.inf


def _relative(
    treatment: Estimate, control: Estimate, half: float, alternative: Alternative, method: RelativeMethod
) -> Interval | None:
    by = relative.fieller if method == "fieller" else relative.delta
    interval = by(treatment.value, control.value, (treatment.variance, control.variance), 0.0, half)
    if interval is None:
        return None
    # Above a control below zero, a greater value is a lesser share of it.
    opposite: dict[Alternative, Alternative] = {"greater": "less", "less": "greater", "two-sided": "two-sided"}
    side = alternative if control.value > 0.0 else opposite[alternative]
    return one_sided((interval[0] - 1.0, interval[1] - 1.0), side)
