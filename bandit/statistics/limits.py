"""Whether a mean keeps a limit, at any time: a bet against every pair of means that would break it, or keep it.

Against each variant's mean m somebody bets who knows only that variant's own values; e(m) is what is won. If m is the
mean, the winnings are not expected to grow, whatever chose the variants, as long as the expectation of a value, given
all that came before, is the mean of its variant. So they ever reach 1 / alpha with probability alpha at most. Bets
against two variants multiply. A limit

    treatment's mean <= slope * control's mean + offset

is rejected once the least that was won against any pair of means that keeps it reaches 1 / alpha: a threshold has the
slope 0, a margin the slope 1, a relative margin 1 plus itself. Both a limit and its opposite may be tested on the same
values, and each at every look.

Conversions bet by the mixture of `beta_binomial`, exact at any size. Other values bet by the Gaussian mixture of
`confidence_sequences` with the variance as it is estimated, which is a guarantee in the limit: values that rarely
happen and then are great take thousands. Neither holds for means that drift, nor after corrections of values that were
looked at.

Deciding needs this with every few rewards, so it does without scipy.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bandit.statistics.sample import Sample

PLANNED = 1000.0
"""Values of a variant at which the Gaussian mixture is about the tightest, at level .05."""
RHO = PLANNED / (-2.0 * math.log(0.05) + math.log1p(-2.0 * math.log(0.05)))
GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
STEPS = 48
"""Of the search for the least: leaves 1e-10 of the range."""

Side = Literal["above", "below"]


@dataclass(frozen=True, slots=True)
class Line:
    """The limit of a treatment's mean: `slope` times the control's, plus `offset`."""

    slope: float
    offset: float

    def at(self, control: float) -> float:
        """The limit for a mean of the control."""
        return self.slope * control + self.offset


def beyond(treatment: Sample, control: Sample | None, line: Line, side: Side, *, binary: bool) -> float:
    """The logarithm of what was won against every mean, or pair of means, that is not strictly on `side` of a limit.

    Args:
        treatment: All values so far.
        control: Likewise; not read where the slope is 0.
        line: The limit.
        side: On which side the treatment is suspected.
        binary: Whether all values are 0 or 1.

    Returns:
        At least 0; the suspicion is shown at level alpha once it is ln(1 / alpha).
    """
    against = control if line.slope else None
    if not treatment.count or (against is not None and not against.count):
        return 0.0
    gap = treatment.mean - line.at(0.0 if against is None else against.mean)
    if not (gap > 0.0 if side == "above" else gap < 0.0):
        return 0.0
    won = (_binary if binary else _gaussian)(treatment, against, line, gap)
    return max(0.0, won)


def _gaussian(treatment: Sample, control: Sample | None, line: Line, gap: float) -> float:
    spread, price = _bet(treatment)
    if control is not None:
        other, more = _bet(control)
        spread, price = spread + line.slope * line.slope * other, price + more
    return gap * gap / spread - price if 0.0 < spread < math.inf else 0.0


def _bet(sample: Sample) -> tuple[float, float]:
    """The squared distance at which a unit is won, and what has to be won first."""
    if not sample.variance > 0.0:  # nothing is known of how far values that never varied may lie
        return math.inf, 0.0
    n = sample.count
    return 2.0 * sample.variance * (n + RHO) / (n * n), 0.5 * math.log1p(n / RHO)


def _binary(treatment: Sample, control: Sample | None, line: Line, _: float) -> float:
    first = _wealth(treatment)
    if control is None:
        return first(line.offset)
    second = _wealth(control)
    ends = sorted(((0.0 - line.offset) / line.slope, (1.0 - line.offset) / line.slope))
    low, high = max(0.0, ends[0]), min(1.0, ends[1])
    if not low < high:
        return 0.0
    return _least(lambda m: first(line.at(m)) + second(m), low, high)


def _wealth(sample: Sample) -> Callable[[float], float]:
    """The logarithm of e(m); see `beta_binomial`."""
    successes = sample.count * min(max(sample.mean, 0.0), 1.0)
    failures = sample.count - successes
    lgamma = math.lgamma
    mixed = lgamma(successes + 0.5) + lgamma(failures + 0.5) - lgamma(sample.count + 1.0) - math.log(math.pi)

    def won(m: float) -> float:
        if not 0.0 < m < 1.0:
            impossible = failures if m >= 1.0 else successes
            return math.inf if impossible > 0.0 else mixed
        return mixed - successes * math.log(m) - failures * math.log1p(-m)

    return won


def _least(function: Callable[[float], float], low: float, high: float) -> float:
    """The least value of a convex function, by golden sections."""
    width = GOLDEN * (high - low)
    left, right = high - width, low + width
    first, second = function(left), function(right)
    for _ in range(STEPS):
        if first < second:
            high, right, second = right, left, first
            left = high - GOLDEN * (high - low)
            first = function(left)
        else:
            low, left, first = left, right, second
            right = low + GOLDEN * (high - low)
            second = function(right)
    return min(first, second)


def interval(rejected: Callable[[float, Side], bool], value: float, least: float, most: float) -> tuple[float, float]:
    """The limits that are not rejected, as a confidence sequence of what they limit.

    Args:
        rejected: Whether it is shown that the value lies on that side of a limit.
        value: The estimate.
        least: That is possible, perhaps infinite.
        most: Likewise.
    """
    return _edge(lambda limit: rejected(limit, "above"), value, least), _edge(
        lambda limit: rejected(limit, "below"), value, most
    )


def _edge(rejected: Callable[[float], bool], value: float, end: float) -> float:
    """Where limits begin to be rejected on the way from the estimate to an end; the end if none is."""
    sign = 1.0 if end > value else -1.0
    step = max(abs(value), 1e-6) * 1e-3
    inner, outer = value, value + sign * step
    while not rejected(outer):
        step *= 4.0
        inner, outer = outer, value + sign * step
        if (end - outer) * sign <= 0.0 or step > 1e15:
            if not math.isfinite(end) or not rejected(end - sign * 1e-12 * max(1.0, abs(end))):
                return end
            outer = end
            break
    for _ in range(40):
        middle = 0.5 * (inner + outer)
        if rejected(middle):
            outer = middle
        else:
            inner = middle
    return outer
