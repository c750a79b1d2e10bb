"""How many units an experiment needs, what effect it can find, and how surely: roots of a design's power."""

import math
from typing import NamedTuple

from bandit.statistics.crossing import Boundary
from bandit.statistics.design import Design
from bandit.statistics.group_sequential import crossing_power, fixed_drift
from bandit.statistics.root import NoRoot, rising_root

MOST_UNITS = 1e15
"""Of one variant: more are not looked for."""
_SURE = 20.0


class Size(NamedTuple):
    """How many units: as the formula has it, and whole.

    Attributes:
        exact: Of the control.
        control: Rounded up.
        treatment: Of each treatment, rounded up.
        total: Over all variants, whole.
    """

    exact: float
    control: int
    treatment: int
    total: int


def sample_size(design: Design, effect: float, power: float = 0.8, inflation: float = 1.0) -> Size:
    """How many units find this effect with this power.

    Args:
        design: What is compared, and how.
        effect: Treatment less control.
        power: Strictly between 0 and 1.
        inflation: What looking more than once costs: `group_sequential.inflation_factor` at the design's level.

    Raises:
        ValueError: An argument is out of range, or no number of units up to 1e15 is enough.
    """
    _check_power(power)
    _check_effect(design, effect)
    away = effect - design.null
    if away == 0.0 or (design.alternative == "greater" and away < 0.0) or (design.alternative == "less" and away > 0.0):
        side = {"greater": "above", "less": "below", "two-sided": "other than"}[design.alternative]
        raise ValueError(f"effect: {effect:g} given, must be {side} {design.null:g} to be found")
    guess = 2.0 * math.log(design.deviation / abs(away)) + 2.0
    least, most = math.log(design.least_size), math.log(MOST_UNITS)
    if design.power(design.least_size, effect) >= power:
        return whole(design, inflation * design.least_size)
    try:
        found = rising_root(
            lambda size: design.power(math.exp(size), effect) - power, min(max(guess, least), most), 1.0, least, most
        )
    except NoRoot:
        raise ValueError(f"effect: {effect:g} given, which no sample up to {MOST_UNITS:g} units finds") from None
    return whole(design, inflation * math.exp(found))


def detectable_effect(design: Design, size: float, power: float = 0.8, inflation: float = 1.0) -> float:
    """The least effect that so many units find with this power.

    Args:
        design: What is compared, and how; `less` looks below, the others above what is to be rejected.
        size: Units of the control.
        power: Above alpha, below 1.
        inflation: As for `sample_size`.

    Raises:
        ValueError: An argument is out of range, or there is no such effect.
    """
    _check_power(power)
    _check_size(design, size)
    sign = -1.0 if design.alternative == "less" else 1.0
    furthest = sign * (design.limits[0 if sign < 0.0 else 1] - design.null)
    units = max(size / inflation, design.least_size)

    def excess(distance: float) -> float:
        return design.power(units, design.null + sign * distance) - power

    if excess(0.0) >= 0.0:
        raise ValueError(f"power: {power:g} given, must be above what there is without an effect")
    try:
        distance = rising_root(excess, 0.0, min(design.deviation / math.sqrt(units), furthest), 0.0, furthest)
    except NoRoot:
        raise ValueError(f"size: {size:g} given, with which no effect is found with power {power:g}") from None
    return design.null + sign * distance


def power_with_looks(design: Design, boundary: Boundary, size: float, effect: float) -> float:
    """The power when a boundary stops it early: that for which the fixed size, inflated, is this one.

    Args:
        design: What is compared, and how.
        boundary: When to stop; at the design's level and for its alternative.
        size: Units of the control at fraction 1.
        effect: Treatment less control.

    Raises:
        ValueError: An argument is out of range.
    """
    _check_size(design, size)
    _check_effect(design, effect)
    sign = -1.0 if design.alternative == "less" else 1.0

    def excess(drift: float) -> float:
        power = min(crossing_power(boundary, sign * drift), 1.0 - 1e-15)
        inflation = (drift / fixed_drift(design.alternative, design.level(), power)) ** 2
        return power - design.power(max(size / inflation, design.least_size), effect)

    least = 0.1
    if excess(least) >= 0.0:
        return design.power(size, effect)
    if excess(_SURE) <= 0.0:
        return 1.0
    return crossing_power(boundary, sign * rising_root(excess, 3.0, 1.0, least, _SURE))


def whole(design: Design, exact: float) -> Size:
    """The size in whole units, the control's being given."""
    control, treatment = _up(exact), _up(exact * design.ratio)
    return Size(exact, control, treatment, control + design.treatments * treatment)


def _check_power(power: float) -> None:
    """Refuses what is no power.

    Raises:
        ValueError: It does not lie strictly between 0 and 1.
    """
    if not 0.0 < power < 1.0:
        raise ValueError(f"power: {power:g} given, must lie strictly between 0 and 1")


def _check_effect(design: Design, effect: float) -> None:
    """Refuses an effect that there cannot be.

    Raises:
        ValueError: It leaves the metric's range.
    """
    least, most = design.limits
    if not least * (1.0 + 1e-12) <= effect <= most * (1.0 + 1e-12) or math.isinf(effect):
        raise ValueError(f"effect: {effect:g} given, must be finite and lie from {least:g} to {most:g}")


def _check_size(design: Design, size: float) -> None:
    """Refuses a size with which there is no test.

    Raises:
        ValueError: It is too small, or beyond `MOST_UNITS`.
    """
    if not design.least_size <= size <= MOST_UNITS:
        raise ValueError(f"size: {size:g} given, must lie from {design.least_size:g} to {MOST_UNITS:g}")


def _up(units: float) -> int:
    return max(1, math.ceil(units - 1e-6))
