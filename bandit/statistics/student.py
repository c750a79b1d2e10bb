"""Posteriors of a mean that are Student's t, or Gaussian: for any values."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import special, stats

from bandit.statistics.posterior import Axis
from policies.kernel import Array


@dataclass(frozen=True, slots=True)
class Student:
    """Student's t distribution of a mean, moved and stretched.

    Attributes:
        location: Its centre.
        width: Its scale, >= 0, which is its standard deviation if `freedom` is infinite; with 0 it is a point.
        freedom: Degrees of freedom, > 0; infinite for a Gaussian.
    """

    location: float
    width: float
    freedom: float = math.inf
    axis: ClassVar[Axis] = Axis(lambda y: y, np.ones_like, lambda x: x)

    def __post_init__(self) -> None:
        if not self.freedom > 0.0:
            raise ValueError(f"freedom: {self.freedom:g} given, must be above 0")
        if not 0.0 <= self.width < math.inf:
            raise ValueError(f"width: {self.width:g} given, must be a finite number, 0 or more")

    @property
    def mean(self) -> float:
        """The location, with more than one degree of freedom."""
        return self.location if self.freedom > 1.0 or self.width == 0.0 else math.nan

    @property
    def variance(self) -> float:
        """Width^2 freedom / (freedom - 2), with more than two degrees of freedom."""
        if self.width == 0.0 or math.isinf(self.freedom):
            return self.width**2
        return self.width**2 * self.freedom / (self.freedom - 2.0) if self.freedom > 2.0 else math.inf

    @property
    def scale(self) -> float:
        """The width."""
        return self.width

    def marks(self) -> Array:
        """Ever farther apart in the tails, out to where they add nothing to the mean of the greatest variable."""
        return self.location + self.width * _marks(self.freedom)

    def below(self, y: Array) -> Array:
        """A step if it is a point."""
        return self._tail(y, 1.0)

    def above(self, y: Array) -> Array:
        """From the upper end: with few degrees of freedom, a tail of 1e-16 still adds to the mean of the greatest."""
        return 1.0 - self._tail(y, 1.0) if self.width == 0.0 else self._tail(y, -1.0)

    def density(self, y: Array) -> Array:
        """Only where it is no point."""
        return np.asarray(stats.t.pdf(y, self.freedom, self.location, self.width))

    def quantile(self, probability: float) -> float:
        """The location if it is a point."""
        infinite = math.isinf(self.freedom)
        z = special.ndtri(probability) if infinite else special.stdtrit(self.freedom, probability)
        return float(self.location + self.width * z)

    def _tail(self, y: Array, sign: float) -> Array:
        if self.width == 0.0:
            return np.where(y >= self.location, 1.0, 0.0)
        z = sign * (y - self.location) / self.width
        return np.asarray(special.ndtr(z) if math.isinf(self.freedom) else special.stdtr(self.freedom, z))


def _marks(freedom: float) -> Array:
    # To where the density has fallen by exp(-36), and to where what the tail adds to a mean, of the power freedom - 1,
    # has: far out with few degrees of freedom.
    farthest = 8.5
    if not math.isinf(freedom):
        fallen = 0.5 * (math.log(freedom) + math.log(math.expm1(min(72.0 / (freedom + 1.0), 600.0))))
        farthest = math.exp(min(max(fallen, 30.0 / max(freedom - 1.0, 0.1)), 300.0))
    # Steps of a width, growing to a third of the distance, in which a power changes little.
    steps = np.arange(0.0, math.asinh(farthest / 3.0) + 0.3, 0.3)
    outside = 3.0 * np.sinh(steps)
    return np.concatenate([-outside[:0:-1], outside])
