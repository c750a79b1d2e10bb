"""Looking several times at a fixed split: what it costs, and what may be said when it has stopped.

It holds for statistics with independent increments: means, proportions and rates of a fixed split, in large samples.
Not for what a bandit collected, and not where the time of a look depends on what was seen.
"""

import math
from collections.abc import Sequence

from scipy.special import ndtri

from bandit.statistics import tails
from bandit.statistics.comparison import Alternative, Comparison
from bandit.statistics.crossing import Boundary, crossing, equally_spaced
from bandit.statistics.root import rising_root

METHOD = "group_sequential"


def peeking_error(looks: int, alpha: float = 0.05) -> float:
    """The type I error of a two-sided test that is read at equally spaced looks, each at level alpha.

    Args:
        looks: How often, 1 to 1,000.
        alpha: The level of each look.

    Raises:
        ValueError: An argument is out of range.
    """
    tails.check(alpha)
    critical = -float(ndtri(alpha / 2.0))
    return crossing(Boundary(equally_spaced(looks), (-critical,) * looks, (critical,) * looks)).probability


def crossing_power(boundary: Boundary, drift: float) -> float:
    """The probability of crossing the boundary on the side of the effect.

    Args:
        boundary: When to stop.
        drift: The mean of z at fraction 1, positive for an effect upwards.
    """
    found = crossing(boundary, drift)
    return math.fsum(found.upper if drift >= 0.0 else found.lower)


def drift_with_power(boundary: Boundary, power: float) -> float:
    """The mean of z at fraction 1 with which the boundary is crossed so probably on the side of the effect.

    Args:
        boundary: When to stop; what never crosses upwards is meant for effects downwards.
        power: Above the type I error of that side, below 1.

    Raises:
        ValueError: The power is out of range.
    """
    downwards = boundary.alternative == "less"
    sign = -1.0 if downwards else 1.0

    def excess(distance: float) -> float:
        found = crossing(boundary, sign * distance)
        return math.fsum(found.lower if downwards else found.upper) - power

    if not power < 1.0 or excess(0.0) >= 0.0:
        raise ValueError(f"power: {power:g} given, must lie between the type I error of its side and 1")
    return sign * rising_root(excess, 0.0, 1.0)


def inflation_factor(boundary: Boundary, alpha: float, power: float) -> float:
    """How many times the size of a fixed design fraction 1 must be, for the same power.

    Args:
        boundary: When to stop.
        alpha: Its type I error, which the fixed design has too.
        power: Of both; the far tail is not counted in either.

    Raises:
        ValueError: An argument is out of range.
    """
    tails.check(alpha)
    return (drift_with_power(boundary, power) / fixed_drift(boundary.alternative, alpha, power)) ** 2


def fixed_drift(alternative: Alternative, alpha: float, power: float) -> float:
    """The same for a test that is read once: how far from zero the mean of z must be."""
    return float(ndtri(power) - ndtri(alpha / (2.0 if alternative == "two-sided" else 1.0)))


def expected_fraction(boundary: Boundary, drift: float) -> float:
    """The expected information at the stop, as a fraction of what is planned; at the last look it stops anyway."""
    found = crossing(boundary, drift)
    stops = [lower + upper for lower, upper in zip(found.lower, found.upper, strict=True)]
    *early, _ = zip(stops, boundary.fractions, strict=True)
    last = boundary.fractions[-1]
    return last - math.fsum(probability * (last - fraction) for probability, fraction in early)


def analyse(
    boundary: Boundary, statistics: Sequence[float], standard_errors: Sequence[float], alpha: float = 0.05
) -> Comparison:
    """What the looks so far say of the effect, the looking accounted for.

    Where the boundary was crossed or the last look is taken, the p-value, the median-unbiased effect and the interval
    come from the stage-wise ordering of outcomes (Tsiatis, Rosner and Mehta 1984), in which an earlier crossing is more
    extreme than any later one; the interval excludes zero just where the boundary was crossed. Before that the effect
    is the plain one, the interval the repeated one of this look (Jennison and Turnbull 1989), which holds whatever is
    decided on seeing it, and there is no p-value.

    Args:
        boundary: When to stop, with type I error alpha.
        statistics: z at each look so far; what comes after the first crossing is not used.
        standard_errors: Of the effect, at the same looks.
        alpha: 1 less the level of the interval.

    Raises:
        ValueError: An argument is out of range.
    """
    tails.check(alpha)
    _check_looks(boundary, statistics, standard_errors)
    crossed = [not low < z < high for z, low, high in zip(statistics, boundary.lower, boundary.upper, strict=False)]
    look = crossed.index(True) if any(crossed) else len(statistics) - 1
    z, error = statistics[look], standard_errors[look]
    if not crossed[look] and look < len(boundary.fractions) - 1:
        interval = ((z - boundary.upper[look]) * error, (z - boundary.lower[look]) * error)
        return Comparison(METHOD, z * error, interval, None, z, warnings=(_GOES_ON,))
    unused = look < len(statistics) - 1
    warnings = (f"looks after the crossing at look {look + 1} are not used",) if unused else ()
    return _stopped(boundary, look, z, error, alpha, warnings)


_GOES_ON = "the boundary is not crossed: the interval holds at every look, the effect is not adjusted for looking"


def _stopped(
    boundary: Boundary, look: int, z: float, error: float, alpha: float, warnings: tuple[str, ...]
) -> Comparison:
    fractions, lower, upper = boundary.fractions[: look + 1], boundary.lower[:look], boundary.upper[:look]
    as_great = Boundary(fractions, (*lower, -math.inf), (*upper, z))
    as_small = Boundary(fractions, (*lower, z), (*upper, math.inf))
    scale = math.sqrt(fractions[-1])

    def effect_with(probability: float) -> float:
        """The effect that makes an outcome at least as great as this one so probable."""
        found = rising_root(lambda drift: _upwards(as_great, drift) - probability, z / scale, 1.0 / scale)
        return found * error * scale

    greater, less = _upwards(as_great, 0.0), math.fsum(crossing(as_small).lower)
    effect = effect_with(0.5)
    if boundary.alternative == "greater":
        return Comparison(METHOD, effect, (effect_with(alpha), math.inf), greater, z, warnings=warnings)
    if boundary.alternative == "less":
        return Comparison(METHOD, effect, (-math.inf, effect_with(1.0 - alpha)), less, z, warnings=warnings)
    interval = (effect_with(alpha / 2.0), effect_with(1.0 - alpha / 2.0))
    return Comparison(METHOD, effect, interval, min(1.0, 2.0 * min(greater, less)), z, warnings=warnings)


def _upwards(boundary: Boundary, drift: float) -> float:
    return math.fsum(crossing(boundary, drift).upper)


def _check_looks(boundary: Boundary, statistics: Sequence[float], standard_errors: Sequence[float]) -> None:
    if not 1 <= len(statistics) <= len(boundary.fractions):
        raise ValueError(f"statistics: {len(statistics)} given, must be 1 to {len(boundary.fractions)}")
    if len(standard_errors) != len(statistics):
        raise ValueError(
            f"standard_errors: {len(standard_errors)} given, must be one for each of {len(statistics)} looks"
        )
    for look, (z, error) in enumerate(zip(statistics, standard_errors, strict=True)):
        if not math.isfinite(z):
            raise ValueError(f"statistics[{look}]: {z:g} given, must be finite")
        if not 0.0 < error < math.inf:
            raise ValueError(f"standard_errors[{look}]: {error:g} given, must be above 0 and finite")
