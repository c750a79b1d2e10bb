"""Several proportions at once: tables of r rows and two columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, kl_div

from bandit.statistics.comparison import Refused
from bandit.statistics.proportion import Proportion


@dataclass(frozen=True, slots=True)
class Homogeneity:
    """A test that several rates are all equal.

    Attributes:
        method: `chi_square` or `g`.
        statistic: Its distribution, if they are equal, is about chi-square.
        degrees: Of freedom: one less than there are arms.
        p_value: Of the hypothesis that they are equal.
        least_expected: The least number of successes or failures that an arm would have if they were equal.
        warnings: What a reader must know before believing it.
    """

    method: str
    statistic: float
    degrees: int
    p_value: float
    least_expected: float
    warnings: tuple[str, ...] = ()


def homogeneity(arms: Sequence[Proportion], method: Literal["chi_square", "g"] = "chi_square") -> Homogeneity:
    """Tests that several rates are all equal, by Pearson's chi-square or by the likelihood ratio, G.

    With no success at all, or no failure, p is 1.

    Args:
        arms: Two or more.
        method: Which statistic.

    Raises:
        ValueError: The method is neither.
        Refused: There are fewer than two arms, or one has no trials.
    """
    if len(arms) < 2 or any(not arm.trials for arm in arms):
        raise Refused(method, "it needs two arms or more, each with trials", "it once there are")
    statistic = statistic_of(arms, method)
    expected = _expected(_table(arms))
    least = float(expected.min())
    rough = np.mean(expected < 5.0) > 0.2 or least < 1.0
    return Homogeneity(
        method=method,
        statistic=statistic,
        degrees=len(arms) - 1,
        p_value=float(chdtrc(len(arms) - 1.0, statistic)),
        least_expected=least,
        warnings=("under 5 are expected in more than a fifth of the cells, or under 1 in one",) if rough else (),
    )


def statistic_of(arms: Sequence[Proportion], method: str, *, continuity: bool = False) -> float:
    """Pearson's statistic, or G; zero with no success at all, or no failure.

    Raises:
        ValueError: The method is neither `chi_square` nor `g`.
    """
    if method not in ("chi_square", "g"):
        raise ValueError(f"method: {method!r} given, must be chi_square or g")
    table = _table(arms)
    expected = _expected(table)
    if not expected.all():
        return 0.0
    distance = np.abs(table - expected)
    if method == "g":
        # 2 sum O log(O / E); less O - E, which sum to zero, every term is positive and no digits cancel.
        return float(2.0 * kl_div(table, expected).sum())
    if continuity:
        distance -= np.minimum(0.5, distance)
    return float((distance * distance / expected).sum())


def _table(arms: Sequence[Proportion]) -> NDArray[np.float64]:
    return np.array([(arm.successes, arm.failures) for arm in arms], np.float64)


def _expected(table: NDArray[np.float64]) -> NDArray[np.float64]:
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    expected: NDArray[np.float64] = np.outer(rows, columns) / columns.sum()
    return expected
