"""Sequences for rates, and means of values with bounds, that are exact at any size and any time, from sums alone.

Of n values from 0 to 1 with the sum s, take for every mean m the product of Bernoulli likelihood ratios

    e(m) = B(s + 1/2, n - s + 1/2) / B(1/2, 1/2) / (m^s (1 - m)^(n - s)).

It is what a bettor against m wins who believes in a Beta(1/2, 1/2) posterior. If m is the mean, the winnings are not
expected to grow, whatever the values are (the ratio is convex in a value, so that those between 0 and 1 only lose by
it), and they reach 1 / alpha with probability alpha at most. The means against which they never did are a
confidence sequence. Winnings against two variants multiply.

All that is needed is that the expectation of a value, given all that came before, is the mean of its variant. What
chose the variant may have learnt from the past: this holds for data that a bandit collected. It does not hold for
means that drift. The intervals are about 1.6 times as wide as those that rely on a Gaussian limit.

Source: Robbins, "Statistical methods related to the law of the iterated logarithm", Annals of Mathematical Statistics
41, 1970, for the mixture; Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", Journal
of the Royal Statistical Society B 86, 2024, for bets on values with bounds. The set of pairs of means is ours.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy import optimize, special

from bandit.statistics.comparison import Comparison, Refused
from bandit.statistics.sample import Sample
from bandit.statistics.tails import Interval, check

METHOD = "beta_binomial"
ROUNDING = 1e-9
"""Part of the range by which a mean may lie outside of it."""


@dataclass(frozen=True, slots=True)
class Bets:
    """What betting on the values of one variant has won.

    Attributes:
        count: How many values, n.
        mean: Theirs, scaled to lie from 0 to 1.
        price: The logarithm of what knowing `mean` from the start would have won more.
    """

    count: float
    mean: float
    price: float

    def divergence(self, m: float) -> float:
        """The logarithm of what knowing `mean` would have won against m: n times the Kullback-Leibler divergence."""
        total = self.mean * _fall(self.mean, m) + (1.0 - self.mean) * _fall(1.0 - self.mean, 1.0 - m)
        return self.count * max(0.0, total)

    def log_wealth(self, m: float) -> float:
        """The logarithm of e(m)."""
        return self.divergence(m) - self.price


def bets(sample: Sample, bounds: Interval = (0.0, 1.0)) -> Bets:
    """What betting on these values has won.

    Args:
        sample: Its variance is not read.
        bounds: Least and greatest value that is possible.

    Raises:
        ValueError: The bounds are none, or the sample's mean lies outside of them.
    """
    least, most = bounds
    if not (least < most and math.isfinite(most - least)):
        raise ValueError(f"bounds: {least:g} and {most:g} given, must be finite, the first below the second")
    if not sample.count:
        return Bets(0.0, 0.5, 0.0)
    mean = (sample.mean - least) / (most - least)
    if not -ROUNDING <= mean <= 1.0 + ROUNDING:
        raise ValueError(f"sample.mean: {sample.mean:g} given, must lie within the bounds {least:g} and {most:g}")
    mean = min(max(mean, 0.0), 1.0)
    successes, failures = sample.count * mean, sample.count * (1.0 - mean)
    price = _full(sample.count) - math.log(2.0) - _half(successes) - _half(failures)
    return Bets(sample.count, mean, max(0.0, price))


def interval(sample: Sample, *, alpha: float = 0.05, bounds: Interval = (0.0, 1.0)) -> Interval:
    """The means of one variant that were not rejected; all of `bounds` without values.

    Args:
        sample: All values so far.
        alpha: The probability that the interval ever misses the mean.
        bounds: Least and greatest value that is possible.

    Raises:
        ValueError: See `bets` and `tails.check`.
    """
    check(alpha)
    won = bets(sample, bounds)
    goal = won.price - math.log(alpha)
    lower, upper = _root(won.divergence, goal, won.mean, 0.0), _root(won.divergence, goal, won.mean, 1.0)
    least, most = bounds
    return least + lower * (most - least), least + upper * (most - least)


def compare(treatment: Sample, control: Sample, *, alpha: float = 0.05, bounds: Interval = (0.0, 1.0)) -> Comparison:
    """The difference of two means of values with bounds, valid at any time and however the units were allocated.

    Args:
        treatment: All its values so far; its variance is not read.
        control: Likewise.
        alpha: The probability that any of the intervals ever misses the effect.
        bounds: Least and greatest value that is possible, 0 and 1 for a conversion.

    Returns:
        The statistic is the logarithm of what was won against equal means. The relative interval is None where the
        control has no successes, so that nothing bounds it, and where the least value is not 0.

    Raises:
        Refused: A variant has no values, or the values have no bounds.
        ValueError: See `bets` and `tails.check`.
    """
    check(alpha)
    if not math.isfinite(bounds[1] - bounds[0]):
        raise Refused(METHOD, "the values have no bounds", "confidence_sequence, or give the metric bounds")
    for name, sample in (("treatment", treatment), ("control", control)):
        if not sample.count:
            raise Refused(METHOD, f"the {name} has no values", "it once both variants have some")
    first, second = bets(treatment, bounds), bets(control, bounds)
    pooled = (first.count * first.mean + second.count * second.mean) / (first.count + second.count)
    won = first.log_wealth(pooled) + second.log_wealth(pooled)
    goal = first.price + second.price - math.log(alpha)
    least, most = bounds
    lower, upper = (most - least) * -_greatest(second, first, goal), (most - least) * _greatest(first, second, goal)
    ratio = _ratios(first, second, goal) if least == 0.0 else None
    effect = treatment.mean - control.mean
    return Comparison(
        method=METHOD,
        effect=effect,
        interval=(lower, upper),
        p_value=math.exp(-max(0.0, won)),
        statistic=won,
        relative_effect=effect / control.mean if control.mean else None,
        relative_interval=None if ratio is None else (ratio[0] - 1.0, ratio[1] - 1.0),
    )


def _greatest(first: Bets, second: Bets, goal: float) -> float:
    """The greatest difference of two means against which together no more than `goal` was won."""
    if first.mean == 1.0 and second.mean == 0.0:
        return 1.0

    def pair(slope: float) -> tuple[float, float]:
        # Where the greatest difference is, both divergences rise with the same slope.
        return _rising(first.count, first.mean, slope), 1.0 - _rising(second.count, 1.0 - second.mean, slope)

    m, other = _at(first, second, goal, pair, math.inf)
    return m - other


def _ratios(first: Bets, second: Bets, goal: float) -> Interval | None:
    """The least and the greatest ratio of two means against which together no more than `goal` was won."""
    if second.mean == 0.0:
        return None

    def apart(above: Bets, below: Bets) -> Callable[[float], tuple[float, float]]:
        # As for the difference, with slopes along the logarithm of the mean.
        def pair(slope: float) -> tuple[float, float]:
            upper = (above.count * above.mean + min(slope, below.count)) / (above.count + min(slope, below.count))
            if below.mean == 1.0:
                # Its divergence is a straight line along the logarithm: at that slope it falls at once, in any measure.
                return upper, math.exp(min(0.0, 1.0 - slope / below.count))
            gap = below.count * below.mean - slope
            return upper, gap / (below.count - slope) if gap > 0.0 else 0.0

        return pair

    def steepest(below: Bets) -> float:
        return below.count * below.mean if below.mean < 1.0 else math.inf

    m, other = _at(first, second, goal, apart(first, second), steepest(second))
    if first.mean == 0.0:
        return 0.0, m / other
    least, most = _at(second, first, goal, apart(second, first), steepest(first))
    return most / least, m / other


def _at(
    first: Bets, second: Bets, goal: float, pair: Callable[[float], tuple[float, float]], steepest: float
) -> tuple[float, float]:
    """The pair of means against which exactly `goal` was won; the slope lies between 0 and `steepest`."""

    def excess(slope: float) -> float:
        m, other = pair(slope)
        return min(first.divergence(m) + second.divergence(other), 4.0 * goal) - goal

    high = min(1.0, steepest)
    while excess(high) < 0.0:
        high = min(4.0 * high, steepest)
    return pair(float(optimize.brentq(excess, 0.0, high, xtol=1e-14 * high, rtol=1e-14)))


def _rising(count: float, mean: float, slope: float) -> float:
    """The m at or above a mean at which the divergence from it has a slope >= 0."""
    if slope == 0.0:
        return mean
    root = math.sqrt((count - slope) ** 2 + 4.0 * slope * count * mean)
    if slope < count:
        return min(1.0, 2.0 * count * mean / (count - slope + root))
    return min(1.0, (slope - count + root) / (2.0 * slope))


def _root(divergence: Callable[[float], float], goal: float, mean: float, end: float) -> float:
    """Where a divergence reaches `goal` between the mean and an end of the unit interval; the end if it does not."""
    if not divergence(end) > goal:
        return end

    def excess(m: float) -> float:
        return min(divergence(m), 4.0 * goal) - goal

    return float(optimize.brentq(excess, mean, end, xtol=1e-17, rtol=1e-14))


def _fall(mean: float, m: float) -> float:
    """The logarithm of mean / m, with the digits that it has where they are close; 0 where the mean is 0."""
    if mean == 0.0:
        return 0.0
    if m <= 0.0:
        return math.inf
    return -math.log1p((m - mean) / mean) if m > 0.5 * mean else math.log(mean / m)


def _half(z: float) -> float:
    """The logarithm of gamma(z + 1/2), less z ln z - z + ln(2 pi) / 2: what is left of it where z is large."""
    if z > 100.0:
        return (-1.0 / 24.0 + 7.0 / (2880.0 * z * z)) / z
    return float(special.gammaln(z + 0.5) - special.xlogy(z, z) + z - 0.5 * math.log(2.0 * math.pi))


def _full(n: float) -> float:
    """The logarithm of gamma(n + 1), less n ln n - n."""
    if n > 100.0:
        return 0.5 * math.log(2.0 * math.pi * n) + (1.0 / 12.0 - 1.0 / (360.0 * n * n)) / n
    return float(special.gammaln(n + 1.0) - special.xlogy(n, n) + n)
