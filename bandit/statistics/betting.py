"""Confidence sequences for the mean of values with bounds, by betting against every mean that it might have.

They follow the variance, need no limit, and hold at all times at once, for any values whose expectation given the past
is always the same. `hedged_capital` reads a stream, value by value; `plug_in` reads batches. For conversions, which
vary as much as values from 0 to 1 can, `beta_binomial` is tighter and needs no order.

Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", Journal of the Royal
Statistical Society B 86, 2024.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bandit.statistics.sample import Sample
from bandit.statistics.tails import Interval, check
from policies.kernel import Array, kernel

MOST = 0.5
"""The part of what could be lost that is bet at most."""
ROUNDING = 1e-9
"""Part of the range by which a mean may lie outside of it."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Intervals over time, each within the one before.

    Attributes:
        lower: After every value or batch, shape (looks,).
        upper: Likewise.
    """

    lower: Array
    upper: Array


def hedged_capital(values: Sequence[float] | Array, *, alpha: float = 0.05, bounds: Interval = (0.0, 1.0)) -> Bounds:
    """The means against which two bettors, one on greater and one on lesser values, never won 2 / alpha.

    The bets on the next value follow the mean and variance of those before it. A value has to be known before the next
    one is drawn, or their order has to be random. Ends are rounded outwards to one of 32 sqrt(n) candidates (1,000 at
    least), which is about a hundredth of the width for conversions and more for values that vary less.

    Args:
        values: In their order, shape (n,).
        alpha: The probability that any of the intervals misses the mean.
        bounds: Least and greatest value that is possible.

    Returns:
        The interval after each value.

    Raises:
        ValueError: The bounds are none, or a value lies outside of them.
    """
    check(alpha)
    scaled = _scaled(np.asarray(values, np.float64), bounds)
    # Candidates are evenly spaced where the standard deviation of a proportion is constant.
    count = int(min(max(32.0 * math.sqrt(scaled.size), 1000.0), 50_000.0))
    candidates = np.sin(np.linspace(0.0, 0.5 * math.pi, count + 1)) ** 2
    lower, upper = np.empty(scaled.size), np.empty(scaled.size)
    _bet(scaled, candidates, alpha, lower, upper)
    least, most = bounds
    return Bounds(least + lower * (most - least), least + upper * (most - least))


def plug_in(batches: Sequence[Sample], *, alpha: float = 0.05, bounds: Interval = (0.0, 1.0)) -> Bounds:
    """An interval after every batch, from sizes, means and variances alone: the empirical Bernstein sequence.

    The bet on a batch follows the batches before it and its size, which may not depend on the values in it. One on the
    first knows nothing of the variance, so that several small batches say more than a great one.

    Args:
        batches: In their order; one may be empty.
        alpha: The probability that any of the intervals misses the mean.
        bounds: Least and greatest value that is possible.

    Raises:
        ValueError: The bounds are none, or a batch's mean lies outside of them.
    """
    check(alpha)
    least, most = bounds
    counts = np.array([batch.count for batch in batches], np.float64)
    means = _scaled(np.array([batch.mean if batch.count else least for batch in batches], np.float64), bounds)
    within = np.array([(batch.count - 1.0) * batch.variance if batch.count > 1.0 else 0.0 for batch in batches])
    within /= (most - least) ** 2
    after = np.cumsum(counts)
    # Before any value, one with the mean 1/2 and another with the variance 1/4 are assumed.
    known = (0.5 + np.cumsum(counts * means)) / (1.0 + after)
    guesses = np.concatenate([[0.5], known[:-1]])
    spread = (0.25 + np.cumsum(within + counts * (means - known) ** 2)) / (1.0 + after)
    expected = np.concatenate([[0.25], spread[:-1]])
    bet = np.minimum(
        np.sqrt(2.0 * math.log(2.0 / alpha) / (expected * np.maximum(after * np.log1p(after), 1e-9))), MOST
    )
    stake = np.cumsum(bet * counts)
    lost = np.cumsum((within + counts * (means - guesses) ** 2) * (-np.log1p(-bet) - bet))
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = np.where(stake > 0.0, np.cumsum(bet * counts * means) / stake, 0.5)
        half = np.where(stake > 0.0, (math.log(2.0 / alpha) + lost) / stake, 1.0)
    lower = np.maximum.accumulate(np.clip(centre - half, 0.0, 1.0))
    upper = np.minimum.accumulate(np.clip(centre + half, 0.0, 1.0))
    return Bounds(least + lower * (most - least), least + upper * (most - least))


@kernel
def _bet(values: Array, candidates: Array, alpha: float, lower: Array, upper: Array) -> None:
    """Bet on every value against all candidates that are left, and write the ends of what is left then."""
    greater, lesser = np.ones(candidates.shape[0]), np.ones(candidates.shape[0])
    first, last = 0, candidates.shape[0] - 1
    mean, variance, total, spread = 0.5, 0.25, 0.5, 0.25
    evidence, enough = 2.0 * math.log(2.0 / alpha), 2.0 / alpha
    for t in range(values.shape[0]):
        value = values[t]
        bet = math.sqrt(evidence / (variance * (t + 1.0) * math.log(t + 2.0)))
        for j in range(first, last + 1):
            m = candidates[j]
            greater[j] *= 1.0 + min(bet, MOST / m) * (value - m)
            lesser[j] *= 1.0 - min(bet, MOST / (1.0 - m)) * (value - m)
        # What wins against a mean wins more against those farther away. The last candidate is never refused.
        while first < last and greater[first + 1] >= enough:
            first += 1
        while last > first and lesser[last - 1] >= enough:
            last -= 1
        lower[t], upper[t] = candidates[first], candidates[last]
        total += value
        mean = total / (t + 2.0)
        spread += (value - mean) ** 2
        variance = spread / (t + 2.0)


def _scaled(values: Array, bounds: Interval) -> Array:
    least, most = bounds
    if not (least < most and math.isfinite(most - least)):
        raise ValueError(f"bounds: {least:g} and {most:g} given, must be finite, the first below the second")
    scaled = (values - least) / (most - least)
    wrong = ~((scaled >= -ROUNDING) & (scaled <= 1.0 + ROUNDING))
    if wrong.any():
        given = f"{values[wrong][0]:g} at place {int(np.flatnonzero(wrong)[0])}"
        raise ValueError(f"values: {given} given, must lie within the bounds {least:g} and {most:g}")
    return np.clip(scaled, 0.0, 1.0)
