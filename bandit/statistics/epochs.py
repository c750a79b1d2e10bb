"""What was collected while the weights moved: sums of every epoch, and the probabilities that drew it."""

import math
from dataclasses import dataclass, replace

import numpy as np

from policies.kernel import Array

ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Epochs:
    """Sums by epoch and arm, in order of time. Arrays have the shape (..., epochs, arms); leading axes are repetitions.

    An epoch is any span in which every trial was drawn with the same probabilities. It may be a single trial. Where
    callers restrict the eligible arms, every set of arms makes epochs of its own.

    Attributes:
        trials: How many trials have a value.
        totals: Sum of the values, less an origin of the metric if it has one.
        squares: Sum of their squares.
        probabilities: Of drawing each arm; 0 where it could not be drawn, because it was not served yet.
        floor: The least probability that an arm which is served can be given, whatever was observed; 0 without a floor.
        bounds: Least and greatest possible value, likewise less the origin; None where there are none.
        origin: What was taken off the values before they were summed.

    Raises:
        ValueError: Shapes differ, or a number is impossible; the message says which.
    """

    trials: Array
    totals: Array
    squares: Array
    probabilities: Array
    floor: float
    bounds: tuple[float, float] | None = None
    origin: float = 0.0

    def __post_init__(self) -> None:
        for name in ("trials", "totals", "squares", "probabilities"):
            array = np.asarray(getattr(self, name), np.float64)
            object.__setattr__(self, name, array)
            if array.ndim < 2 or array.shape != self.trials.shape:
                raise ValueError(f"{name}: shape {array.shape} given, must be (epochs, arms), for all four the same")
            if not np.isfinite(array).all():
                raise ValueError(f"{name}: must be finite numbers")
        if self.arms < 2:
            raise ValueError(f"trials: {self.arms} arms given, must be two or more")
        if (self.trials < 0.0).any() or (self.squares < 0.0).any():
            raise ValueError("trials, squares: must be 0 or more")
        sums = self.probabilities.sum(axis=-1)
        if (self.probabilities < 0.0).any() or (np.abs(sums - 1.0) > 1e-6).any():
            raise ValueError("probabilities: must be 0 or more and sum to 1 in every epoch")
        if (self.trials[self.probabilities == 0.0] > 0.0).any():
            raise ValueError("probabilities: 0 given for an arm that was drawn")
        least = float(self.probabilities[self.probabilities > 0.0].min(initial=1.0))
        if not 0.0 <= self.floor <= least + ROUNDING:
            raise ValueError(f"floor: {self.floor:g} given, must lie from 0 to the least probability, {least:g}")
        self._check_bounds()

    def _check_bounds(self) -> None:
        if self.bounds is None:
            return
        least, most = self.bounds
        if not (least < most and math.isfinite(most - least)):
            raise ValueError(f"bounds: {least:g} and {most:g} given, must be finite, the first below the second")
        slack = ROUNDING * (most - least) * (self.trials + 1.0)
        if ((self.totals < least * self.trials - slack) | (self.totals > most * self.trials + slack)).any():
            raise ValueError(f"totals: a mean outside of the bounds {least:g} and {most:g} given")

    @property
    def arms(self) -> int:
        """How many arms there are."""
        return int(self.trials.shape[-1])

    @property
    def binary(self) -> bool:
        """Whether all values are 0 or 1, as far as the sums can tell."""
        return (self.bounds, self.origin) == ((0.0, 1.0), 0.0) and bool(
            (np.abs(self.totals - self.squares) <= ROUNDING * self.trials).all()
        )

    @property
    def moved(self) -> bool:
        """Whether the probabilities differ between epochs."""
        return bool((self.probabilities != self.probabilities[..., :1, :]).any())

    def first(self, epochs: int) -> "Epochs":
        """The data as they were after so many epochs."""
        trials, totals, squares, probabilities = (
            array[..., :epochs, :] for array in (self.trials, self.totals, self.squares, self.probabilities)
        )
        return replace(self, trials=trials, totals=totals, squares=squares, probabilities=probabilities)

    @classmethod
    def of_conversions(cls, trials: Array, successes: Array, probabilities: Array, *, floor: float) -> "Epochs":
        """The epochs of a metric whose values are 0 and 1."""
        return cls(trials, successes, successes, probabilities, floor, (0.0, 1.0))
