"""The upper tail of the noncentral t distribution, for any noncentrality: what the power of a t test is made of."""

import math

import numpy as np
from scipy.special import chdtr, chdtri, ndtr

from bandit.statistics.panels import panels

_DEVIATES = np.array([-10.0, -7.0, -5.0, -3.5, -2.0, -1.0, 0.0, 1.0, 2.0, 3.5, 5.0, 7.0, 10.0])
_LEVELS = np.array([1e-16, 1e-12, 1e-8, 1e-5, 1e-3, 0.03, 0.2, 0.5, 0.8, 0.97, 1.0 - 1e-3, 1.0 - 1e-5, 1.0 - 1e-8])
_KNOWN = 1e12
"""Degrees of freedom from which on the standard deviation counts as known: the rest is below rounding."""


def exceeds(critical: float, df: float, noncentrality: float) -> float:
    """P(T >= critical), T = (Z + noncentrality) / sqrt(chi2 / df), to about 1e-11.

    An integral over Z of the distribution function of chi2, because scipy's has no answer for great noncentralities.

    Args:
        critical: Above 0.
        df: Degrees of freedom, at least 1.
        noncentrality: Of either sign.
    """
    if df >= _KNOWN:
        return float(ndtr(noncentrality - critical))
    turns = critical * np.sqrt(chdtri(df, 1.0 - _LEVELS) / df)
    edges = np.sort(np.concatenate([turns - noncentrality, _DEVIATES]))
    deviates, weights = panels(np.clip(edges, min(10.0, max(-10.0, -noncentrality)), 10.0))
    density = weights * np.exp(-0.5 * deviates * deviates) / math.sqrt(2.0 * math.pi)
    return float(density @ chdtr(df, df * ((deviates + noncentrality) / critical) ** 2))
