"""Adjusted p-values of several hypotheses: reject where one is at most alpha, and the named error rate is kept.

| adjustment | keeps | holds when |
|---|---|---|
| `bonferroni`, `holm` | the family-wise error rate | always |
| `sidak`, `hochberg` | the family-wise error rate | the tests are independent or positively dependent |
| `benjamini_hochberg` | the false discovery rate | as `hochberg` |
| `benjamini_yekutieli` | the false discovery rate | always |

Several treatments against one control are sharper served by `bandit.statistics.dunnett`, which knows their correlation.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

PValues = Sequence[float] | NDArray[np.float64]
Adjusted = NDArray[np.float64]


def bonferroni(p_values: PValues) -> Adjusted:
    """Each p-value times their number.

    Args:
        p_values: One for each hypothesis, in any order; none are needed.

    Returns:
        The adjusted p-values in the same order, at most 1.

    Raises:
        ValueError: A p-value does not lie between 0 and 1, or there is more than one dimension.
    """
    values = _checked(p_values)
    return np.minimum(values * values.size, 1.0)


def sidak(p_values: PValues) -> Adjusted:
    """1 - (1 - p)^m: exact for independent tests. Arguments, result and errors as for `bonferroni`."""
    values = _checked(p_values)
    with np.errstate(divide="ignore"):  # a p-value of 1 stays 1
        return np.asarray(-np.expm1(values.size * np.log1p(-values)))


def holm(p_values: PValues) -> Adjusted:
    """Holm's step-down procedure (Holm 1979), never weaker than Bonferroni's and valid wherever that is.

    Arguments, result and errors as for `bonferroni`.
    """
    values = _checked(p_values)
    return _stepped_down(values, np.arange(values.size, 0, -1.0))


def hochberg(p_values: PValues) -> Adjusted:
    """Hochberg's step-up procedure (Hochberg 1988), for tests that are independent or positively dependent.

    Arguments, result and errors as for `bonferroni`.
    """
    values = _checked(p_values)
    return _stepped_up(values, np.arange(values.size, 0, -1.0))


def benjamini_hochberg(p_values: PValues) -> Adjusted:
    """False discovery rate of tests that are independent or positively dependent (Benjamini and Hochberg 1995).

    Arguments, result and errors as for `bonferroni`.
    """
    values = _checked(p_values)
    return _stepped_up(values, values.size / np.arange(1.0, values.size + 1.0))


def benjamini_yekutieli(p_values: PValues) -> Adjusted:
    """False discovery rate under any dependence (Benjamini and Yekutieli 2001).

    Arguments, result and errors as for `bonferroni`.
    """
    values = _checked(p_values)
    ranks = np.arange(1.0, values.size + 1.0)
    return _stepped_up(values, np.sum(1.0 / ranks) * values.size / ranks)


ADJUSTMENTS: Mapping[str, Callable[[PValues], Adjusted]] = {
    adjustment.__name__: adjustment
    for adjustment in (bonferroni, sidak, holm, hochberg, benjamini_hochberg, benjamini_yekutieli)
}
"""Every adjustment by its name."""


def _checked(p_values: PValues) -> NDArray[np.float64]:
    values = np.asarray(p_values, np.float64)
    if values.ndim != 1:
        raise ValueError(f"p_values: {values.ndim} dimensions given, must be a flat sequence")
    for place in np.flatnonzero(~((values >= 0.0) & (values <= 1.0))):
        raise ValueError(f"p_values[{place}]: {values[place]:g} given, must lie between 0 and 1")
    return values


def _stepped_down(values: NDArray[np.float64], factors: NDArray[np.float64]) -> Adjusted:
    """The least p-value times the first factor, and so on; none below the one before it."""
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    return adjusted


def _stepped_up(values: NDArray[np.float64], factors: NDArray[np.float64]) -> Adjusted:
    """The same from the greatest p-value down; none above the one after it."""
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.minimum.accumulate((values[order] * factors)[::-1])[::-1], 1.0)
    return adjusted
