"""A treatment against a control on data that a bandit collected, looked at as often as one likes: exact, for any floor.

Against the hypothesis that the effect is some number, bets are laid on every trial: that its score (see `pair`) turns
out above that number, or below. If the hypothesis is true no strategy can be expected to win, so that the probability
of ever having `1 / alpha` times the money one began with is at most alpha (Ville's inequality). The interval has the
effects against which that much was never won.

No number of trials is too small, no floor too low, an epoch may be one trial, and one may look after each. What is
needed is that values have bounds, that no served arm's probability was 0, and that the effect is the same for all
trials, or, for the test of no effect, that there is none for any. One thing is approximate: the prediction for a first
epoch of many trials is the mean of them all, the treatment's less the effect that is bet against. That has nothing to
do with the draws if there is no effect, so the test is exact; against another effect it is unbiased for each trial, but
not quite independent between them.

The bet on a trial is a multiple of its information (small where its score varies much) over the standard deviation
predicted from the past. So trials whose arms were drawn evenly count for more, as in an estimate weighted by
precision: at any look that is allowed, since it need not be known beforehand how much information there will be.

Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", Journal of the Royal
Statistical Society B 86, 2024; Waudby-Smith, Wu, Ramdas, Karampatziakis and Mineiro, "Anytime-valid off-policy
inference for contextual bandits", 2022, for the use of scores. The size of the bets is ours.
"""

import math
from collections.abc import Callable

from scipy.optimize import brentq, minimize_scalar

from bandit.statistics.comparison import Alternative, Comparison, Refused
from bandit.statistics.epochs import Epochs
from bandit.statistics.pair import Pair, pair
from bandit.statistics.score_wealth import log_wealth
from bandit.statistics.tails import Interval, one_sided
from bandit.statistics.tails import check as check_arguments

METHOD = "wagers"
ROUNDING = 1e-12


def compare(
    epochs: Epochs, treatment: int, control: int, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Comparison:
    """The difference of two arms' means, with an interval and a p-value that are valid whenever one looks.

    Both follow from all epochs so far: an effect that was rejected once remains so. The statistic is the logarithm of
    the most that was ever won against there being no effect; the p-value is one over that.

    Args:
        epochs: What was collected so far; any number of epochs of any size. Values from 0 to 1 that are not 0 or 1 are
            treated as that part of a success, which is right and wider than need be where they vary little.
        treatment: Its place among the arms.
        control: Its place.
        alpha: The probability that any of the intervals ever misses the effect.
        alternative: Which side.

    Raises:
        Refused: There is no floor, or the values have no bounds.
        ValueError: An argument is out of its range.
    """
    check(pair(METHOD, epochs, treatment, control))
    return unchecked(epochs, treatment, control, alpha=alpha, alternative=alternative)


def check(pair: Pair) -> None:
    """Refuses data for which the proof does not hold.

    Raises:
        Refused: They are such.
    """
    if pair.bounds is None:
        raise Refused(METHOD, "the values have no bounds", "design_based, or give the metric bounds")
    if not pair.floor > 0.0:
        raise Refused(METHOD, "without a floor an arm's probability can fall to 0", "rerandomisation, or set a floor")


def unchecked(
    epochs: Epochs, treatment: int, control: int, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Comparison:
    """As `compare`, also without a floor.

    Raises:
        Refused: The values have no bounds.
        ValueError: An argument is out of its range.
    """
    chosen = pair(METHOD, epochs, treatment, control)
    check_arguments(alpha, alternative)
    if chosen.bounds is None:
        check(chosen)
    most = float(log_wealth(chosen, 0.0, alternative).max())
    weights = chosen.information[..., None]
    means = (weights * chosen.scores).sum(axis=-2) / (weights * chosen.sizes[..., None]).sum(axis=-2).clip(min=1e-300)
    effect = float(means[0] - means[1])
    interval, warnings = _interval(chosen, effect, alpha, alternative)
    # Few trials of small probability can put the weighted means anywhere, also where no effect can lie.
    effect = min(max(effect, interval[0]), interval[1])
    return Comparison(
        method=METHOD,
        effect=effect,
        interval=one_sided(interval, alternative),
        p_value=math.exp(-most) if most > ROUNDING else 1.0,
        statistic=most,
        warnings=warnings,
    )


def _interval(pair: Pair, effect: float, alpha: float, alternative: Alternative) -> tuple[Interval, tuple[str, ...]]:
    """The effects against which not enough was ever won; where there is none, those of this look."""
    width = (pair.bounds or (0.0, 1.0))[1] - (pair.bounds or (0.0, 1.0))[0]

    def excess(delta: float) -> float:
        return float(log_wealth(pair, delta * width, alternative).max()) + math.log(alpha)

    def excess_now(delta: float) -> float:
        return float(log_wealth(pair, delta * width, alternative)[-1]) + math.log(alpha)

    start = min(1.0, max(-1.0, effect / width))
    if excess(start) >= 0.0:
        start = float(minimize_scalar(excess, bounds=(-1.0, 1.0), method="bounded").x)
    function = excess
    warnings: tuple[str, ...] = ()
    if excess(start) >= 0.0:
        function, warnings = excess_now, ("no constant effect agrees with all looks: it has changed over time",)
        start = float(minimize_scalar(excess_now, bounds=(-1.0, 1.0), method="bounded").x)
    return (width * _end(function, start, -1.0), width * _end(function, start, 1.0)), warnings


def _end(excess: Callable[[float], float], start: float, limit: float) -> float:
    """Where a convex function that is negative at the start becomes positive in the direction of a limit."""
    if start == limit or excess(limit) <= 0.0:
        return limit
    if excess(start) >= 0.0:
        return start
    return float(brentq(excess, start, limit, xtol=1e-10, rtol=1e-10))
