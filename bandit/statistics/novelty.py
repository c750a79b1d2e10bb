"""Whether an effect fades or grows as people get used to a change."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from bandit.statistics.finding import Finding, p_text
from bandit.statistics.timeline import Timeline

ALPHA = 0.01
"""P-value below which a trend is reported."""


@dataclass(frozen=True, slots=True)
class Trend:
    """A straight line through a series.

    Attributes:
        mean: The weighted mean of the series.
        slope: Change in a unit of time.
        standard_error: Of the slope.
        p_value: Of there being no trend.
        first: Where the line begins.
        last: Where it ends.
    """

    mean: float
    slope: float
    standard_error: float
    p_value: float
    first: float
    last: float


def trend(timeline: Timeline) -> Trend | None:
    """The weighted least-squares line, tested with Student's t; None with fewer than 4 buckets.

    Where the buckets scatter about the line by more than their variances say, its standard error is greater by as much;
    never less, so that with few buckets the p-value is too great rather than too small.
    """
    if timeline.times.size < 4:
        return None
    weights = 1.0 / timeline.variances
    mean = float(np.average(timeline.estimates, weights=weights))
    time = timeline.times - np.average(timeline.times, weights=weights)
    spread = float((weights * time * time).sum())
    slope = float((weights * time * (timeline.estimates - mean)).sum()) / spread
    freedom = timeline.times.size - 2
    scatter = float((weights * (timeline.estimates - mean - slope * time) ** 2).sum()) / freedom
    error = math.sqrt(max(1.0, scatter) / spread)
    return Trend(
        mean=mean,
        slope=slope,
        standard_error=error,
        p_value=2.0 * float(special.stdtr(freedom, -abs(slope) / error)),
        first=mean + slope * float(time[0]),
        last=mean + slope * float(time[-1]),
    )


def fading(variant: str, timeline: Timeline) -> Finding | None:
    """A finding where the effect of a variant has a trend: towards nothing (novelty), or away from it (primacy).

    Where a trial is a unit, buckets are by the time of its first exposure: then a trend says that later units react
    differently, and not that the same units do. By the time of the decision it may be either.

    Args:
        variant: Its key.
        timeline: Of its effects (`timeline.of_effects`), times in days.
    """
    line = trend(timeline)
    if line is None or line.p_value >= ALPHA:
        return None
    novelty = abs(line.last) < abs(line.first)
    towards = "fades" if novelty else "grows"
    return Finding(
        kind="novelty" if novelty else "primacy",
        severity="warning",
        message=(
            f"The effect of {variant} {towards}: a line through it goes from {line.first:.4g} to {line.last:.4g}"
            f" ({p_text(line.p_value)})."
        ),
        recommendation=(
            "Run it until the effect is level, and decide by the last weeks: what is new attracts at first."
            if novelty
            else "Run it until the effect is level, and decide by the last weeks: people have to learn what is new."
        ),
        numbers={
            "first": line.first,
            "last": line.last,
            "slope": line.slope,
            "standard_error": line.standard_error,
            "p_value": line.p_value,
        },
    )
