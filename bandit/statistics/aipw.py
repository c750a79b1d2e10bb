"""A treatment against a control on data that a bandit collected, looked at once: weighted inverse propensity scores.

The scores of both arms (see `pair`) have the right mean whatever the bandit did, but those of an arm that is hardly
drawn vary wildly, and how many there are follows from what was observed. So their plain mean is not normal, however
many there are. Weights that keep each epoch's part of the variance what it was decided to be *before* the epoch make it
so: the weighted sum is then a martingale whose variance is known beforehand.

The default `common` weights both arms' scores alike. Each epoch gets a part of the variance according to its
information, as if that of all later epochs would lie half way between today's and that of an arm at its floor.
Since the arms are compared within epochs, means that rise and fall together do no harm: a season, a weekend, a
campaign.

`sqrt` and `two_point` (Hadad et al. 2021) weight each arm by its own probabilities. They are about 3 points of power
better where means never change, and wrong where they do: with conversions that rise from 40% to 60% in the course of
1,000 units, Thompson sampling shows an effect that is not there in 17% of the experiments (`common` 5%, the plain
z test 47%).

The authors above take the variance from the scores. An arm at its floor makes that too small too often: with rates of
4% it finds effects that are not there in 8% to 12%. Here conversions have the variance of the hypothesis, as in a score
test, and other values the greater of that of the scores and that of the hypothesis, in which both arms' values vary
alike. If enough is expected of an arm at its floor the error is then what it says, see `multiarm simulate validity`. It
says nothing about looking twice; `wagers` does.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy.optimize import brentq

from bandit.statistics import relative, restricted
from bandit.statistics.comparison import Alternative, Comparison, Refused
from bandit.statistics.epochs import Epochs
from bandit.statistics.pair import Pair, pair
from bandit.statistics.tails import Interval, one_sided, p_value, quantile
from policies.kernel import Array

Weights = Literal["common", "uniform", "sqrt", "two_point"]

METHOD = "aipw"
EVENTS = 5.0
"""Successes, and failures, that an arm at its floor must have been expected to have by now."""
VALUES = 30.0
"""The same for values that are not 0 or 1: trials."""
TODAY = 0.5
"""The part of the information that later epochs are assumed to keep of today's; the rest falls to that of the floor."""


@dataclass(frozen=True)
class Weighted:
    """Weighted scores of a pair. `shares`, shape (..., epochs, 2), is a trial's share of its arm's estimate."""

    pair: Pair
    shares: Array

    @cached_property
    def values(self) -> Array:
        """The estimate of each arm, shape (..., 2)."""
        found: Array = (self.shares * self.pair.scores).sum(axis=-2)
        return found

    @property
    def effect(self) -> Array:
        """Treatment less control, shape (...)."""
        found: Array = self.values[..., 0] - self.values[..., 1]
        return found

    def covariance(self, means: Array, variances: Array) -> tuple[Array, Array]:
        """The variances of both estimates, shape (..., 2), and their covariance, shape (...).

        Args:
            means: Of the arms' values, shape (..., 2).
            variances: Of the arms' values, likewise.
        """
        pair, sizes, chance = self.pair, self.pair.sizes[..., None], self.pair.probabilities
        wrong = pair.predictions - means[..., None, :]
        of_score = (variances[..., None, :] + wrong * wrong * (1.0 - chance)) / chance
        own = (sizes * self.shares**2 * of_score).sum(axis=-2)
        # A trial drawn for one arm was not drawn for the other.
        common = -(pair.sizes * (self.shares * wrong).prod(axis=-1)).sum(axis=-1)
        return own, common

    @cached_property
    def observed_variance(self) -> Array:
        """Of the estimated effect, shape (...), from how the weighted scores differ from trial to trial."""
        pair, sign = self.pair, np.array([1.0, -1.0])
        base = (sign * self.shares * (pair.predictions - self.values[..., None, :])).sum(axis=-1)
        weight = sign * self.shares / pair.probabilities
        wrong = pair.totals - pair.trials * pair.predictions
        spread = pair.squares - 2.0 * pair.predictions * pair.totals + pair.trials * pair.predictions**2
        drawn = (2.0 * base[..., None] * weight * wrong + weight * weight * spread).sum(axis=-1)
        found: Array = (pair.sizes * base * base + drawn).sum(axis=-1)
        return found

    def variance(self, effect: Array | float = 0.0) -> Array:
        """Of the estimated effect if it were `effect`, shape (...); that of conversions follows from their rates."""
        if self.pair.binary:
            trials, successes = self.pair.trials.sum(axis=-2), self.pair.totals.sum(axis=-2)
            rates = restricted.rates(trials, successes, effect)
            number = trials.sum(axis=-1)[..., None]
            own, common = self.covariance(rates, rates * (1.0 - rates) * number / np.maximum(number - 1.0, 1.0))
            expected: Array = own.sum(axis=-1) - 2.0 * common
            return expected
        own, common = self.covariance(self.pair.means, self.pair.variance[..., None])
        greater: Array = np.maximum(own.sum(axis=-1) - 2.0 * common, self.observed_variance)
        return greater

    def statistic(self, effect: Array | float = 0.0) -> Array:
        """How many standard errors the estimate lies from `effect`, shape (...); 0 where neither varies."""
        distance, variance = self.effect - effect, self.variance(effect)
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Array = np.where(distance == 0.0, 0.0, distance / np.sqrt(np.maximum(variance, 0.0)))
        return found


