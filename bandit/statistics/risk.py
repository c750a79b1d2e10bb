"""Difference and ratio of two proportions by the classical closed formulas; `score` has the iterative ones."""

import math

from bandit.statistics import mover
from bandit.statistics.comparison import Alternative, Refused
from bandit.statistics.proportion import Proportion, wilson
from bandit.statistics.tails import Interval, around, one_sided, quantile


def wald(
    treatment: Proportion, control: Proportion, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Interval:
    """The normal interval for the difference of two rates; both need trials.

    It covers too little where few successes or few failures are expected, and has no width where there are none.

    Raises:
        ValueError: See `tails.check`.
    """
    return around(treatment.rate - control.rate, standard_error(treatment, control), alpha, alternative)


def standard_error(treatment: Proportion, control: Proportion) -> float:
    """Of the difference of two rates, each with its own variance."""
    return math.hypot(*(math.sqrt(arm.rate * (arm.failures / arm.trials) / arm.trials) for arm in (treatment, control)))


def newcombe(
    treatment: Proportion, control: Proportion, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Interval:
    """The difference of two rates, its interval put together from Wilson's of each; both need trials.

    The one to use unless there is a reason for another: close to what it says at nearly any size and rate.

    Raises:
        ValueError: See `tails.check`.

    Source: Newcombe, "Interval estimation for the difference between independent proportions: comparison of eleven
    methods", Statistics in Medicine 17, 1998, method 10.
    """
    # Wilson's ends, each at the level of its side.
    sided = alpha if alternative == "two-sided" else 2.0 * alpha
    ends = [wilson(arm, alpha=sided) for arm in (treatment, control)]
    return one_sided(mover.difference((treatment.rate, control.rate), (ends[0], ends[1])), alternative)


def log_ratio(
    treatment: Proportion, control: Proportion, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Interval:
    """The relative risk, normal in its logarithm: for some successes and some failures in each arm.

    Where every trial succeeds it has no width; `score.ratio` has.

    Raises:
        ValueError: See `tails.check`.
        Refused: One of the arms has no successes.

    Source: Katz, Baptista, Azen and Pike, "Obtaining confidence intervals for the risk ratio in cohort studies",
    Biometrics 34, 1978.
    """
    if not treatment.successes or not control.successes:
        raise Refused("log_ratio", "a rate of zero has no logarithm", "score.ratio")
    variance = sum(arm.failures / arm.trials / arm.successes for arm in (treatment, control))
    centre, half = math.log(treatment.rate / control.rate), quantile(alpha, alternative) * math.sqrt(variance)
    return one_sided((math.exp(centre - half), math.exp(centre + half)), alternative, 0.0)
