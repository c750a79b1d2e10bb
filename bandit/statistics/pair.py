"""A treatment and a control out of data that were collected by epochs: scores, predictions, and what both have seen.

Every method for such data works with *augmented inverse propensity scores*. In an epoch a trial has for each arm the
score m + 1{arm drawn} (value - m) / e, where e is the arm's probability and m a prediction of its value that was made
before the epoch. Whatever m is, its expectation given the past is the arm's mean, also where the past chose e.

Source: Robins, Rotnitzky and Zhao, "Estimation of regression coefficients when some regressors are not always
observed", JASA 89, 1994; Hadad, Hirshberg, Zhan, Wager and Athey, "Confidence intervals for policy evaluation in
adaptive experiments", PNAS 118, 2021, for data collected by a bandit.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bandit.statistics.comparison import Refused
from bandit.statistics.epochs import Epochs
from policies.kernel import Array

SHRINKAGE = 10.0
"""Trials that the mean of both arms is worth in the prediction of one: a mean of two trials predicts worse."""


@dataclass(frozen=True)
class Pair:
    """The epochs in which both arms could be drawn. Arrays of both have the treatment first and then the control.

    Attributes:
        trials: Shape (..., epochs, 2), as `totals`, `squares` and `probabilities`.
        totals: See `Epochs`.
        squares: See `Epochs`.
        probabilities: See `Epochs`.
        sizes: Trials of all arms, shape (..., epochs).
        arms: How many there are.
        floor: See `Epochs`.
        bounds: See `Epochs`.
        origin: See `Epochs`.
        binary: Whether all values are 0 or 1.
    """

    trials: Array
    totals: Array
    squares: Array
    probabilities: Array
    sizes: Array
    arms: int
    floor: float
    bounds: tuple[float, float] | None
    origin: float
    binary: bool

    @cached_property
    def predictions(self) -> Array:
        """What each arm's trials were expected to earn, from the epochs before, shape (..., epochs, 2).

        In the first epoch it is the mean of all its own trials: which of them got which arm does not matter for it, so
        that the difference of the scores remains right on average over the draws.
        """
        seen, earned = _before(self.trials), _before(self.totals)
        both, all_earned = seen.sum(axis=-1, keepdims=True), earned.sum(axis=-1, keepdims=True)
        pooled = all_earned / np.maximum(both, 1.0)
        found = (earned + SHRINKAGE * pooled) / (seen + SHRINKAGE)
        now = self.totals.sum(axis=-1, keepdims=True) / np.maximum(self.trials.sum(axis=-1, keepdims=True), 1.0)
        predicted: Array = np.where(both > 0.0, found, now)
        return predicted

    @cached_property
    def scores(self) -> Array:
        """The sum of each arm's scores over an epoch's trials, shape (..., epochs, 2)."""
        found: Array = self.sizes[..., None] * self.predictions
        found += (self.totals - self.trials * self.predictions) / self.probabilities
        return found

    @cached_property
    def squared_differences(self) -> Array:
        """The sum over an epoch's trials of the square of the difference of the scores, shape (..., epochs)."""
        base = (self.predictions[..., 0] - self.predictions[..., 1])[..., None]
        sign, wrong = np.array([1.0, -1.0]), self.totals - self.trials * self.predictions
        spread = self.squares - 2.0 * self.predictions * self.totals + self.trials * self.predictions**2
        drawn = 2.0 * sign * base * wrong / self.probabilities + spread / self.probabilities**2
        found: Array = self.sizes * base[..., 0] ** 2 + drawn.sum(axis=-1)
        return found

    @cached_property
    def information(self) -> Array:
        """Of a trial about the difference, in units of 1 / variance of a value: e1 e0 / (e1 + e0)."""
        e1, e0 = self.probabilities[..., 0], self.probabilities[..., 1]
        found: Array = e1 * e0 / (e1 + e0)
        return found

    @property
    def least_information(self) -> float:
        """`information` when one of the two arms has the floor and the other all the rest."""
        rest = 1.0 - (self.arms - 1.0) * self.floor
        return self.floor * rest / (self.floor + rest)

    @cached_property
    def counts(self) -> Array:
        """Trials of each arm over all epochs, shape (..., 2)."""
        found: Array = self.trials.sum(axis=-2)
        return found

    @cached_property
    def sums(self) -> Array:
        """Of each arm's values over all epochs, shape (..., 2)."""
        found: Array = self.totals.sum(axis=-2)
        return found

    @cached_property
    def means(self) -> Array:
        """Of each arm over all epochs, shape (..., 2); 0 without trials."""
        found: Array = self.sums / np.maximum(self.counts, 1.0)
        return found

    @cached_property
    def variance(self) -> Array:
        """Of the values about their arm's mean, common to both arms, over all epochs, shape (...)."""
        counts, totals, squares = self.counts, self.sums, self.squares.sum(axis=-2)
        within = np.maximum(squares - totals * totals / np.maximum(counts, 1.0), 0.0).sum(axis=-1)
        found: Array = within / np.maximum(counts.sum(axis=-1) - 2.0, 1.0)
        return found

    @cached_property
    def rate(self) -> Array:
        """The mean of both arms' values over all epochs, shape (...); 0 without trials."""
        found: Array = self.sums.sum(axis=-1) / np.maximum(self.counts.sum(axis=-1), 1.0)
        return found

    @property
    def expected(self) -> Array:
        """What an arm at its floor would have had by now, shape (...): successes or failures, or trials if not binary.

        It depends on the floor, the number of trials and the rate of both arms, on none of which arm was drawn when.
        So data that are refused for it are not refused because of how they turned out.
        """
        trials: Array = self.floor * self.sizes.sum(axis=-1)
        return trials * np.minimum(self.rate, 1.0 - self.rate) if self.binary else trials


def pair(method: str, epochs: Epochs, treatment: int, control: int) -> Pair:
    """The two arms.

    Args:
        method: Who asks, for the message.
        epochs: The data.
        treatment: Its place among the arms.
        control: Its place.

    Raises:
        ValueError: They are the same, or not among the arms.
        Refused: There is no epoch in which both could be drawn.
    """
    for name, arm in (("treatment", treatment), ("control", control)):
        if not 0 <= arm < epochs.arms:
            raise ValueError(f"{name}: {arm} given, must be 0 to {epochs.arms - 1}")
    if treatment == control:
        raise ValueError(f"treatment, control: {treatment} given for both, must differ")
    both = (epochs.probabilities[..., treatment] > 0.0) & (epochs.probabilities[..., control] > 0.0)
    used = both.all(axis=tuple(range(both.ndim - 1)))
    if not used.any():
        raise Refused(method, "there is no epoch in which both arms could be drawn", "an arm that was served beside it")
    trials, totals, squares, probabilities = (
        np.ascontiguousarray(array[..., used, :][..., [treatment, control]])
        for array in (epochs.trials, epochs.totals, epochs.squares, epochs.probabilities)
    )
    return Pair(
        trials=trials,
        totals=totals,
        squares=squares,
        probabilities=probabilities,
        sizes=epochs.trials[..., used, :].sum(axis=-1),
        arms=epochs.arms,
        floor=epochs.floor,
        bounds=epochs.bounds,
        origin=epochs.origin,
        binary=epochs.binary,
    )


def _before(sums: Array) -> Array:
    found: Array = np.cumsum(sums, axis=-2) - sums
    return found
