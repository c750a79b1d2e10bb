"""A treatment against a control by the batched ordinary least squares estimator of a bandit's batches.

Within a batch the probabilities did not move, so the difference of the two means is that of an ordinary experiment.
Each batch's difference is divided by its own standard error and the sum by the root of the number of batches: a sum of
independent normal variables, if every batch is large enough to make its own nearly normal.

So it is for few large batches. It cannot use a batch in which an arm was not drawn, and with immediate reweighting,
where an epoch may be a single trial, there is no batch at all: putting epochs together does not help, because within
such a batch the probabilities follow the outcomes. `aipw` has no need of batches.

Values are taken to vary alike in both arms, as the authors do. If one arm's vary three times as much as the other's,
it finds effects that are not there in 12%; `aipw` does not.

Source: Zhang, Janson and Murphy, "Inference for batched bandits", NeurIPS 2020.
"""

from dataclasses import dataclass

import numpy as np

from bandit.statistics.comparison import Alternative, Comparison, Refused
from bandit.statistics.epochs import Epochs
from bandit.statistics.pair import Pair, pair
from bandit.statistics.tails import around, p_value, quantile
from policies.kernel import Array

METHOD = "bols"
EVENTS = 5.0
"""Successes, and failures, that the arm that was drawn least must expect in a batch, on average over batches."""
VALUES = 30.0
"""The same for values that are not 0 or 1: trials."""


@dataclass(frozen=True, slots=True)
class Batches:
    """What the batches say, all of shape (...).

    Attributes:
        weighted: Sum over batches of w times the difference of the means, w = sqrt(n1 n0 / (n1 + n0)).
        weights: Sum of w.
        used: How many batches had both arms.
        deviation: Of a value, common to both arms.
    """

    weighted: Array
    weights: Array
    used: Array
    deviation: Array

    @property
    def effect(self) -> Array:
        """The constant effect that fits best; nan where no batch had both arms."""
        with np.errstate(invalid="ignore"):
            found: Array = self.weighted / self.weights
        return found

    @property
    def standard_error(self) -> Array:
        """Of the effect."""
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Array = self.deviation * np.sqrt(self.used) / self.weights
        return found

    def statistic(self, effect: Array | float = 0.0) -> Array:
        """How many standard errors the effect lies from this one, shape (...); 0 where nothing varies or was used."""
        distance = self.weighted - effect * self.weights
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Array = np.where(distance == 0.0, 0.0, distance / (self.deviation * np.sqrt(self.used)))
        return found


def batches(pair: Pair) -> Batches:
    """What the batches of a pair say.

    Conversions have the deviation of the rate of both arms, other values that within the arms over all batches.
    """
    number = pair.trials.sum(axis=-1)
    weight = np.sqrt(pair.trials.prod(axis=-1) / np.maximum(number, 1.0))
    means = pair.totals / np.maximum(pair.trials, 1.0)
    if pair.binary:
        variance = pair.rate * (1.0 - pair.rate)
    else:
        within = pair.squares - pair.totals * means
        freedom = np.maximum(pair.trials - 1.0, 0.0).sum(axis=(-2, -1))
        variance = np.maximum(within, 0.0).sum(axis=(-2, -1)) / np.maximum(freedom, 1.0)
    return Batches(
        weighted=(weight * (means[..., 0] - means[..., 1])).sum(axis=-1),
        weights=weight.sum(axis=-1),
        used=(weight > 0.0).sum(axis=-1),
        deviation=np.sqrt(variance),
    )


def compare(
    epochs: Epochs, treatment: int, control: int, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Comparison:
    """The difference of two arms' means, tested once, with every epoch as a batch.

    The interval is of an effect that is the same in every batch.

    Args:
        epochs: What was collected, each epoch a batch of many trials.
        treatment: Its place among the arms.
        control: Its place.
        alpha: One less the level of the interval.
        alternative: Which side.

    Raises:
        Refused: There is no floor, or the batches are too small.
        ValueError: An argument is out of its range.
    """
    check(pair(METHOD, epochs, treatment, control))
    return unchecked(epochs, treatment, control, alpha=alpha, alternative=alternative)


def expected(pair: Pair) -> Array:
    """Successes or failures (trials if not binary) that the arm that was drawn least expects a batch, shape (...)."""
    least = (pair.sizes[..., None] * pair.probabilities).mean(axis=-2).min(axis=-1)
    found: Array = least * np.minimum(pair.rate, 1.0 - pair.rate) if pair.binary else least
    return found


def check(pair: Pair) -> None:
    """Refuses batches that are too small.

    Raises:
        Refused: They are, or there is no floor.
    """
    if not pair.floor > 0.0:
        raise Refused(METHOD, "without a floor an arm's probability can fall to 0", "rerandomisation, or set a floor")
    found, least = float(expected(pair).min()), EVENTS if pair.binary else VALUES
    if found < least:
        what = "successes or failures" if pair.binary else "trials"
        reason = f"the arm that was drawn least expects {found:.3g} {what} a batch, fewer than {least:g}"
        raise Refused(METHOD, reason, "aipw, which needs no batches")


def unchecked(
    epochs: Epochs, treatment: int, control: int, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Comparison:
    """As `compare`, also where that would refuse.

    Raises:
        Refused: No batch had both arms, or nothing varies in them.
        ValueError: An argument is out of its range.
    """
    found = batches(pair(METHOD, epochs, treatment, control))
    quantile(alpha, alternative)
    if not found.used:
        raise Refused(METHOD, "in no epoch were both arms drawn", "aipw, which needs no batches")
    if not found.deviation > 0.0:
        raise Refused(METHOD, "the values do not vary", "more trials")
    effect, z = float(found.effect), float(found.statistic())
    return Comparison(
        method=METHOD,
        effect=effect,
        interval=around(effect, float(found.standard_error), alpha, alternative),
        p_value=p_value(z, alternative),
        statistic=z,
    )