def weighted(pair: Pair, weights: Weights = "common", *, decay: float = 0.0) -> Weighted:
    """The scores of a pair with one of the weights.

    Args:
        pair: The data.
        weights: Which.
        decay: For `two_point`, how fast the floor fell: as t^-decay, 0 to 1. With a floor that does not fall these are
            the weights of `sqrt`.
    """
    match weights:
        case "common":
            found = _common(pair)
        case "uniform":
            found = np.ones_like(pair.trials)
        case "sqrt":
            found = np.sqrt(pair.probabilities)
        case "two_point":
            found = _two_point(pair, decay)
        case _:
            raise ValueError(f"weights: {weights!r} given, must be one of common, uniform, sqrt, two_point")
    return Weighted(pair, found / (found * pair.sizes[..., None]).sum(axis=-2, keepdims=True))


def compare(
    epochs: Epochs,
    treatment: int,
    control: int,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
    weights: Weights = "common",
    decay: float = 0.0,
) -> Comparison:
    """The difference of two arms' means, tested once.

    The interval has the effects that the test does not reject. The relative effect is of the control's estimate with
    the same weights, its interval by Fieller.

    Args:
        epochs: What was collected; any number of epochs of any size.
        treatment: Its place among the arms.
        control: Its place.
        alpha: One less the level of the intervals.
        alternative: Which side.
        weights: See the module.
        decay: See `weighted`.

    Raises:
        Refused: There is no floor, or too little is expected of an arm at its floor.
        ValueError: An argument is out of its range.

    Source: Hadad, Hirshberg, Zhan, Wager and Athey, "Confidence intervals for policy evaluation in adaptive
    experiments", PNAS 118, 2021.
    """
    check(pair(METHOD, epochs, treatment, control))
    return unchecked(epochs, treatment, control, alpha=alpha, alternative=alternative, weights=weights, decay=decay)


def check(pair: Pair, method: str = METHOD) -> None:
    """Refuses data for which the limit is far.

    Raises:
        Refused: They are.
    """
    if not pair.floor > 0.0:
        raise Refused(method, "without a floor an arm's probability can fall to 0", "rerandomisation, or set a floor")
    expected, least = float(pair.expected.min()), EVENTS if pair.binary else VALUES
    if expected < least:
        what = "successes or failures" if pair.binary else "trials"
        raise Refused(
            method,
            f"an arm at the floor of {pair.floor:g} expects {expected:.3g} {what} by now, fewer than {least:g}",
            "rerandomisation" + (" or wagers, which are" if pair.bounds else ", which is") + " exact for any number",
        )


