"""Estimates that have gone stale: a variant that a bandit stopped showing keeps the mean of another season."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from scipy import special

from bandit.statistics.finding import Finding, p_text, percent
from bandit.statistics.ranking import Goal
from bandit.statistics.sample import Sample

RECENT = 0.25
"""The last part of the time, by which the world of today is known."""
STARVED = 0.1
"""A variant whose values come this many times more slowly in it than before is starved."""
MOVED = 0.01
"""P-value below which the others are said to have moved."""

NOTHING = Sample(0.0, math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Staleness:
    """A starved variant, and what became of the others meanwhile.

    Attributes:
        variant: Its key.
        values: How many it has.
        recent: How many of them are from the last part of the time.
        moved: By how much the others' means changed from before to then, averaged by precision.
        p_value: Of their not having changed.
        leads: Whether its mean is the best of all.
    """

    variant: str
    values: float
    recent: float
    moved: float
    p_value: float
    leads: bool


def staleness(history: Mapping[str, Sequence[Sample]], goal: Goal = "increase") -> list[Staleness]:
    """The variants that were starved in the last quarter of the buckets.

    Args:
        history: For every variant its values in the same buckets of time, 4 or more of equal length, in order.
        goal: Whether greater or lesser means are better.

    Raises:
        ValueError: The variants do not have the same number of buckets.
    """
    lengths = {len(buckets) for buckets in history.values()}
    if len(lengths) > 1:
        raise ValueError(f"history: {sorted(lengths)} buckets given, must be the same for all variants")
    length = lengths.pop() if lengths else 0
    if length < 4:
        return []
    cut = length - max(1, round(RECENT * length))
    before = {key: reduce(add, buckets[:cut], NOTHING) for key, buckets in history.items()}
    recent = {key: reduce(add, buckets[cut:], NOTHING) for key, buckets in history.items()}
    starved = {key for key in history if recent[key].count / (length - cut) < STARVED * before[key].count / cut}
    sign = 1.0 if goal == "increase" else -1.0
    means = {key: sign * (before[key] + recent[key]).mean for key in history if before[key].count + recent[key].count}
    moved, p_value = _moved([(before[key], recent[key]) for key in history if key not in starved])
    return [
        Staleness(
            variant=key,
            values=before[key].count + recent[key].count,
            recent=recent[key].count,
            moved=moved,
            p_value=p_value,
            leads=means[key] >= max(means.values()),
        )
        for key in history
        if key in starved
    ]


def stale_estimates(history: Mapping[str, Sequence[Sample]], goal: Goal = "increase") -> list[Finding]:
    """Findings where a starved variant leads, or where the others have moved since it was shown.

    A bandit starves what is worse, so that alone is nothing to report.

    Args:
        history: For every variant its values in the same buckets of time, 4 or more of equal length, in order.
        goal: Whether greater or lesser means are better.

    Raises:
        ValueError: The variants do not have the same number of buckets.
    """
    findings = []
    for stale in staleness(history, goal):
        moved = stale.p_value < MOVED
        if not (moved or stale.leads):
            continue
        message = (
            f"Only {stale.recent:,.0f} of the {stale.values:,.0f} values of {stale.variant}"
            f" ({percent(stale.recent / stale.values)}) are from the last quarter of the time"
        )
        if moved:
            message += f", in which the others moved by {stale.moved:+.4g} ({p_text(stale.p_value)})"
        message += ", and yet it leads." if stale.leads else "."
        findings.append(
            Finding(
                kind="stale_estimate",
                severity="critical" if moved and stale.leads else "warning",
                message=message,
                recommendation=(
                    "Do not compare its mean with those of today. Give it a floor of traffic, or a fixed split for a"
                    " while, and compare over the same days only."
                ),
                numbers={
                    "values": stale.values,
                    "recent": stale.recent,
                    "moved": stale.moved,
                    "p_value": stale.p_value,
                    "leads": float(stale.leads),
                },
            )
        )
    return findings


def _moved(others: Sequence[tuple[Sample, Sample]]) -> tuple[float, float]:
    """The change of several means, averaged by precision, and its p-value; 0 and 1 where it cannot be told."""
    weight = total = 0.0
    for before, recent in others:
        if min(before.count, recent.count) >= 2.0:
            variance = before.variance / before.count + recent.variance / recent.count
            if variance > 0.0:
                weight += 1.0 / variance
                total += (recent.mean - before.mean) / variance
    if not weight:
        return 0.0, 1.0
    return total / weight, 2.0 * float(special.ndtr(-abs(total) / math.sqrt(weight)))
