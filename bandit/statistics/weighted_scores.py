"""Weighted inverse propensity scores of a treatment and a control: their estimates, and how these vary.

The scores of both arms (see `pair`) have the right mean whatever a bandit did. With weights that were decided before
each epoch their weighted sum is a martingale.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bandit.statistics import restricted
from bandit.statistics.pair import Pair
from bandit.statistics.score_weights import Weights, weights_of
from policies.kernel import Array


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
        of_value, (odds, centre, spread), (shared, middle, product) = self._sums
        own = variances * of_value + odds * (means - centre) ** 2 + spread
        # A trial drawn for one arm was not drawn for the other.
        common = -(shared[..., 0] * (means - middle).prod(axis=-1) + product)
        return own, common

    @cached_property
    def _sums(self) -> tuple[Array, tuple[Array, Array, Array], tuple[Array, Array, Array]]:
        """Sums over the epochs from which the covariance follows for any means and variances of the values."""
        pair, chance = self.pair, self.pair.probabilities
        part = pair.sizes[..., None] * self.shares**2 / chance
        odds, centre, inner = _about_mean(part * (1.0 - chance), pair.predictions)
        joint = (pair.sizes * self.shares.prod(axis=-1))[..., None]
        shared, middle, other = _about_mean(joint, pair.predictions)
        spread = (part * (1.0 - chance) * inner**2).sum(axis=-2)
        product = (joint[..., 0] * other.prod(axis=-1)).sum(axis=-1)
        return part.sum(axis=-2), (odds, centre, spread), (shared, middle, product)

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
            trials, successes = self.pair.counts, self.pair.sums
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


def _about_mean(weights: Array, values: Array) -> tuple[Array, Array, Array]:
    """The sum of weights over epochs, the weighted mean of values, and the values less that."""
    total = weights.sum(axis=-2)
    found = (weights * values).sum(axis=-2)
    mean = np.divide(found, total, out=np.zeros_like(found), where=total > 0.0)
    return total, mean, values - mean[..., None, :]


def weighted(pair: Pair, weights: Weights = "common", *, decay: float = 0.0) -> Weighted:
    """The scores of a pair with one of the weights.

    Args:
        pair: The data.
        weights: Which.
        decay: For `two_point`, how fast the floor fell: as t^-decay, 0 to 1. With a floor that does not fall these are
            the weights of `sqrt`.

    Raises:
        ValueError: There are no such weights, or `decay` is out of its range.
    """
    found = weights_of(pair, weights, decay)
    return Weighted(pair, found / (found * pair.sizes[..., None]).sum(axis=-2, keepdims=True))
