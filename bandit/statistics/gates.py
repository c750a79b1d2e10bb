"""What has to be there before an experiment is decided."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gates:
    """What has to be there before an experiment is decided.

    Attributes:
        minimum_days: Days it has run.
        minimum_units: Units of every variant.
        alpha: The p-value that a difference needs.
        minimum_relative_effect: The least gain worth having, as a part of the control.

    Raises:
        ValueError: One of them is out of its range.
    """

    minimum_days: float = 7.0
    minimum_units: float = 1000.0
    alpha: float = 0.05
    minimum_relative_effect: float = 0.01

    def __post_init__(self) -> None:
        for name in ("minimum_days", "minimum_units", "minimum_relative_effect"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}: {getattr(self, name):g} given, must be 0 or more, and finite")
        if not 0.0 < self.alpha < 1.0:
            raise ValueError(f"alpha: {self.alpha:g} given, must lie strictly between 0 and 1")

    def units_short(self, sizes: Sequence[tuple[str, float]]) -> tuple[str, ...]:
        """Which variants have too few units, in a sentence; none if all have enough."""
        few = [f"{name} has {units:,.0f}" for name, units in sizes if units < self.minimum_units]
        return (f"{self.minimum_units:,.0f} units a variant are needed: {', '.join(few)}.",) if few else ()

    def days_short(self, days: float) -> tuple[str, ...]:
        """That it has not run for long enough, in a sentence; none if it has."""
        if days >= self.minimum_days:
            return ()
        return (f"It has run for {days:.3g} days, {self.minimum_days:g} are needed.",)


DEFAULT = Gates()
"""A week, a thousand units of every variant, a p-value of .05 and a gain of a hundredth."""
