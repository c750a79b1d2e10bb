"""A treatment against a control on data that a bandit collected, looked at once: weighted inverse propensity scores.

The scores of both arms (see `pair`) have the right mean whatever the bandit did, but those of an arm that is hardly
drawn vary wildly, and how many there are follows from what was observed. So their plain mean is not normal, however
many there are. Weights that keep each epoch's part of the variance what it was decided to be *before* the epoch make it
so: the weighted sum is then a martingale whose variance is known beforehand.

The default `common` weights both arms' scores alike. Each epoch gets a part of the variance according to its
information, as if that of all later epochs would lie half way between today's and that of an arm at its floor.
Since the arms are compared within epochs, means that rise and fall together do no harm: a season, a weekend, a
campaign.

`sqrt` and `two_point` (Hadad et al. 2021) weight each arm by its own probabilities. They are about 3 points of power
better where means never change, and wrong where they do: with conversions that rise from 40% to 60% in the course of
1,000 units, Thompson sampling shows an effect that is not there in 17% of the experiments (`common` 5%, the plain
z test 47%).

The authors above take the variance from the scores. An arm at its floor makes that too small too often: with rates of
4% it finds effects that are not there in 8% to 12%. Here conversions have the variance of the hypothesis, as in a score
test, and other values the greater of that of the scores and that of the hypothesis, in which both arms' values vary
alike. If enough is expected of an arm at its floor the error is then what it says, see `multiarm simulate validity`. It
says nothing about looking twice; `wagers` does.
"""

import math
from collections.abc import Callable

from scipy.optimize import brentq

from bandit.statistics import relative
from bandit.statistics.comparison import Alternative, Comparison, Refused
from bandit.statistics.epochs import Epochs
from bandit.statistics.pair import Pair, pair
from bandit.statistics.score_weights import Weights
from bandit.statistics.tails import Interval, one_sided, p_value, quantile
from bandit.statistics.weighted_scores import Weighted, weighted

METHOD = "aipw"
EVENTS = 5.0
"""Successes, and failures, that an arm at its floor must have been expected to have by now."""
VALUES = 30.0
"""The same for values that are not 0 or 1: trials."""
ROUNDING = 1e-16
"""How exactly the end of an interval of rates is found; one at 0 has no digits to be found by."""


def compare(
    epochs: Epochs,
    treatment: int,
    control: int,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
    weights: Weights = "common",
    decay: float = 0.0,
) -> Comparison:
    """The difference of two arms' means, tested once.

    The interval has the effects that the test does not reject. The relative effect is of the control's estimate with
    the same weights, its interval by Fieller.

    Args:
        epochs: What was collected; any number of epochs of any size.
        treatment: Its place among the arms.
        control: Its place.
        alpha: One less the level of the intervals.
        alternative: Which side.
        weights: See the module.
        decay: See `weighted`.

    Raises:
        Refused: There is no floor, or too little is expected of an arm at its floor.
        ValueError: An argument is out of its range.

    Source: Hadad, Hirshberg, Zhan, Wager and Athey, "Confidence intervals for policy evaluation in adaptive
    experiments", PNAS 118, 2021.
    """
    chosen = pair(METHOD, epochs, treatment, control)
    check(chosen)
    return _compared(weighted(chosen, weights, decay=decay), weights, alpha, alternative)


def check(pair: Pair, method: str = METHOD) -> None:
    """Refuses data for which the limit is far.

    Raises:
        Refused: They are.
    """
    if not pair.floor > 0.0:
        raise Refused(method, "without a floor an arm's probability can fall to 0", "rerandomisation, or set a floor")
    expected, least = float(pair.expected.min()), EVENTS if pair.binary else VALUES
    if expected < least:
        what = "successes or failures" if pair.binary else "trials"
        raise Refused(
            method,
            f"an arm at the floor of {pair.floor:g} expects {expected:.3g} {what} by now, fewer than {least:g}",
            "rerandomisation" + (" or wagers, which are" if pair.bounds else ", which is") + " exact for any number",
        )


def unchecked(
    epochs: Epochs,
    treatment: int,
    control: int,
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
    weights: Weights = "common",
    decay: float = 0.0,
) -> Comparison:
    """As `compare`, also where that would refuse.

    Raises:
        Refused: The values of neither arm vary, and they cannot be told to be conversions.
        ValueError: An argument is out of its range.
    """
    found = weighted(pair(METHOD, epochs, treatment, control), weights, decay=decay)
    return _compared(found, weights, alpha, alternative)


def _compared(found: Weighted, weights: Weights, alpha: float, alternative: Alternative) -> Comparison:
    if not (found.pair.binary or found.variance() > 0.0):
        raise Refused(METHOD, "the values of neither arm vary", "more trials")
    z, reach = float(found.statistic()), quantile(alpha, alternative)
    value, base = (float(each) + found.pair.origin for each in found.values)
    own, common = found.covariance(found.pair.means, found.pair.variance[..., None])
    ratios = relative.fieller(value, base, (float(own[0]), float(own[1])), float(common), reach)
    # Above a control below zero, a greater value is a lesser share of it.
    opposite: dict[Alternative, Alternative] = {"greater": "less", "less": "greater", "two-sided": "two-sided"}
    side = opposite[alternative] if base < 0.0 else alternative
    return Comparison(
        method=METHOD if weights == "common" else f"{METHOD}_{weights}",
        effect=value - base,
        interval=_interval(found, reach, alternative),
        p_value=p_value(z, alternative),
        statistic=z,
        relative_effect=value / base - 1.0 if base else None,
        relative_interval=one_sided((ratios[0] - 1.0, ratios[1] - 1.0), side) if ratios and base else None,
    )


def _interval(found: Weighted, reach: float, alternative: Alternative) -> Interval:
    effect = float(found.effect)
    if not found.pair.binary:
        half = reach * math.sqrt(float(found.variance()))
        return one_sided((effect - half, effect + half), alternative)

    def excess(delta: float) -> float:
        return (effect - delta) ** 2 - reach**2 * float(found.variance(delta))

    return one_sided((_end(excess, effect, -1.0), _end(excess, effect, 1.0)), alternative)


def _end(excess: Callable[[float], float], effect: float, limit: float) -> float:
    """Where `excess` becomes positive between the effect and a limit."""
    start = min(1.0, max(-1.0, effect))
    if start == limit or excess(limit) <= 0.0:
        return limit
    if excess(start) >= 0.0:
        return start
    return float(brentq(excess, start, limit, xtol=ROUNDING, rtol=1e-12))
