"""What is kept of a sample: its size, mean and variance, which merge by `+`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Sample:
    """Size, mean and unbiased variance of some values; the mean of none is nan, the variance of fewer than two too."""

    count: float
    mean: float
    variance: float

    @classmethod
    def of(cls, values: Sequence[float] | NDArray[np.float64]) -> Self:
        """The sample of these values."""
        array = np.asarray(values, np.float64)
        return cls(
            float(array.size),
            float(array.mean()) if array.size else math.nan,
            float(array.var(ddof=1)) if array.size > 1 else math.nan,
        )

    @classmethod
    def of_sums(cls, count: float, total: float, squares: float, origin: float = 0.0) -> Self:
        """The sample whose values, less `origin`, have this sum and this sum of squares."""
        mean = total / count if count > 0.0 else math.nan
        variance = max(0.0, (squares - total * mean) / (count - 1.0)) if count > 1.0 else math.nan
        return cls(count, origin + mean, variance)

    @property
    def standard_error(self) -> float:
        """Of the mean."""
        return math.sqrt(self.variance / self.count) if self.count > 1.0 else math.nan

    def __add__(self, other: Self) -> Self:
        """Both samples as one (Chan, Golub and LeVeque 1983)."""
        if not self.count or not other.count:
            return self if self.count else other
        count = self.count + other.count
        distance = other.mean - self.mean
        inner = sum(part.variance * (part.count - 1.0) for part in (self, other) if part.count > 1.0)
        inner += distance * distance * self.count * other.count / count
        return type(self)(count, self.mean + distance * other.count / count, inner / (count - 1.0))
