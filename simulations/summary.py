"""What a study found in a table: a row a policy."""

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields

import numpy as np

from simulations.identification import Identification
from simulations.simulation import Outcome

MOST_ARMS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One policy's final regret over the replications, and the share of its decisions for a best arm.

    The standard error is that of the mean, nan for one replication; the quantiles are those of the replications.
    """

    policy: str
    replications: int
    horizon: int
    regret_mean: float
    regret_se: float
    regret_median: float
    regret_p05: float
    regret_p95: float
    best_arm_share: float


def rows(outcome: Outcome) -> list[Row]:
    """A row for each policy, in their order."""
    found = []
    replications, horizon = len(outcome.replications), outcome.study.horizon
    for label, regret, best in zip(outcome.study.labels, outcome.regret, outcome.best, strict=True):
        final = regret[:, -1]
        low, median, high = np.quantile(final, [0.05, 0.5, 0.95])
        error = final.std(ddof=1) / np.sqrt(replications) if replications > 1 else np.nan
        share = best[:, -1].mean() / horizon
        figures = (float(each) for each in (final.mean(), error, median, low, high, share))
        found.append(Row(label, replications, horizon, *figures))
    return found


def as_csv(outcome: Outcome) -> str:
    """The rows as CSV with a header, numbers to full precision."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(Row))
    writer.writerows(astuple(row) for row in rows(outcome))
    return text.getvalue()


def table(outcome: Outcome) -> Iterator[str]:
    """The rows as lines to read, with the share of the decisions that each arm got."""
    found = rows(outcome)
    header = ("policy", "regret", "se", "median", "5%", "95%", "best arm", "allocation")
    cells = [
        (
            row.policy,
            *(_figure(value) for value in (row.regret_mean, row.regret_se)),
            *(_figure(value) for value in (row.regret_median, row.regret_p05, row.regret_p95)),
            f"{row.best_arm_share:.1%}",
            _allocation(outcome.allocation[number, -1] / row.horizon),
        )
        for number, row in enumerate(found)
    ]
    widths = [max(len(line[column]) for line in (header, *cells)) for column in range(len(header))]
    for line in (header, *cells):
        figures = (f"{cell:>{width}}" for cell, width in zip(line[1:-1], widths[1:-1], strict=True))
        yield "  ".join([f"{line[0]:<{widths[0]}}", *figures, line[-1]])


def identified(found: Identification) -> Iterator[str]:
    """The policies as lines to read: decisions, runs that named another arm, runs that the horizon ended."""
    labels = found.study.labels
    width = max(len(label) for label in (*labels, "policy"))
    header = ("decisions", "se", "median", "5%", "95%", "wrong", "not stopped")
    yield f"{'policy':<{width}}  " + "  ".join(f"{name:>9}" for name in header)
    for label, decisions, stopped, right in zip(labels, found.decisions, found.stopped, found.right, strict=True):
        error = decisions.std(ddof=1) / math.sqrt(len(decisions)) if len(decisions) > 1 else math.nan
        figures = (decisions.mean(), error, *np.quantile(decisions, [0.5, 0.05, 0.95]))
        cells = [f"{_figure(value):>9}" for value in figures]
        yield f"{label:<{width}}  {'  '.join(cells)}  {np.mean(stopped & ~right):>9.1%}  {np.mean(~stopped):>11.1%}"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def _allocation(shares: np.ndarray) -> str:
    """Every arm's share where there are few; else those of the most chosen ones, by their numbers from 1."""
    if len(shares) <= MOST_ARMS_SHOWN:
        return " / ".join(f"{share:.3f}" for share in shares)
    most = np.argsort(-shares, kind="stable")[:3]
    return ", ".join(f"arm {arm + 1}: {shares[arm]:.3f}" for arm in most) + ", ..."
