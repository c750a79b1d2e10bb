"""Ratios on data that a bandit collected: one number for each trial whose mean is, in the limit, an arm's ratio.

The ratio R of an arm is its mean numerator over its mean denominator D. A trial's

    u = R + (numerator - R denominator) / D

has the mean R. With R and D estimated by the weighted scores that `aipw` compares, the estimate of the mean of u is the
ratio of the estimates to first order, and what the estimates of R and D are off by enters as a product of two errors
that vanish. So every method for means of values without bounds, of data whose weights moved, is one for ratios: in the
limit, where denominators lie far from zero.

Source: Deng, Knoblich and Lu, "Applying the delta method in metric analytics", KDD 2018, for the linear form; see
`pair` for the scores. To take the ones of the other is ours; `multiarm simulate validity` shows what that is worth.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bandit.statistics import aipw, design_based
from bandit.statistics.comparison import Comparison, Refused
from bandit.statistics.epochs import Epochs
from bandit.statistics.estimate_sequences import DISTANCE
from bandit.statistics.pair import pair
from bandit.statistics.weighted_scores import weighted
from policies.kernel import Array


@dataclass(frozen=True, slots=True)
class RatioEpochs:
    """Sums of a numerator and a denominator by epoch and arm, of the shape of those of `Epochs`.

    Attributes:
        trials: Those that have either; what a trial does not have counts as 0.
        above: Sums of the numerator.
        below: Sums of the denominator.
        above_squares: Of the squares of the numerator.
        below_squares: Of the squares of the denominator.
        products: Of the products of both.
        probabilities: See `Epochs`.
        floor: See `Epochs`.
    """

    trials: Array
    above: Array
    below: Array
    above_squares: Array
    below_squares: Array
    products: Array
    probabilities: Array
    floor: float


@dataclass(frozen=True, slots=True)
class Linear:
    """The epochs of u, of two arms; see the module.

    Attributes:
        epochs: Their origin is the control's ratio, for one experiment.
        distance: Standard errors by which the nearer mean denominator lies from zero, shape (...).
    """

    epochs: Epochs
    distance: Array


def linear(method: str, data: RatioEpochs, treatment: int, control: int) -> Linear:
    """What is compared in the place of ratios.

    Args:
        method: Who asks, for the message.
        data: What was collected; leading axes are repetitions.
        treatment: Its place among the arms.
        control: Its place.

    Raises:
        ValueError: The places are no two arms.
        Refused: There is no epoch in which both could be drawn.
    """
    parts = (data.above, data.above_squares), (data.below, data.below_squares)
    above, below = (
        weighted(pair(method, Epochs(data.trials, sums, squares, data.probabilities, data.floor), treatment, control))
        for sums, squares in parts
    )
    means = below.values
    own, _ = below.covariance(below.pair.means, below.pair.variance[..., None])
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.where(means != 0.0, np.abs(means) / np.sqrt(own), 0.0).min(axis=-1)
    means = np.where(means != 0.0, means, 1.0)
    ratios = above.values / means
    totals, squares = np.zeros_like(data.trials), np.zeros_like(data.trials)
    origin = float(ratios[1]) if ratios.ndim == 1 else 0.0
    for place, arm in enumerate((treatment, control)):
        ratio, mean = ratios[..., place, None], means[..., place, None]
        wrong = (data.above[..., arm] - ratio * data.below[..., arm]) / mean
        spread = data.above_squares[..., arm] - ratio * (
            2.0 * data.products[..., arm] - ratio * data.below_squares[..., arm]
        )
        shift = ratio - origin
        totals[..., arm] = wrong + shift * data.trials[..., arm]
        squares[..., arm] = np.maximum(spread, 0.0) / mean**2 + shift * (2.0 * wrong + shift * data.trials[..., arm])
    squares = np.maximum(squares, 0.0)
    return Linear(Epochs(data.trials, totals, squares, data.probabilities, data.floor, None, origin), distance)


def compare(data: RatioEpochs, treatment: int, control: int, *, alpha: float = 0.05) -> Comparison:
    """The difference of two ratios, tested once: `aipw.compare` of u.

    Raises:
        Refused: See `linear` and `aipw.compare`.
        ValueError: An argument is out of its range.
    """
    return _named("delta_aipw", aipw.compare, data, treatment, control, alpha)


def at_any_look(data: RatioEpochs, treatment: int, control: int, *, alpha: float = 0.05) -> Comparison:
    """The difference of two ratios whenever one looks: `design_based.compare` of u.

    As u is of what is known now, so is the p-value; that of an earlier look may have been less, and holds too.

    Raises:
        Refused: See `linear` and `design_based.compare`.
        ValueError: An argument is out of its range.
    """
    found = _named("delta_design_based", design_based.compare, data, treatment, control, alpha)
    return replace(found, p_value=math.exp(-max(0.0, found.statistic or 0.0)))


def _named(
    method: str, run: Callable[..., Comparison], data: RatioEpochs, treatment: int, control: int, alpha: float
) -> Comparison:
    found = linear(method, data, treatment, control)
    if not found.distance >= DISTANCE:
        reason = f"a mean denominator lies less than {DISTANCE:g} standard errors from zero"
        raise Refused(method, reason, "it with more trials")
    try:
        return replace(run(found.epochs, treatment, control, alpha=alpha), method=method)
    except Refused as refusal:
        # What it advises is for means: there is no exact method for ratios.
        raise Refused(method, refusal.reason, "it with more trials, or its two metrics alone") from refusal
