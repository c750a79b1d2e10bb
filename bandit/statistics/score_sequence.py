"""The weighted scores of a treatment and a control after each epoch, with their variance; see `design_based`."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bandit.statistics.pair import Pair
from policies.kernel import Array

Weights = Literal["information", "uniform"]

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
