"""With what probability a statistic crosses a boundary at each of several looks.

At information fraction t the standardised statistic is B(t) / sqrt(t), B a Brownian motion with drift. The density of B
among the paths that have not crossed is carried from look to look by Gauss-Legendre integration (the recursion is that
of Armitage, McPherson and Rowe 1969), on panels as narrow as the step between two looks asks for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Self

import numpy as np
from scipy.special import ndtr

from bandit.statistics.comparison import Alternative
from bandit.statistics.panels import Array, panels

CLOSEST = 1e-3
"""Looks may not be closer than this: the work grows with the inverse of the distance."""
_FARTHEST = 10.0
_DRIFTS = 3.0


@dataclass(frozen=True, slots=True)
class Boundary:
    """When to stop: the z values that end it, at each look.

    Attributes:
        fractions: Of the planned information (units, mostly) that each look has; rising.
        lower: A z at or below this crosses; minus infinity where nothing does.
        upper: A z at or above this crosses; infinity where nothing does.
    """

    fractions: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]

    def __post_init__(self) -> None:
        check_fractions(self.fractions)
        if not len(self.fractions) == len(self.lower) == len(self.upper):
            raise ValueError(
                f"boundary: {len(self.lower)} lower and {len(self.upper)} upper values given, "
                f"must be one each for {len(self.fractions)} looks"
            )
        for look, (lower, upper) in enumerate(zip(self.lower, self.upper, strict=True)):
            if not lower <= upper:
                raise ValueError(f"boundary: lower[{look}] {lower:g} given, must not lie above upper[{look}] {upper:g}")

    @property
    def alternative(self) -> Alternative:
        """Which effects it stops for."""
        up, down = any(map(math.isfinite, self.upper)), any(map(math.isfinite, self.lower))
        return "two-sided" if up == down else "greater" if up else "less"


@dataclass(frozen=True, slots=True)
class Crossing:
    """The probabilities that a boundary is first crossed at each look, downwards and upwards."""

    lower: tuple[float, ...]
    upper: tuple[float, ...]

    @property
    def probability(self) -> float:
        """That it is ever crossed."""
        return math.fsum((*self.lower, *self.upper))


class Alive(NamedTuple):
    """The paths that have not crossed yet: where B is at this time, as places with masses."""

    time: float
    places: Array
    masses: Array

    @classmethod
    def at_start(cls) -> Self:
        """All of them, at zero."""
        return cls(0.0, np.zeros(1), np.ones(1))

    def above(self, time: float, z: float, drift: float = 0.0) -> float:
        """The probability of being alive now and at or above z at a later time."""
        return float(self.masses @ ndtr(-self._deviates(time, z, drift)))

    def below(self, time: float, z: float, drift: float = 0.0) -> float:
        """The probability of being alive now and at or below z at a later time."""
        return float(self.masses @ ndtr(self._deviates(time, z, drift)))

    def tilted(self, drift: float, away: float) -> "Alive":
        """The same paths if B had this much more drift than it had: each counts by its likelihood ratio."""
        ratios = np.exp(away * (self.places - drift * self.time) - 0.5 * away * away * self.time)
        return Alive(self.time, self.places, self.masses * ratios)

    def until(self, time: float, lower: float, upper: float, after: float, drift: float = 0.0) -> "Alive":
        """Those that are alive at a later time too, because z lies between these.

        Args:
            time: When.
            lower: Least z.
            upper: Greatest z.
            after: The time of the look after that, for which places are needed; `time` if there is none.
            drift: Of B.
        """
        root, step = math.sqrt(time), time - self.time
        low = max(lower * root, drift * time - _FARTHEST * root)
        high = max(low, min(upper * root, drift * time + _FARTHEST * root))
        scale = math.sqrt(min(step, after - time) if after > time else step)
        places, weights = panels(np.linspace(low, high, 2 + int((high - low) / (2.0 * scale))))
        distances = (places[:, None] - self.places - drift * step) / math.sqrt(step)
        density = np.exp(-0.5 * distances * distances) @ self.masses / math.sqrt(2.0 * math.pi * step)
        return Alive(time, places, weights * density)

    def _deviates(self, time: float, z: float, drift: float) -> Array:
        step = time - self.time
        return (z * math.sqrt(time) - self.places - drift * step) / math.sqrt(step)


def crossing(boundary: Boundary, drift: float = 0.0) -> Crossing:
    """The probabilities of first crossing the boundary at each look.

    Args:
        boundary: When to stop.
        drift: The mean of z at fraction 1, where the effect is what it is; 0 for none.

    Raises:
        ValueError: The drift is not finite.
    """
    if not math.isfinite(drift):
        raise ValueError(f"drift: {drift:g} given, must be finite")
    near = _DRIFTS * round(drift / _DRIFTS)
    before = [alive.tilted(near, drift - near) for alive in _alive_before(boundary, near)]
    times = boundary.fractions
    return Crossing(
        tuple(alive.below(time, z, drift) for alive, time, z in zip(before, times, boundary.lower, strict=True)),
        tuple(alive.above(time, z, drift) for alive, time, z in zip(before, times, boundary.upper, strict=True)),
    )


@lru_cache(maxsize=64)
def _alive_before(boundary: Boundary, drift: float) -> tuple[Alive, ...]:
    """The paths that come to each look, with one of few drifts: from these those of any drift nearby follow."""
    before, times = [Alive.at_start()], boundary.fractions
    for time, after, low, high in zip(times, times[1:], boundary.lower, boundary.upper, strict=False):
        before.append(before[-1].until(time, low, high, after, drift))
    return tuple(before)


def equally_spaced(looks: int) -> tuple[float, ...]:
    """The fractions 1/K, 2/K ... 1.

    Raises:
        ValueError: There is no look, or there are more than a thousand.
    """
    if not 1 <= looks <= round(1.0 / CLOSEST):
        raise ValueError(f"looks: {looks} given, must be 1 to {round(1.0 / CLOSEST)}")
    return tuple(look / looks for look in range(1, looks + 1))


def check_fractions(fractions: Sequence[float]) -> None:
    """Refuses fractions that do not rise, or lie too close together.

    Raises:
        ValueError: They do.
    """
    if not fractions:
        raise ValueError("fractions: none given, must be one or more")
    for look, (before, fraction) in enumerate(zip((0.0, *fractions), fractions, strict=False)):
        if not CLOSEST * (1.0 - 1e-9) <= fraction - before < math.inf:
            raise ValueError(
                f"fractions[{look}]: {fraction:g} given, must be at least {CLOSEST:g} more than {before:g}"
            )
