"""A treatment against a control on data that a bandit collected, looked at as often as one likes, by a normal limit.

The difference of the scores (see `pair`), weighted in each epoch by something that was decided before it, is a
martingale whatever the bandit did. A normal mixture bounds it at all times at once (see `confidence_sequences`, whose
formula this is). It is *design-based*: what is random is the draw of the arms by known probabilities, and values may be
anything, also follow a trend.

The weights `information` are large where both arms were drawn, and the variance is that of the values, through the
probabilities. With `uniform` weights the effect is that of all trials alike, also where it varies, and the variance is
that of the scores, as published; the few wild scores of an arm at its floor decide then, and early looks err more.

For values without bounds there is nothing better; where there are bounds, `wagers` is exact and about as sharp.

Source: Ham, Bojinov, Lindon and Tingley, "Design-based confidence sequences: a general approach to risk mitigation in
online experimentation", 2022; Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and
asymptotic confidence sequences", Annals of Statistics 52, 2024. Weighting by information is ours.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bandit.statistics import confidence_sequences
from bandit.statistics.comparison import Comparison, Refused
from bandit.statistics.confidence_sequences import PLANNED
from bandit.statistics.epochs import Epochs
from bandit.statistics.pair import Pair, pair
from bandit.statistics.tails import check as check_arguments
from policies.kernel import Array

Weights = Literal["information", "uniform"]

METHOD = "design_based"
EVENTS = 20.0
"""Successes, and failures, that an arm at its floor must expect before the first look, as in `confidence_sequences`."""
VALUES = 50.0
"""The same for values that are not 0 or 1: trials."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """The weighted scores after each epoch, all of shape (..., epochs).

    Attributes:
        total: Weighted sum of the differences of the scores.
        weight: Sum of the weights over trials, so that the effect is `total / weight`.
        variance: Of `total`, as estimated then, in units of the variance of a value.
        deviation: Of a value, as estimated then.
        usable: Whether enough was expected of an arm at its floor by then.
    """

    total: Array
    weight: Array
    variance: Array
    deviation: Array
    usable: NDArray[np.bool_]

    def log_evidence(self, effect: float, rho: float) -> Array:
        """The logarithm of the likelihood ratio against an effect after each epoch; 0 before the first look."""
        with np.errstate(divide="ignore", invalid="ignore"):
            standardised = (self.total - effect * self.weight) / self.deviation
        found = 0.5 * (standardised**2 / (self.variance + rho) - np.log1p(self.variance / rho))
        return np.where(self.usable & (self.deviation > 0.0), found, 0.0)

    def half(self, rho: float, alpha: float) -> Array:
        """Half the width of the interval after each epoch; infinite before the first look."""
        evidence = np.log1p(self.variance / rho) - 2.0 * np.log(alpha)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = self.deviation * np.sqrt((self.variance + rho) * evidence) / self.weight
        return np.where(self.usable & (self.deviation > 0.0), found, np.inf)


def sequence(pair: Pair, weights: Weights = "information", *, checked: bool = True) -> Sequence:
    """The weighted scores after each epoch.

    Args:
        pair: The data.
        weights: See the module.
        checked: Whether epochs before enough is expected of an arm at its floor are not looked at.
    """
    rate = np.cumsum(pair.totals.sum(axis=-1), axis=-1) / np.maximum(np.cumsum(pair.trials.sum(axis=-1), axis=-1), 1.0)
    expected = pair.floor * np.cumsum(pair.sizes, axis=-1)
    expected = expected * np.minimum(rate, 1.0 - rate) if pair.binary else expected
    usable = expected >= (EVENTS if pair.binary else VALUES) if checked else np.ones(expected.shape, bool)
    difference = pair.scores[..., 0] - pair.scores[..., 1]
    if weights == "uniform":
        number, total = np.cumsum(pair.sizes, axis=-1), np.cumsum(difference, axis=-1)
        mean = total / np.maximum(number, 1.0)
        spread = np.cumsum(pair.squared_differences, axis=-1) / np.maximum(number, 1.0) - mean * mean
        return Sequence(total, number, number, np.sqrt(np.maximum(spread, 0.0)), usable)
    unit = pair.information
    pooled, added = _variance(pair, pair.sizes * unit * unit)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.where(pooled > 0.0, added / pooled, 0.0)
    total, weight = np.cumsum(unit * difference, axis=-1), np.cumsum(unit * pair.sizes, axis=-1)
    return Sequence(total, weight, variance, np.sqrt(pooled), usable)


def _variance(pair: Pair, share: Array) -> tuple[Array, Array]:
    """The variance of a value, and that of the sum of scores times the root of `share`, as estimated at each look."""
    number, totals = np.cumsum(pair.trials, axis=-2), np.cumsum(pair.totals, axis=-2)
    means = totals / np.maximum(number, 1.0)
    within = np.maximum(np.cumsum(pair.squares, axis=-2) - totals * means, 0.0)
    pooled = within.sum(axis=-1) / np.maximum(number.sum(axis=-1) - 2.0, 1.0)
    own = np.where(number > 1.0, within / np.maximum(number - 1.0, 1.0), pooled[..., None])
    found = (own * np.cumsum(share[..., None] / pair.probabilities, axis=-2)).sum(axis=-1)
    # What wrong predictions add is a quadratic function of the means as they are known at that look.
    (first, last), (mean, other) = (np.moveaxis(array, -1, 0) for array in (pair.predictions, means))
    for arm, arm_mean in ((0, mean), (1, other)):
        odds = share * (1.0 / pair.probabilities[..., arm] - 1.0)
        found = found + _product(odds, pair.predictions[..., arm], arm_mean, pair.predictions[..., arm], arm_mean)
    return pooled, found + 2.0 * _product(share, first, mean, last, other)


def _product(share: Array, prediction: Array, mean: Array, other: Array, other_mean: Array) -> Array:
    """Sum over the epochs so far of share (prediction - mean) (other - other_mean), for the means of each moment."""
    found: Array = np.cumsum(share * prediction * other, axis=-1)
    found = found - other_mean * np.cumsum(share * prediction, axis=-1) - mean * np.cumsum(share * other, axis=-1)
    return found + mean * other_mean * np.cumsum(share, axis=-1)


def mixture(pair: Pair, planned: float, alpha: float, weights: Weights = "information") -> float:
    """The rho with which the interval is about the tightest after `planned` trials, fixed by the design alone.

    For `information` half of it is assumed to be that of an even split, and half that of an arm at its floor.
    """
    middle = 0.5 * (0.5 / pair.arms + pair.least_information) if weights == "information" else 1.0
    return confidence_sequences.best_rho(planned * middle, alpha)


def compare(
    epochs: Epochs,
    treatment: int,
    control: int,
    *,
    alpha: float = 0.05,
    planned: float = PLANNED,
    weights: Weights = "information",
) -> Comparison:
    """The difference of two arms' means, with an interval and a p-value that are valid whenever one looks.

    The interval is that of this look, the p-value the least so far.

    Args:
        epochs: What was collected so far; any number of epochs of any size.
        treatment: Its place among the arms.
        control: Its place.
        alpha: The probability that any of the intervals ever misses the effect.
        planned: Trials of all arms at which the interval is to be the tightest; fixed in advance.
        weights: See the module.

    Raises:
        Refused: There is no floor, or too little is expected of an arm at its floor, or the values do not vary.
        ValueError: An argument is out of its range.
    """
    check(pair(METHOD, epochs, treatment, control))
    return _compared(epochs, treatment, control, alpha, planned, weights, checked=True)


def check(pair: Pair) -> None:
    """Refuses data for which the limit is far.

    Raises:
        Refused: They are.
    """
    if not pair.floor > 0.0:
        raise Refused(METHOD, "without a floor an arm's probability can fall to 0", "rerandomisation, or set a floor")
    expected, least = float(pair.expected.min()), EVENTS if pair.binary else VALUES
    if expected < least:
        what = "successes or failures" if pair.binary else "trials"
        reason = f"an arm at the floor of {pair.floor:g} expects {expected:.3g} {what} by now, fewer than {least:g}"
        raise Refused(METHOD, reason, "wagers, which is exact for any number" if pair.bounds else "more trials")


def unchecked(
    epochs: Epochs,
    treatment: int,
    control: int,
    *,
    alpha: float = 0.05,
    planned: float = PLANNED,
    weights: Weights = "information",
) -> Comparison:
    """As `compare`, also where that would refuse, and with looks from the first epoch on.

    Raises:
        Refused: The values do not vary.
        ValueError: An argument is out of its range.
    """
    return _compared(epochs, treatment, control, alpha, planned, weights, checked=False)


def _compared(
    epochs: Epochs, treatment: int, control: int, alpha: float, planned: float, weights: Weights, *, checked: bool
) -> Comparison:
    check_arguments(alpha)
    chosen = pair(METHOD, epochs, treatment, control)
    found = sequence(chosen, weights, checked=checked)
    rho = mixture(chosen, planned, alpha, weights)
    if not found.deviation[-1] > 0.0:
        raise Refused(METHOD, "the values of neither arm vary", "more trials")
    effect, half = float(found.total[-1] / found.weight[-1]), float(found.half(rho, alpha)[-1])
    evidence = found.log_evidence(0.0, rho)
    return Comparison(
        method=METHOD,
        effect=effect,
        interval=(effect - half, effect + half),
        p_value=float(np.exp(-max(0.0, evidence.max()))),
        statistic=float(evidence[-1]),
    )
