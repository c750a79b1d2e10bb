"""Tests of two proportions that hold for large numbers; `exact` has those for small ones."""

import math

from scipy.special import chdtrc

from bandit.statistics import risk, score
from bandit.statistics.comparison import Alternative, Comparison, Refused
from bandit.statistics.contingency import statistic_of
from bandit.statistics.proportion import Proportion
from bandit.statistics.tails import Interval, disagreement, one_sided, p_value

FEW = 5.0
"""Under so many expected successes or failures in an arm the normal approximation is rough (Cochran 1954)."""


def pooled_z(
    treatment: Proportion, control: Proportion, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Comparison:
    """The score test that two rates are equal, with the variance of the rate they would have in common.

    The interval is Newcombe's, the relative one Koopman's. With no success at all, or no failure, p is 1.

    Args:
        treatment: Its trials.
        control: Its trials.
        alpha: One less the level of the intervals.
        alternative: Which side.

    Returns:
        The difference of the rates; `relative_effect` is their ratio less 1.

    Raises:
        ValueError: See `tails.check`.
        Refused: An arm has no trials.
    """
    z = _pooled_statistic("pooled_z", treatment, control)
    return compared(
        "pooled_z", treatment, control, p_value(z, alternative), z, alpha, alternative, _few(treatment, control)
    )


def unpooled_z(
    treatment: Proportion, control: Proportion, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Comparison:
    """Wald's test that two rates are equal, each with its own variance, and Wald's interval.

    It rejects true hypotheses too often where few successes or failures are expected.

    Raises:
        ValueError: See `tails.check`.
        Refused: An arm has no trials, or each has only successes or only failures, so that no variance can be seen.
    """
    need_trials("unpooled_z", treatment, control)
    error = risk.standard_error(treatment, control)
    if not error:
        raise Refused("unpooled_z", "neither arm has both successes and failures", "boschloo or pooled_z")
    z = (treatment.rate - control.rate) / error
    interval = risk.wald(treatment, control, alpha=alpha, alternative=alternative)
    return compared(
        "unpooled_z",
        treatment,
        control,
        p_value(z, alternative),
        z,
        alpha,
        alternative,
        _few(treatment, control),
        interval,
    )


def chi_square(
    treatment: Proportion, control: Proportion, *, alpha: float = 0.05, continuity: bool = False
) -> Comparison:
    """Pearson's test that two rates are equal: the square of `pooled_z`, two-sided.

    Args:
        treatment: Its trials.
        control: Its trials.
        alpha: One less the level of the intervals.
        continuity: Move each count by up to 1/2 towards what was expected (Yates 1934), which makes the test
            conservative: close to `fisher`.

    Raises:
        ValueError: See `tails.check`.
        Refused: An arm has no trials.
    """
    return _of_table("chi_square", treatment, control, alpha, continuity=continuity)


def g(treatment: Proportion, control: Proportion, *, alpha: float = 0.05) -> Comparison:
    """The likelihood ratio test that two rates are equal, two-sided.

    Raises:
        ValueError: See `tails.check`.
        Refused: An arm has no trials.
    """
    return _of_table("g", treatment, control, alpha)


def compared(
    method: str,
    treatment: Proportion,
    control: Proportion,
    p: float,
    statistic: float | None,
    alpha: float,
    alternative: Alternative,
    warnings: tuple[str, ...] = (),
    interval: Interval | None = None,
) -> Comparison:
    """A test of two rates beside their difference and their ratio; the interval is Newcombe's unless it is given."""
    interval = interval or risk.newcombe(treatment, control, alpha=alpha, alternative=alternative)
    effect = treatment.rate - control.rate
    relative: Interval | None = None
    if control.successes:
        lower, upper = score.ratio(treatment, control, alpha=alpha, alternative=alternative)
        relative = one_sided((lower - 1.0, upper - 1.0), alternative)
    return Comparison(
        method=method,
        effect=effect,
        interval=interval,
        p_value=p,
        statistic=statistic,
        relative_effect=effect / control.rate if control.successes else None,
        relative_interval=relative,
        warnings=warnings + disagreement(p, interval, alpha),
    )


def need_trials(method: str, treatment: Proportion, control: Proportion) -> None:
    """Refuses an arm without trials."""
    for name, arm in (("treatment", treatment), ("control", control)):
        if not arm.trials:
            raise Refused(method, f"the {name} has no trials", "it once both arms have some")


def _pooled_statistic(method: str, treatment: Proportion, control: Proportion) -> float:
    need_trials(method, treatment, control)
    trials = treatment.trials + control.trials
    successes, failures = treatment.successes + control.successes, treatment.failures + control.failures
    variance = (successes / trials) * (failures / trials) * (1.0 / treatment.trials + 1.0 / control.trials)
    return (treatment.rate - control.rate) / math.sqrt(variance) if variance else 0.0


def _of_table(
    method: str, treatment: Proportion, control: Proportion, alpha: float, *, continuity: bool = False
) -> Comparison:
    need_trials(method, treatment, control)
    statistic = statistic_of([treatment, control], method, continuity=continuity)
    p = float(chdtrc(1.0, statistic))
    return compared(method, treatment, control, p, statistic, alpha, "two-sided", _few(treatment, control))


def _few(treatment: Proportion, control: Proportion) -> tuple[str, ...]:
    trials = treatment.trials + control.trials
    rarer = min(treatment.successes + control.successes, treatment.failures + control.failures)
    if rarer / trials * min(treatment.trials, control.trials) >= FEW:
        return ()
    return (f"fewer than {FEW:g} successes or failures are expected in an arm: boschloo or fisher is exact",)
