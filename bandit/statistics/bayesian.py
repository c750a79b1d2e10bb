"""A Bayesian report of an experiment: what is believed of every variant, and of a treatment against the control.

Its statements hold given the prior, at any time, by whatever rule the units were assigned and the data looked at. They
are no tests: of many experiments without any difference, far more than 5% have some variant whose probability of being
the best passes .95 at some time (`confidence_sequences` keeps to 5%).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bandit.statistics.comparison import Comparison, Refused
from bandit.statistics.contrast import Contrast
from bandit.statistics.credible import equal_tailed, highest_density
from bandit.statistics.posterior import Posterior
from bandit.statistics.ranking import Goal, best, expected_losses
from bandit.statistics.tails import Interval, check

METHOD = "bayesian"


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of one variant.

    Attributes:
        mean: The posterior mean; None where it does not exist.
        interval: The equal-tailed credible interval.
        shortest: The interval of highest density.
        p_best: The probability that its mean is the best.
        p_beats_control: The probability that its mean is better than the control's; None for the control itself.
        expected_loss: What is given up on average by choosing it, in the metric's unit; None where it is infinite.
    """

    mean: float | None
    interval: Interval
    shortest: Interval
    p_best: float
    p_beats_control: float | None
    expected_loss: float | None


def beliefs(
    posteriors: Sequence[Posterior], control: int = 0, goal: Goal = "increase", alpha: float = 0.05
) -> list[Belief]:
    """What is believed of every variant.

    Args:
        posteriors: One a variant, all of one family (see `conjugate`), independent of each other.
        control: The index of the control.
        goal: Whether greater or lesser means are better.
        alpha: One less the probability of the intervals.

    Raises:
        ValueError: `alpha` does not lie between 0 and 1.
        TypeError: The posteriors are not of one family.
    """
    shares = best(posteriors, goal)
    losses = expected_losses(posteriors, goal)
    return [
        Belief(
            mean=None if math.isnan(posterior.mean) else posterior.mean,
            interval=equal_tailed(posterior, alpha),
            shortest=highest_density(posterior, alpha),
            p_best=float(shares[arm]),
            p_beats_control=None if arm == control else float(best([posterior, posteriors[control]], goal)[0]),
            expected_loss=losses[arm],
        )
        for arm, posterior in enumerate(posteriors)
    ]


def compare(treatment: Posterior, control: Posterior, *, alpha: float = 0.05) -> Comparison:
    """The posterior of the difference and of the relative lift, with equal-tailed intervals; there is no p-value.

    Args:
        treatment: What is believed of the treatment's mean.
        control: What is believed of the control's.
        alpha: One less the probability of the intervals.

    Raises:
        Refused: A posterior has no mean.
        ValueError: `alpha` does not lie between 0 and 1.
        TypeError: The posteriors are not of one family.
    """
    check(alpha)
    contrast = Contrast(treatment, control)
    if math.isnan(contrast.mean):
        raise Refused(METHOD, "a posterior with one degree of freedom has no mean", "3 values of each variant or more")
    lift = contrast.lift_interval(alpha)
    return Comparison(
        method=METHOD,
        effect=contrast.mean,
        interval=contrast.difference_interval(alpha),
        p_value=None,
        relative_effect=contrast.mean / control.mean if control.mean else None,
        relative_interval=lift,
    )