def unchecked(
    epochs: Epochs,
    treatment: int,
    control: int,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
    weights: Weights = "common",
    decay: float = 0.0,
) -> Comparison:
    """As `compare`, also where that would refuse.

    Raises:
        Refused: The values of neither arm vary, and they cannot be told to be conversions.
        ValueError: An argument is out of its range.
    """
    found = weighted(pair(METHOD, epochs, treatment, control), weights, decay=decay)
    if not (found.pair.binary or found.variance() > 0.0):
        raise Refused(METHOD, "the values of neither arm vary", "more trials")
    z, reach = float(found.statistic()), quantile(alpha, alternative)
    value, base = (float(each) + found.pair.origin for each in found.values)
    own, common = found.covariance(found.pair.means, found.pair.variance[..., None])
    ratios = relative.fieller(value, base, (float(own[0]), float(own[1])), float(common), reach)
    # Above a control below zero, a greater value is a lesser share of it.
    opposite: dict[Alternative, Alternative] = {"greater": "less", "less": "greater", "two-sided": "two-sided"}
    side = opposite[alternative] if base < 0.0 else alternative
    return Comparison(
        method=METHOD if weights == "common" else f"{METHOD}_{weights}",
        effect=value - base,
        interval=_interval(found, reach, alternative),
        p_value=p_value(z, alternative),
        statistic=z,
        relative_effect=value / base - 1.0 if base else None,
        relative_interval=one_sided((ratios[0] - 1.0, ratios[1] - 1.0), side) if ratios and base else None,
    )


def _interval(found: Weighted, reach: float, alternative: Alternative) -> Interval:
    effect = float(found.effect)
    if not found.pair.binary:
        half = reach * math.sqrt(float(found.variance()))
        return one_sided((effect - half, effect + half), alternative)

    def excess(delta: float) -> float:
        return (effect - delta) ** 2 - reach**2 * float(found.variance(delta))

    return one_sided((_end(excess, effect, -1.0), _end(excess, effect, 1.0)), alternative)


def _end(excess: Callable[[float], float], effect: float, limit: float) -> float:
    """Where `excess` becomes positive between the effect and a limit."""
    start = min(1.0, max(-1.0, effect))
    if start == limit or excess(limit) <= 0.0:
        return limit
    if excess(start) >= 0.0:
        return start
    return float(brentq(excess, start, limit, xtol=1e-300, rtol=1e-12))


def _common(pair: Pair) -> Array:
    """What makes each epoch's part of the variance its share of the information, as far as the past could tell."""
    now = pair.sizes * pair.information
    later = _after(pair.sizes) * (TODAY * pair.information + (1.0 - TODAY) * pair.least_information)
    part = _broken(now, now + later)
    sizes = np.maximum(pair.sizes, 1.0)
    return np.repeat((np.sqrt(part * now) / sizes)[..., None], 2, axis=-1)


def _two_point(pair: Pair, decay: float) -> Array:
    """Hadad et al. 2021, with the sums over trials of an epoch in place of single trials."""
    if not 0.0 <= decay < 1.0:
        raise ValueError(f"decay: {decay:g} given, must be 0 or more and below 1")
    sizes = pair.sizes[..., None]
    until = np.cumsum(sizes, axis=-2)
    power = 1.0 - decay
    # If the arm goes on as one that is always drawn, and as one at a floor of t^-decay.
    good = sizes / np.maximum(until[..., -1:, :] - until + sizes, 1.0)
    faded = until**power - (until - sizes) ** power
    bad = faded / np.maximum(until[..., -1:, :] ** power - (until - sizes) ** power, 1e-300)
    part = _broken(pair.probabilities * good + (1.0 - pair.probabilities) * bad, 1.0, axis=-2)
    return np.sqrt(part * pair.probabilities / np.maximum(sizes, 1.0))


def _after(sizes: Array) -> Array:
    """How many trials were still to come after each epoch."""
    found: Array = sizes.sum(axis=-1, keepdims=True) - np.cumsum(sizes, axis=-1)
    return found


def _broken(part: Array, whole: Array | float, axis: int = -1) -> Array:
    """Each epoch's piece of a stick of length 1, of which it breaks off `part / whole` of what is left."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(part > 0.0, part / whole, 0.0)
    left = np.cumprod(1.0 - share, axis=axis)
    before = np.roll(left, 1, axis=axis)
    np.moveaxis(before, axis, 0)[0] = 1.0
    return before * share
