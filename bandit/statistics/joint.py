"""What is kept of several columns of the same units: size, means and covariances, which merge by `+`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bandit.statistics.sample import Sample

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class JointSample:
    """Size, means and unbiased covariances of some columns.

    Attributes:
        names: Of the columns.
        count: Units.
        mean: Of each column; nan without units.
        covariance: Between each two of them; nan for fewer than two units.
    """

    names: tuple[str, ...]
    count: float
    mean: Array
    covariance: Array

    @classmethod
    def of(cls, columns: Mapping[str, ArrayLike]) -> Self:
        """The joint sample of columns of one length.

        Raises:
            ValueError: Their lengths differ.
        """
        arrays = [np.asarray(values, np.float64).ravel() for values in columns.values()]
        if len({array.size for array in arrays}) > 1:
            lengths = ", ".join(f"{name}: {array.size}" for name, array in zip(columns, arrays, strict=True))
            raise ValueError(f"columns of one length are needed, these were given: {lengths}")
        values = np.array(arrays)
        count = values.shape[1]
        mean = values.mean(axis=1) if count else np.full(len(arrays), np.nan)
        inner = values - mean[:, None]
        covariance = inner @ inner.T / (count - 1) if count > 1 else np.full((len(arrays), len(arrays)), np.nan)
        return cls(tuple(columns), float(count), mean, covariance)

    @classmethod
    def of_sums(
        cls, names: Sequence[str], count: float, sums: ArrayLike, products: ArrayLike, origin: ArrayLike = 0.0
    ) -> Self:
        """The joint sample of columns whose values, less `origin`, have these sums and these sums of products.

        Args:
            names: Of d columns.
            count: Units.
            sums: (d,).
            products: (d, d), of which the upper triangle is read.
            origin: (d,), or one number for all; near the means, so that few digits cancel.
        """
        total = np.asarray(sums, np.float64)
        upper = np.triu(np.asarray(products, np.float64))
        square = upper + np.triu(upper, 1).T
        none = np.full(total.shape, np.nan)
        mean = total / count if count > 0.0 else none
        covariance = (square - np.outer(total, mean)) / (count - 1.0) if count > 1.0 else np.outer(none, none)
        if count > 1.0:
            np.fill_diagonal(covariance, np.maximum(0.0, covariance.diagonal()))
        return cls(tuple(names), count, np.asarray(origin, np.float64) + mean, covariance)

    def position(self, name: str) -> int:
        """Where a column is.

        Raises:
            ValueError: There is none of that name.
        """
        if name not in self.names:
            raise ValueError(f"column: {name!r} given, must be one of {', '.join(self.names)}")
        return self.names.index(name)

    def sample(self, name: str) -> Sample:
        """One column alone.

        Raises:
            ValueError: See `position`.
        """
        index = self.position(name)
        return Sample(self.count, float(self.mean[index]), float(self.covariance[index, index]))

    def __add__(self, other: Self) -> Self:
        """Both as one (Chan, Golub and LeVeque 1983).

        Raises:
            ValueError: Their columns differ.
        """
        if self.names != other.names:
            raise ValueError(f"columns: {', '.join(self.names)} and {', '.join(other.names)} do not merge")
        if not self.count or not other.count:
            return self if self.count else other
        count = self.count + other.count
        distance = other.mean - self.mean
        inner = np.outer(distance, distance) * (self.count * (other.count / count))
        for part in (self, other):
            if part.count > 1.0:
                inner += part.covariance * (part.count - 1.0)
        return type(self)(self.names, count, self.mean + distance * (other.count / count), inner / (count - 1.0))
