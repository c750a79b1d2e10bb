"""Boundaries that keep the type I error of several looks, and the functions by which it is spent.

Pocock's and O'Brien and Fleming's boundaries want the looks to be known in advance. Those of a spending function
(Lan and DeMets 1983) follow whatever looks are taken, as long as when to look does not depend on what was seen.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from bandit.statistics import tails
from bandit.statistics.comparison import Alternative
from bandit.statistics.crossing import Alive, Boundary, check_fractions, crossing

Spending = Callable[[float, float], float]
"""Called with an information fraction up to 1 and a one-sided alpha: how much of it may have been spent by then."""

_HIGHEST = 38.0
_LEAST = 1e-300


def spend_like_obrien_fleming(fraction: float, alpha: float) -> float:
    """2 - 2 Phi(z / sqrt(t)), z the quantile of 1 - alpha/2: nearly all at the end (Lan and DeMets 1983)."""
    return 2.0 * float(ndtr(ndtri(alpha / 2.0) / math.sqrt(fraction)))


def spend_like_pocock(fraction: float, alpha: float) -> float:
    """Of alpha, ln(1 + (e - 1) t): about as much at each look (Lan and DeMets 1983)."""
    return alpha * math.log1p(math.expm1(1.0) * fraction)


def spend_by_power(exponent: float) -> Spending:
    """Of alpha, t^exponent (Kim and DeMets 1987): 1 spends evenly, 3 is near O'Brien and Fleming.

    Raises:
        ValueError: The exponent is not above 0.
    """
    if not 0.0 < exponent < math.inf:
        raise ValueError(f"exponent: {exponent:g} given, must be above 0 and finite")
    return lambda fraction, alpha: float(alpha * fraction**exponent)


def pocock(fractions: Sequence[float], alpha: float = 0.05, alternative: Alternative = "two-sided") -> Boundary:
    """The same z at every look (Pocock 1977).

    Args:
        fractions: Of the planned information, at each look; rising.
        alpha: The probability of ever crossing where there is no effect.
        alternative: `two-sided` stops for either sign.

    Raises:
        ValueError: An argument is out of range.
    """
    return _shaped(fractions, alpha, alternative, 0.0)


def obrien_fleming(fractions: Sequence[float], alpha: float = 0.05, alternative: Alternative = "two-sided") -> Boundary:
    """A z that falls as 1 / sqrt(fraction) (O'Brien and Fleming 1979). Arguments and errors as for `pocock`."""
    return _shaped(fractions, alpha, alternative, -0.5)


def spent(
    fractions: Sequence[float],
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
    spending: Spending = spend_like_obrien_fleming,
) -> Boundary:
    """The boundary of a spending function; a two-sided one spends half of alpha on each side.

    Args:
        fractions: Of the planned information, at the looks so far or at all; rising. From 1 on, all may be spent.
        alpha: The probability of ever crossing where there is no effect, if a look reaches fraction 1.
        alternative: `two-sided` stops for either sign.
        spending: How much may be spent by when; it must not fall.

    Raises:
        ValueError: An argument is out of range.
    """
    side = _side(fractions, alpha, alternative)
    times, alive, before, upper = tuple(fractions), Alive.at_start(), 0.0, list[float]()
    for time, after in zip(times, (*times[1:], times[-1]), strict=True):
        total = spending(min(time, 1.0), side)
        z = _exceeded_with(total - before, alive, time, two_sided=alternative == "two-sided")
        upper.append(z)
        alive = alive.until(time, -z if alternative == "two-sided" else -math.inf, z, after)
        before = max(before, total)
    return _sided(times, upper, alternative)


def lan_demets_obrien_fleming(
    fractions: Sequence[float], alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Boundary:
    """`spent` with `spend_like_obrien_fleming`."""
    return spent(fractions, alpha, alternative, spend_like_obrien_fleming)


def lan_demets_pocock(
    fractions: Sequence[float], alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Boundary:
    """`spent` with `spend_like_pocock`."""
    return spent(fractions, alpha, alternative, spend_like_pocock)


BOUNDARIES: Mapping[str, Callable[[Sequence[float], float, Alternative], Boundary]] = {
    boundary.__name__: boundary for boundary in (lan_demets_obrien_fleming, lan_demets_pocock, obrien_fleming, pocock)
}
"""Those that need nothing but looks and alpha, by name."""


def _shaped(fractions: Sequence[float], alpha: float, alternative: Alternative, power: float) -> Boundary:
    """The z values c (t / t_K)^power, with the c that has the level (Wang and Tsiatis 1987)."""
    side = _side(fractions, alpha, alternative)
    shape = [(fraction / fractions[-1]) ** power for fraction in fractions]

    def boundary(constant: float) -> Boundary:
        return _sided(fractions, [constant * factor for factor in shape], alternative)

    # Between the quantile of a single look and Bonferroni's.
    least, greatest = (-float(ndtri(side / looks)) for looks in (1, len(shape)))
    constant = brentq(
        lambda c: crossing(boundary(c)).probability - alpha,
        least - 1e-6,
        max(greatest, 0.0) + 1.0,
        xtol=1e-12,
        rtol=1e-13,
    )
    return boundary(constant)


def _exceeded_with(probability: float, alive: Alive, time: float, *, two_sided: bool) -> float:
    """The z that is reached with this probability at a time."""
    if probability < _LEAST:
        return math.inf
    goal = math.log(probability)
    return float(
        brentq(
            lambda z: math.log(max(alive.above(time, z), _LEAST * 1e-5)) - goal,
            0.0 if two_sided else -_HIGHEST,
            _HIGHEST,
            xtol=1e-12,
            rtol=1e-13,
        )
    )


def _side(fractions: Sequence[float], alpha: float, alternative: Alternative) -> float:
    """Alpha on one side."""
    check_fractions(fractions)
    tails.check(alpha, alternative)
    return alpha / 2.0 if alternative == "two-sided" else alpha


def _sided(fractions: Sequence[float], upper: Sequence[float], alternative: Alternative) -> Boundary:
    mirrored = tuple(-z for z in upper)
    nowhere = (math.inf,) * len(mirrored)
    return Boundary(
        tuple(fractions),
        tuple(-z for z in nowhere) if alternative == "greater" else mirrored,
        nowhere if alternative == "less" else tuple(upper),
    )
