"""Exact tests of two proportions."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bandit.statistics.comparison import Alternative, Comparison, Refused
from bandit.statistics.proportion import Proportion
from bandit.statistics.proportions import compared, need_trials

MOST_TRIALS = 1e8
"""Beyond them the products of counts leave the range in which `fisher` is precise."""
MOST_TABLES = 100_000
"""Possible outcomes that an unconditional test may have to weigh: 315 trials an arm take about half a second."""


def fisher(
    treatment: Proportion, control: Proportion, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Comparison:
    """Fisher's test that two rates are equal, given how many succeeded in all; two-sided, outcomes no likelier count.

    Its level is at most `alpha`, and well under it for few trials: `boschloo` is never less powerful. The interval is
    Newcombe's and may disagree with it, which a warning then says.

    Raises:
        ValueError: See `tails.check`.
        Refused: An arm has no trials, the counts are not whole, or there are more than 100 million trials.

    Source: Fisher, "The logic of inductive inference", Journal of the Royal Statistical Society 98, 1935.
    """
    table = _table("fisher", treatment, control)
    if treatment.trials + control.trials > MOST_TRIALS:
        raise Refused("fisher", f"it is not precise beyond {MOST_TRIALS:,.0f} trials", "pooled_z")
    p = float(stats.fisher_exact(table, alternative=alternative).pvalue)
    return compared("fisher", treatment, control, min(1.0, p), None, alpha, alternative)


def barnard(
    treatment: Proportion, control: Proportion, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Comparison:
    """Barnard's test that two rates are equal: at the rate in common at which the outcome is least surprising.

    Outcomes are ordered by the pooled z. Its level is at most `alpha`.

    Raises:
        ValueError: See `tails.check`.
        Refused: An arm has no trials, the counts are not whole, or there are more than 100,000 possible outcomes.

    Source: Barnard, "Significance tests for 2 x 2 tables", Biometrika 34, 1947.
    """
    return _unconditional("barnard", treatment, control, alpha, alternative)


def boschloo(
    treatment: Proportion, control: Proportion, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Comparison:
    """Boschloo's test that two rates are equal: like `barnard`, with outcomes ordered by Fisher's p-value.

    One-sided it is never less powerful than `fisher`; two-sided, its p-value is twice the lesser one-sided one.

    Raises:
        ValueError: See `tails.check`.
        Refused: An arm has no trials, the counts are not whole, or there are more than 100,000 possible outcomes.

    Source: Boschloo, "Raised conditional level of significance for the 2 x 2 table when testing the equality of two
    probabilities", Statistica Neerlandica 24, 1970.
    """
    return _unconditional("boschloo", treatment, control, alpha, alternative)


def _unconditional(
    method: Literal["barnard", "boschloo"],
    treatment: Proportion,
    control: Proportion,
    alpha: float,
    alternative: Alternative,
) -> Comparison:
    table = _table(method, treatment, control)
    if (treatment.trials + 1.0) * (control.trials + 1.0) > MOST_TABLES:
        raise Refused(method, f"it would weigh more than {MOST_TABLES:,} possible outcomes", "fisher, or pooled_z")
    if treatment.successes + control.successes in (0.0, treatment.trials + control.trials):
        p = 1.0  # whatever the rate: nothing is less extreme
    else:
        test = stats.barnard_exact if method == "barnard" else stats.boschloo_exact
        p = float(test(table, alternative=alternative).pvalue)
    return compared(method, treatment, control, min(1.0, p), None, alpha, alternative)


def _table(method: str, treatment: Proportion, control: Proportion) -> NDArray[np.int64]:
    need_trials(method, treatment, control)
    rows = [[arm.successes for arm in (treatment, control)], [arm.failures for arm in (treatment, control)]]
    if any(count != int(count) for row in rows for count in row):
        raise Refused(method, "the counts are not whole numbers", "pooled_z")
    return np.array(rows, np.int64)
