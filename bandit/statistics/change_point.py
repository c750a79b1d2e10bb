"""Whether a series of estimates shifts at some moment: all moments are looked at, and the p-value counts that."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.polynomial import legendre
from scipy import special

from bandit.statistics.finding import Finding, p_text
from bandit.statistics.timeline import Timeline
from policies.kernel import Array

ALPHA = 0.001
"""P-value below which a shift is reported: there are many series to look at."""
MOST = 100
"""Buckets that are scanned."""


@dataclass(frozen=True, slots=True)
class Shift:
    """The moment at which a series is the least like one number.

    Attributes:
        at: The time of the first bucket after it.
        before: The weighted mean up to then.
        after: The weighted mean from then on.
        statistic: Standard errors that `after` is above `before`.
        p_value: Of a series without a shift having one as great at some moment.
        noise: How many times more the buckets vary than their variances say, 1 or more; it is allowed for.
    """

    at: float
    before: float
    after: float
    statistic: float
    p_value: float
    noise: float


def change_point(timeline: Timeline) -> Shift | None:
    """The greatest difference between before and after; None with fewer than 3 buckets.

    Days differ by more than the noise of their units. So the variances are multiplied by what the differences of
    neighbours say, the greatest left out, where that is more: a shift is one of them. The p-value counts that this is
    an estimate, as Student's t does. Several shifts, or a trend, may look like one. More than 100 buckets are merged.
    """
    merged = _merged(timeline)
    buckets = merged.times.size
    if buckets < 3:
        return None
    noise = _noise(merged)
    weights = 1.0 / (noise * merged.variances)
    total = weights.sum()
    share = np.cumsum(weights)[:-1] / total
    centre = np.average(merged.estimates, weights=weights)
    fallen = -np.cumsum(weights * (merged.estimates - centre))[:-1]
    statistics = fallen / np.sqrt(total * share * (1.0 - share))
    place = int(np.argmax(np.abs(statistics))) + 1
    greatest = abs(float(statistics[place - 1]))
    if noise > 1.0:
        # Differences of neighbours hold two thirds of the information that as many independent values would.
        tail = float(special.stdtr(2.0 * (buckets - 2) / 3.0, -greatest))
        greatest = -float(special.ndtri(max(tail, 1e-300)))
    return Shift(
        at=float(merged.times[place]),
        before=float(np.average(merged.estimates[:place], weights=weights[:place])),
        after=float(np.average(merged.estimates[place:], weights=weights[place:])),
        statistic=float(statistics[place - 1]),
        p_value=scan_p_value(greatest, share),
        noise=noise,
    )


def scan_p_value(greatest: float, share: Array) -> float:
    """The probability that the standardised difference of before and after is as great at any of the moments.

    The differences form a Markov chain, a Brownian bridge in standard deviations, and the probability that it stays
    within bounds is integrated along it (as Armitage, McPherson and Rowe 1969 do for accumulating data). Beyond 6,
    where one less that probability has few digits, it is Bonferroni's bound.

    Args:
        greatest: The difference in standard errors, 0 or more.
        share: Of the information that lies before each moment, ascending, strictly between 0 and 1.
    """
    bound = min(1.0, float(2.0 * share.size * special.ndtr(-greatest)))
    if greatest > 6.0 or greatest == 0.0:
        return bound
    # Moments that are nearly one are taken as one, which is within the accuracy that a p-value needs.
    last, correlations = share[0], []
    for moment in share[1:]:
        correlation = math.sqrt(last * (1.0 - moment) / (moment * (1.0 - last)))
        if correlation < 0.999:
            last = moment
            correlations.append(correlation)
    narrowest = math.sqrt(1.0 - max(correlations, default=0.0) ** 2)
    nodes, weights = _rule(64 * math.ceil((16.0 + 5.0 * greatest / narrowest) / 64.0))
    nodes, weights = greatest * nodes, greatest * weights
    density = _normal(nodes)
    for correlation in correlations:
        width = math.sqrt(1.0 - correlation * correlation)
        density = _normal((nodes[:, None] - correlation * nodes) / width) / width @ (weights * density)
    return min(max(0.0, 1.0 - float(weights @ density)), bound)


def sudden_shift(name: str, timeline: Timeline) -> Finding | None:
    """A finding where a series shifts at some moment.

    Args:
        name: What the series is of, as it goes into a sentence: `the mean of control`.
        timeline: The series; of an effect, a shift is worse than of a mean, which the calendar may explain.
    """
    found = change_point(timeline)
    if found is None or found.p_value >= ALPHA:
        return None
    return Finding(
        kind="sudden_shift",
        severity="warning",
        message=(
            f"At {found.at:g}, {name} went from {found.before:.4g} to {found.after:.4g} and stayed there"
            f" ({p_text(found.p_value)}, with all moments counted)."
        ),
        recommendation=(
            "Find out what happened then: a release, a campaign, a change in tracking. If the weights moved too, means"
            " over the whole time mix different worlds: compare within the time before and after, or start again."
        ),
        numbers={
            "at": found.at,
            "before": found.before,
            "after": found.after,
            "statistic": found.statistic,
            "p_value": found.p_value,
            "noise": found.noise,
        },
    )


def _merged(timeline: Timeline) -> Timeline:
    """Neighbouring buckets taken together, so that there are MOST at most."""
    size = timeline.times.size
    if size <= MOST:
        return timeline
    starts = np.arange(0, size, math.ceil(size / MOST))
    weights = np.add.reduceat(1.0 / timeline.variances, starts)
    sums = np.add.reduceat(timeline.estimates / timeline.variances, starts)
    return Timeline(timeline.times[starts], sums / weights, 1.0 / weights)


def _noise(timeline: Timeline) -> float:
    steps = np.diff(timeline.estimates) ** 2 / (timeline.variances[1:] + timeline.variances[:-1])
    return max(1.0, float((steps.sum() - steps.max()) / (steps.size - _greatest_of(steps.size))))


@lru_cache(maxsize=128)
def _greatest_of(count: int) -> float:
    """The expectation of the greatest of so many squares of standard normal variables."""
    nodes, weights = _rule(64)
    z = 5.0 * (1.0 + nodes)
    return float((2.0 * z * (1.0 - (1.0 - 2.0 * special.ndtr(-z)) ** count) * 5.0 * weights).sum())


def _normal(z: Array) -> Array:
    return np.asarray(np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi))


@lru_cache(maxsize=16)
def _rule(order: int) -> tuple[Array, Array]:
    nodes, weights = legendre.leggauss(order)
    return nodes, weights
