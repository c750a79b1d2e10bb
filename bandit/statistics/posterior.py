"""What every posterior of a mean answers, so that ranking and comparing need not know its family."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from policies.kernel import Array


@dataclass(frozen=True, slots=True)
class Axis:
    """What the means of a family are integrated over.

    Attributes:
        value: The means at positions on the axis.
        slope: The derivative of `value`.
        position: The inverse of `value`; infinite for what is no mean of the family.
    """

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    position: Callable[[Array], Array]


class Posterior(Protocol):
    """What is believed of the mean of one variant."""

    axis: ClassVar[Axis]

    @property
    def mean(self) -> float:
        """The posterior mean; nan where it does not exist."""

    @property
    def variance(self) -> float:
        """The posterior variance; infinite where it does not exist."""

    @property
    def scale(self) -> float:
        """The distance on the axis within which the density changes much; 0 for a single point."""

    def marks(self) -> Array:
        """Positions, ascending: between them the density is smooth, beyond them there is nothing."""

    def below(self, y: Array) -> Array:
        """The distribution function at positions on the axis."""

    def density(self, y: Array) -> Array:
        """The density on the axis."""

    def quantile(self, probability: float) -> float:
        """The mean, not its position, that is exceeded with one less the probability, which lies between 0 and 1."""
