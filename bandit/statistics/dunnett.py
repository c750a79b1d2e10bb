"""Dunnett's comparison of several treatments with one control: critical values and p-values by quadrature.

The statistics share the control, so their correlations are l_i l_j with l_i^2 = n_i / (n_0 + n_i). Given the control's
deviate z and the ratio s of the estimated standard deviation to the true one they are independent, which leaves

    P(some T_i >= c) = int f(s) int phi(z) [1 - prod_i P(T_i < c | s, z)] dz ds

(Dunnett 1955). It is the tail that is integrated, not its complement, so that small p-values keep their digits; by
Gauss-Legendre on panels that end where a factor turns, so that very unequal sizes do no harm.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import chi2, norm, t

from bandit.statistics import tails
from bandit.statistics.comparison import Alternative
from bandit.statistics.panels import Array, panels

_TURNS = np.array([-8.0, -5.0, -3.0, -1.5, 0.0, 1.5, 3.0, 5.0, 8.0])
_DECAY = 2.0 ** np.arange(-3.0, 4.0)
_NOTHING = 1e-17
_FARTHEST = 38.0
"""Where the normal density ends in double precision."""
_KNOWN = 1e9
"""Degrees of freedom from which on the variance counts as known: the rest is below 1e-9."""


def p_values(
    statistics: Sequence[float],
    ratios: Sequence[float],
    df: float = math.inf,
    alternative: Alternative = "two-sided",
) -> list[float]:
    """The adjusted p-value of each treatment: reject where it is at most alpha, and the family keeps its level.

    Args:
        statistics: t or z of each treatment against control, with one standard deviation pooled over all arms.
        ratios: Units of each treatment for one of the control.
        df: Units less arms; infinite where the variance is known, and for proportions, where it is an approximation.
        alternative: On which side a statistic is extreme.

    Raises:
        ValueError: An argument is out of range.
    """
    if len(statistics) != len(ratios):
        raise ValueError(f"ratios: {len(ratios)} given, must be one for each of {len(statistics)} statistics")
    for place, statistic in enumerate(statistics):
        if math.isnan(statistic):
            raise ValueError(f"statistics[{place}]: nan given, must be a number")
    sign = -1.0 if alternative == "less" else 1.0
    two_sided = alternative == "two-sided"
    return [_tail(sign * statistic, _sizes(ratios), _degrees(df), two_sided) for statistic in statistics]


def critical_value(
    alpha: float, ratios: Sequence[float], df: float = math.inf, alternative: Alternative = "two-sided"
) -> float:
    """The value that any statistic passes with probability alpha when no treatment differs from control.

    Args:
        alpha: The family-wise error rate.
        ratios: Units of each treatment for one of the control.
        df: As for `p_values`.
        alternative: With `less` the value is negative, and passed downwards.

    Raises:
        ValueError: An argument is out of range.
    """
    tails.check(alpha, alternative)
    found = _critical_value(alpha, _sizes(ratios), _degrees(df), alternative == "two-sided")
    return -found if alternative == "less" else found


def _sizes(ratios: Sequence[float]) -> tuple[float, ...]:
    if not ratios:
        raise ValueError("ratios: none given, must be one or more")
    for place, ratio in enumerate(ratios):
        if not 0.0 < ratio < math.inf:
            raise ValueError(f"ratios[{place}]: {ratio:g} given, must be above 0 and finite")
    return tuple(sorted(ratios))


def _degrees(df: float) -> float:
    if not df >= 1.0:
        raise ValueError(f"df: {df:g} given, must be at least 1")
    return df


@lru_cache(maxsize=1024)
def _critical_value(alpha: float, ratios: tuple[float, ...], df: float, two_sided: bool) -> float:
    level = alpha / 2.0 if two_sided else alpha
    quantile = norm.isf if df >= _KNOWN else lambda level: t.isf(level, df)
    # Between the value for one treatment alone and Bonferroni's, with some room for rounding.
    least, greatest = float(quantile(level)), float(quantile(level / len(ratios)))
    room = 1e-6 * (1.0 + abs(greatest))
    return float(
        brentq(
            lambda critical: _tail(critical, ratios, df, two_sided) - alpha,
            max(0.0, least - room) if two_sided else least - room,
            greatest + room,
            xtol=1e-13,
            rtol=1e-13,
        )
    )


def _tail(critical: float, ratios: tuple[float, ...], df: float, two_sided: bool) -> float:
    """P(some T_i >= critical), or P(some |T_i| >= |critical|)."""
    if two_sided:
        critical = abs(critical)
    if math.isinf(critical) or (two_sided and critical == 0.0):
        return 0.0 if critical > 0.0 else 1.0
    deviations, masses = (np.ones(1), np.ones(1)) if df >= _KNOWN else _deviations(critical, df)
    return min(1.0, float(masses @ _given_deviation(critical * deviations, ratios, two_sided)))


def _deviations(critical: float, df: float) -> tuple[Array, Array]:
    """Nodes and masses of s = sqrt(chi2 / df), from where it lies if T is extreme to where it lies anyway.

    The trapezoidal rule in log s, which is exact to rounding for an analytic density that falls off on both sides.
    """
    low, high = chi2.ppf(_NOTHING, df) / (df + critical * critical), chi2.isf(_NOTHING, df) / df
    step = min(0.15, 0.7 / math.sqrt(2.0 * df))
    logs = np.arange(0.5 * math.log(low), 0.5 * math.log(high) + step, step)
    masses = np.exp(0.5 * df * (2.0 * logs - np.expm1(2.0 * logs)))
    return np.exp(logs), masses / masses.sum()


def _given_deviation(critical: Array, ratios: tuple[float, ...], two_sided: bool) -> Array:
    """The integral over the control's deviate, for each of these critical values."""
    sizes, counts = np.unique(np.array(ratios), return_counts=True)
    loadings, widths = np.sqrt(sizes / (1.0 + sizes)), np.sqrt(1.0 / (1.0 + sizes))
    # Panels end where z is likely, where it is likely if T is extreme, where a factor turns, and where the density has
    # fallen after that; like sizes share theirs.
    _, distinct = np.unique(np.round(3.0 * np.log(widths)), return_index=True)
    turns = [np.broadcast_to(_TURNS, (critical.size, _TURNS.size))]
    for loading, width in zip(loadings[distinct], widths[distinct], strict=True):
        likely, turning = critical[:, None] * loading, critical[:, None] / loading
        turns += [likely + width * _TURNS, turning + width / loading * _TURNS, turning + _DECAY]
    # Both tails together are even in z.
    least = 0.0 if two_sided else -_FARTHEST
    edges = np.sort(np.clip(np.concatenate(turns, axis=1), least, _FARTHEST), axis=1)
    places, weights = panels(edges)
    none_exceeds = np.zeros_like(places)
    with np.errstate(divide="ignore"):  # where one exceeds for certain
        for loading, width, count in zip(loadings, widths, counts, strict=True):
            exceeds = ndtr((loading * places - critical[:, None]) / width)
            if two_sided:
                exceeds += ndtr((-loading * places - critical[:, None]) / width)
            none_exceeds += count * np.log1p(-np.minimum(exceeds, 1.0))
    density = weights * np.exp(-0.5 * places * places) * ((2.0 if two_sided else 1.0) / math.sqrt(2.0 * math.pi))
    return np.asarray(-np.sum(density * np.expm1(none_exceeds), axis=1))
