"""Estimates as they were at every moment: what had been collected by then, and what was said of it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from bandit.statistics.comparison import Comparison, Refused
from bandit.statistics.sample import Sample
from bandit.statistics.tails import Interval


@dataclass(frozen=True, slots=True)
class Point:
    """What was known at one time.

    Attributes:
        at: The time of the bucket up to which it was collected.
        count: Values by then, of all that is compared.
        estimate: The mean, or the effect; None while there is none.
        lower: Of the interval; None while there is none, or where it has no end on this side.
        upper: Likewise.
        p_value: None for a mean, and while there is none.
    """

    at: float
    count: float
    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None
    p_value: float | None = None


def of_mean(times: Sequence[float], buckets: Sequence[Sample], interval: Callable[[Sample], Interval]) -> list[Point]:
    """The mean of one variant over time, from everything up to each bucket.

    Args:
        times: Of the buckets, in order.
        buckets: The values of each.
        interval: Of a mean, from a sample: `means.interval`, or `beta_binomial.interval`, which holds at all times.
    """
    points = []
    for at, sample in zip(times, accumulate(buckets), strict=True):
        point = Point(at, sample.count)
        if sample.count:
            point = replace(point, estimate=sample.mean)
            try:
                lower, upper = interval(sample)
            except Refused:
                pass
            else:
                point = replace(point, lower=_finite(lower), upper=_finite(upper))
        points.append(point)
    return points


def of_comparison(
    times: Sequence[float],
    treatment: Sequence[Sample],
    control: Sequence[Sample],
    compare: Callable[[Sample, Sample], Comparison],
) -> list[Point]:
    """The effect of a treatment over time, from everything up to each bucket; nothing where the method refuses.

    Args:
        times: Of the buckets, in order.
        treatment: The values of each.
        control: Likewise.
        compare: A treatment with a control. Only with one that is valid at any time (`confidence_sequences.compare`,
            `beta_binomial.compare`) may the line be watched to decide when to stop.
    """
    points = []
    for at, first, second in zip(times, accumulate(treatment), accumulate(control), strict=True):
        point = Point(at, first.count + second.count)
        try:
            found = compare(first, second)
        except Refused:
            pass
        else:
            lower, upper = found.interval
            point = Point(at, point.count, found.effect, _finite(lower), _finite(upper), found.p_value)
        points.append(point)
    return points


def intersected(points: Sequence[Point]) -> list[Point]:
    """The same with every interval cut to those before it, and the least p-value so far: valid for sequences only.

    Where the intervals have nothing in common the last that was not empty stays: the effect has changed over time.
    """
    lower, upper, p_value = -math.inf, math.inf, None
    cut = []
    for point in points:
        low = max(lower, -math.inf if point.lower is None else point.lower)
        high = min(upper, math.inf if point.upper is None else point.upper)
        if low <= high:
            lower, upper = low, high
        if point.p_value is not None:
            p_value = point.p_value if p_value is None else min(p_value, point.p_value)
        cut.append(replace(point, lower=_finite(lower), upper=_finite(upper), p_value=p_value))
    return cut


def _finite(end: float) -> float | None:
    return end if math.isfinite(end) else None
