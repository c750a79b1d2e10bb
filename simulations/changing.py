"""Environments whose arms change: at once, along a random walk, or with the season."""

import math
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from policies.kernel import Array, kernel
from simulations.environment import Environment, Rewards
from simulations.signatures import ADVANCE, DRAW
from simulations.stationary import Means

Row = Annotated[tuple[float, ...], Field(strict=False)]


@kernel(DRAW)
def noisy_draw(mean: float, _arm: int, _t: float, params: Array, rng: np.random.Generator) -> float:
    """Normal with the standard deviation params[0]; 0 or 1 where that is nan."""
    if math.isnan(params[0]):
        return 1.0 if rng.random() < mean else 0.0
    return float(mean + params[0] * rng.standard_normal())


@kernel(ADVANCE)
def abrupt_advance(t: float, params: Array, _rng: np.random.Generator, _context: Array, means: Array) -> None:
    """The row of the last break at or before t; params are sd, the number of breaks, the breaks, the rows."""
    breaks, arms = int(params[1]), means.shape[0]
    row = 0
    while row < breaks and t >= params[2 + row]:
        row += 1
    start = 2 + breaks + row * arms
    means[:] = params[start : start + arms]


@kernel(ADVANCE)
def drifting_advance(t: float, params: Array, rng: np.random.Generator, _context: Array, means: Array) -> None:
    """A step of a random walk, reflected at the bounds; params are sd, step, lower, upper, the first means."""
    arms = means.shape[0]
    if t == 0.0:
        means[:] = params[4:]
        return
    lower, upper = params[2], params[3]
    for arm in range(arms):
        moved = means[arm] + params[1] * rng.standard_normal()
        if moved < lower:
            moved = min(2.0 * lower - moved, upper)
        elif moved > upper:
            moved = max(2.0 * upper - moved, lower)
        means[arm] = moved


@kernel(ADVANCE)
def seasonal_advance(t: float, params: Array, _rng: np.random.Generator, _context: Array, means: Array) -> None:
    """Each arm swings about its mean, its phase shifted by its place; params are sd, period, swing, the means."""
    arms = means.shape[0]
    for arm in range(arms):
        phase = t / params[1] + arm / arms
        means[arm] = params[3 + arm] + params[2] * math.sin(2.0 * math.pi * phase)


class Changing(Environment):
    """Base class: rewards are 0 and 1 unless a standard deviation is given, which makes them normal."""

    draw = staticmethod(noisy_draw)
    rewards: ClassVar[Rewards] = "any"

    means: Any = None
    sd: float | None = Field(
        default=None, gt=0.0, description="Standard deviation of one normal reward; null: rewards are 0 and 1."
    )

    @property
    def arms(self) -> int:
        """One a mean."""
        return len(self.means)

    @property
    def support(self) -> Rewards:
        """Binary unless a standard deviation is given."""
        return "binary" if self.sd is None else "normal"

    @property
    def _noise(self) -> float:
        return math.nan if self.sd is None else self.sd

    def _check_chances(self, least: float, greatest: float) -> None:
        if self.sd is None and not 0.0 <= least <= greatest <= 1.0:
            raise ValueError(
                f"means: from {least:g} to {greatest:g} given, must lie in [0, 1] for rewards of 0 and 1; "
                "give sd for normal rewards"
            )


class Abrupt(Changing):
    """The means jump: row i of `means` holds from step `at[i - 1]` until step `at[i]`."""

    advance = staticmethod(abrupt_advance)

    name: Literal["abrupt"] = "abrupt"
    means: Annotated[tuple[Row, ...], Field(min_length=1, max_length=1000, strict=False)] = Field(
        description="A row of expected rewards, one per arm, for every stretch between two breaks."
    )
    at: Annotated[tuple[float, ...], Field(strict=False)] = Field(description="Steps of the breaks, ascending.")

    @property
    def arms(self) -> int:
        """One a mean of the first row."""
        return len(self.means[0])

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if not 2 <= len(self.means[0]) <= 1000 or any(len(row) != len(self.means[0]) for row in self.means):
            raise ValueError("means: the rows must all have the same number of arms, 2 to 1000")
        if len(self.at) != len(self.means) - 1 or any(b <= a for a, b in zip((0.0, *self.at), self.at, strict=False)):
            raise ValueError(
                f"at: {len(self.at)} steps given, must be {len(self.means) - 1} for {len(self.means)} rows of means, "
                "above 0 and ascending"
            )
        self._check_chances(min(map(min, self.means)), max(map(max, self.means)))
        return self

    def parameters(self) -> Array:
        """Noise, number of breaks, the breaks, the rows."""
        rows = [mean for row in self.means for mean in row]
        return np.array([self._noise, len(self.at), *self.at, *rows], dtype=np.float64)


class Drifting(Changing):
    """The means walk: each moves by a normal step every time, reflected at `lower` and `upper`."""

    advance = staticmethod(drifting_advance)

    name: Literal["drifting"] = "drifting"
    means: Means = Field(description="Expected rewards at the start, per arm.")
    step: float = Field(default=0.001, gt=0.0, description="Standard deviation of one step of a mean.")
    lower: float = Field(default=0.0, description="A mean never falls below.")
    upper: float = Field(default=1.0, description="Nor rises above.")

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if not self.lower <= min(self.means) <= max(self.means) <= self.upper or self.lower == self.upper:
            raise ValueError(f"means: must lie between lower ({self.lower:g}) and upper ({self.upper:g})")
        self._check_chances(self.lower, self.upper)
        return self

    def parameters(self) -> Array:
        """Noise, step, bounds, the first means."""
        return np.array([self._noise, self.step, self.lower, self.upper, *self.means], dtype=np.float64)


class Seasonal(Changing):
    """The means swing like a sine with one period, the arms evenly out of phase."""

    advance = staticmethod(seasonal_advance)

    name: Literal["seasonal"] = "seasonal"
    means: Means = Field(description="Expected rewards averaged over a period, per arm.")
    period: float = Field(default=1000.0, gt=0.0, description="Steps from one peak to the next.")
    swing: float = Field(default=0.1, gt=0.0, description="From the average to the peak, in units of the reward.")

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        self._check_chances(min(self.means) - self.swing, max(self.means) + self.swing)
        return self

    def parameters(self) -> Array:
        """Noise, period, swing, the averages."""
        return np.array([self._noise, self.period, self.swing, *self.means], dtype=np.float64)
