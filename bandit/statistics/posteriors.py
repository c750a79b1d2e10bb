"""Posteriors of a mean that are Beta, for rates, and Gamma, for counts.

Their densities, and where those are to be integrated, are the policies' (`policies.density`, `policies.panels`):
over the logit of a rate and the logarithm of the mean of a count. There they are smooth, and keep their digits near 0
and 1.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import special

from bandit.statistics.posterior import Axis
from policies.beta_quantile import beta_quantile
from policies.density import LOG, LOGIT, MARK, PEAK, SCALE, beta_density, gamma_density, log_ratio, terms
from policies.kernel import Array, kernel
from policies.panels import COLUMNS, mark


@dataclass(frozen=True, slots=True)
class Beta:
    """A Beta distribution of a mean in the unit interval.

    Attributes:
        a: First parameter, > 0: successes, with those that the prior is worth.
        b: Second parameter, > 0: failures, likewise.
    """

    a: float
    b: float
    axis: ClassVar[Axis] = Axis(
        lambda y: np.asarray(special.expit(y)),
        lambda y: np.asarray(special.expit(y) * special.expit(-y)),
        lambda x: np.asarray(special.logit(np.clip(x, 0.0, 1.0))),
    )

    def __post_init__(self) -> None:
        _check_positive("a", self.a)
        _check_positive("b", self.b)

    @property
    def mean(self) -> float:
        """Successes of all trials: a / (a + b)."""
        return self.a / (self.a + self.b)

    @property
    def variance(self) -> float:
        """That of the rate: a b / ((a + b)^2 (a + b + 1))."""
        total = self.a + self.b
        return (self.a / total) * (self.b / total) / (total + 1.0)

    @property
    def scale(self) -> float:
        """Of the logit."""
        return float(_beta_row(self.a, self.b)[SCALE])

    def marks(self) -> Array:
        """Where the density of the logit has fallen by given factors."""
        return _beta_row(self.a, self.b)[MARK:]

    def below(self, y: Array) -> Array:
        """The incomplete beta function, from the nearer end of the unit interval."""
        low = special.betainc(self.a, self.b, special.expit(np.minimum(y, 0.0)))
        high = special.betaincc(self.b, self.a, special.expit(-np.maximum(y, 0.0)))
        return np.where(y < 0.0, low, high)

    def density(self, y: Array) -> Array:
        """Of the logit."""
        return _evaluated(_beta_row(self.a, self.b), np.asarray(y, np.float64), LOGIT)

    def quantile(self, probability: float) -> float:
        """To about 1e-11, for up to 1e12 trials."""
        if probability < 0.5:
            return float(special.expit(-beta_quantile(self.b, self.a, probability, -np.inf)))
        return float(special.expit(beta_quantile(self.a, self.b, 1.0 - probability, -np.inf)))


@dataclass(frozen=True, slots=True)
class Gamma:
    """A Gamma distribution of the mean of a count.

    Attributes:
        shape: > 0: events, with those that the prior is worth.
        rate: > 0: trials, likewise.
    """

    shape: float
    rate: float
    axis: ClassVar[Axis] = Axis(np.exp, np.exp, lambda x: _log(np.maximum(x, 0.0)))

    def __post_init__(self) -> None:
        _check_positive("shape", self.shape)
        _check_positive("rate", self.rate)

    @property
    def mean(self) -> float:
        """Shape / rate."""
        return self.shape / self.rate

    @property
    def variance(self) -> float:
        """Shape / rate^2."""
        return self.shape / self.rate / self.rate

    @property
    def scale(self) -> float:
        """Of the logarithm."""
        return float(_gamma_row(self.shape, self.rate)[SCALE])

    def marks(self) -> Array:
        """Where the density of the logarithm has fallen by given factors."""
        return _gamma_row(self.shape, self.rate)[MARK:]

    def below(self, y: Array) -> Array:
        """The incomplete gamma function."""
        return np.asarray(special.gammainc(self.shape, self.rate * np.exp(y)))

    def density(self, y: Array) -> Array:
        """Of the logarithm."""
        return _evaluated(_gamma_row(self.shape, self.rate), np.asarray(y, np.float64), LOG)

    def quantile(self, probability: float) -> float:
        """By the inverse of the incomplete gamma function."""
        return float(special.gammaincinv(self.shape, probability) / self.rate)


@kernel
def _beta_row(a: float, b: float) -> Array:
    row = np.empty(COLUMNS)
    beta_density(a, b, row)
    mark(row, LOGIT)
    return row


@kernel
def _gamma_row(shape: float, rate: float) -> Array:
    row = np.empty(COLUMNS)
    gamma_density(shape, rate, row)
    mark(row, LOG)
    return row


@kernel
def _evaluated(row: Array, y: Array, scale: float) -> Array:
    out = np.empty(y.shape[0])
    for i in range(y.shape[0]):
        first, second = terms(y[i], scale)
        out[i] = row[PEAK] * math.exp(log_ratio(row, y[i], first, second))
    return out


def _log(x: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(x))


def _check_positive(name: str, value: float) -> None:
    if not 0.0 < value < math.inf:
        raise ValueError(f"{name}: {value:g} given, must be above 0 and finite")
