"""Score intervals for the difference and the ratio of two proportions."""

import math
from collections.abc import Callable

from scipy.optimize import bisect, brentq

from bandit.statistics.comparison import Alternative
from bandit.statistics.proportion import Proportion
from bandit.statistics.tails import Interval, one_sided, quantile

NEAR = 1e-9
"""A step from the estimate, times 1 / trials, that leaves it in the interval even where its variance is zero."""
TINIEST = 1e-300


def difference(
    treatment: Proportion, control: Proportion, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Interval:
    """The differences of two rates that the score test does not reject, at level `1 - alpha`.

    Close to what it says even for few trials and rates near 0 and 1, where Wald's interval fails. Both need trials.

    Raises:
        ValueError: See `tails.check`.

    Source: Miettinen and Nurminen, "Comparative analysis of two rates", Statistics in Medicine 4, 1985.
    """
    squared, trials = quantile(alpha, alternative) ** 2, treatment.trials + control.trials
    estimate = treatment.rate - control.rate

    def excess(delta: float) -> float:
        rate = _control_rate(treatment, control, delta)
        other = min(1.0, max(0.0, rate + delta))
        variance = other * (1.0 - other) / treatment.trials + rate * (1.0 - rate) / control.trials
        return (estimate - delta) ** 2 - squared * variance * trials / (trials - 1.0)

    def end(limit: float) -> float:
        near = estimate + NEAR / trials * (limit - estimate)
        if excess(near) >= 0.0:
            return near
        return float(brentq(excess, near, limit, xtol=TINIEST, rtol=1e-13))

    return one_sided((end(-1.0), end(1.0)), alternative)


def _control_rate(treatment: Proportion, control: Proportion, delta: float) -> float:
    """The control's likeliest rate if the treatment's is greater by `delta`."""
    lowest, highest = max(0.0, -delta), min(1.0, 1.0 - delta)
    terms = (
        (treatment.successes, 1.0, delta),
        (treatment.failures, -1.0, 1.0 - delta),
        (control.successes, 1.0, 0.0),
        (control.failures, -1.0, 1.0),
    )

    def slope(rate: float) -> float:
        # Of the logarithm of the likelihood; it falls, and is infinite where a rate is 0 or 1 and must not be.
        total = 0.0
        for count, sign, offset in terms:
            base = offset + sign * rate
            if count:
                total += sign * (count / base if base > 0.0 else math.inf)
        return total

    # The first and the last may both be infinite, of either sign, only where the interval between them is a point.
    if lowest >= highest or slope(lowest) <= 0.0:
        return lowest
    if slope(highest) >= 0.0:
        return highest
    return float(bisect(slope, lowest, highest, xtol=TINIEST, rtol=1e-15, maxiter=2000))


def ratio(
    treatment: Proportion, control: Proportion, *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Interval:
    """The ratios of two rates that the score test does not reject, at level `1 - alpha`.

    It begins at 0 without successes of the treatment and has no end without successes of the control. Both need trials.

    Raises:
        ValueError: See `tails.check`.

    Source: Koopman, "Confidence intervals for the ratio of two binomial proportions", Biometrics 40, 1984, with the
    variance of Miettinen and Nurminen 1985.
    """
    squared, trials = quantile(alpha, alternative) ** 2, treatment.trials + control.trials
    successes = treatment.successes + control.successes

    def excess(logarithm: float) -> float:
        phi = math.exp(logarithm)
        # The control's likeliest rate solves a quadratic equation, whose discriminant is written without differences.
        left, right = (treatment.trials + control.successes) * phi, control.trials + treatment.successes
        root = math.hypot(left - right, 2.0 * math.sqrt(phi * treatment.failures * control.failures))
        rate = min(1.0, 2.0 * successes / (left + right + root))
        other = min(1.0, phi * rate)
        variance = other * (1.0 - other) / treatment.trials + phi * phi * rate * (1.0 - rate) / control.trials
        return (treatment.rate - phi * control.rate) ** 2 - squared * variance * trials / (trials - 1.0)

    if not successes:
        return 0.0, math.inf
    step = NEAR / trials
    lower, upper = 0.0, math.inf
    if treatment.successes:
        start = math.log(treatment.rate / control.rate) - step if control.successes else -math.log(step)
        lower = math.exp(_crossing(excess, start, -1.0))
    if control.successes:
        start = math.log(treatment.rate / control.rate) + step if treatment.successes else math.log(step)
        upper = math.exp(_crossing(excess, start, 1.0))
    return one_sided((lower, upper), alternative, 0.0)


def _crossing(excess: Callable[[float], float], start: float, direction: float) -> float:
    """Where `excess`, negative at the start, becomes positive in a direction."""
    if excess(start) >= 0.0:
        return start
    step = direction
    while excess(start + step) < 0.0:
        step *= 2.0
    return float(brentq(excess, start, start + step, xtol=1e-13, rtol=1e-13))
