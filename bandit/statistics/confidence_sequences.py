"""Confidence sequences: intervals that hold at all times at once, so that one may look, and stop, whenever one likes.

One formula has three names. With S a sum, v its variance and rho a number that was fixed in advance,

    e = sqrt(rho / (v + rho)) exp(S^2 / (2 (v + rho)))

is the likelihood ratio of S mixed over its means. While there is no effect, the probability that e ever reaches
1 / alpha is at most alpha. So 1 / e is a p-value at any time, and the effects that were not rejected are those with
|S| < sqrt((v + rho) ln((v + rho) / (rho alpha^2))).

- The mixture sequential probability ratio test (Johari, Koomen, Pekelis and Walsh, "Always valid inference",
  Operations Research 70, 2022) mixes over effects of variance tau^2: S is the estimate over its variance, v one over
  its variance, rho = 1 / tau^2.
- The two-sided normal mixture (Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric, nonasymptotic
  confidence sequences", Annals of Statistics 49, 2021): S sums deviations from the mean, v their variances.
- The asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit
  theory and asymptotic confidence sequences", Annals of Statistics 52, 2024): S sums standardised values, v is their
  number, and what they call rho is here 1 / sqrt(rho).

For Gaussian values of known variance the guarantee is exact. With an estimated variance, and for other values, it is
one in the limit: the more values there were before the first look, the better. For values with bounds,
`beta_binomial` and `betting` have sequences that are exact.
"""

import math

from bandit.statistics import relative
from bandit.statistics.comparison import Comparison, Refused
from bandit.statistics.estimate import Estimate
from bandit.statistics.sample import Sample
from bandit.statistics.tails import check

METHOD = "confidence_sequence"
PLANNED = 10_000.0
"""Units of both variants together at which the interval is the tightest, unless another number is planned with."""
EVENTS = 20.0
"""Successes, and failures, that the smaller sample must expect. Looking from then on, simulated experiments without an
effect (rates .005 to .5, 2% to 50% of the units treated, 40,000 units) ever showed one in at most 5% of 400 runs; with
5 in up to 12%, and without this rule in up to 80%."""
ROUNDING = 1e-9
"""The part by which sums may differ from what they are sums of."""
VALUES = 1000.0
"""Values of either sample, other than successes and failures, below which a warning says that this is a limit."""


def best_rho(variance: float, alpha: float) -> float:
    """The rho with which the bound is about the tightest when v is `variance`, by the usual approximation.

    Source: Howard et al. 2021. The exact solution needs the lower branch of Lambert's W function and is hardly tighter.

    Raises:
        ValueError: `variance` is not above 0, or `alpha` does not lie between 0 and 1.
    """
    check_positive("variance", variance)
    check(alpha)
    evidence = -2.0 * math.log(alpha)
    return variance / (evidence + math.log1p(evidence))


def boundary(variance: float, rho: float, alpha: float) -> float:
    """The distance that a sum of mean 0 never reaches, with probability 1 - alpha.

    Args:
        variance: v, the variance of the sum now, in the unit of its square.
        rho: In the same unit.
        alpha: The probability of error over all times.

    Raises:
        ValueError: `rho` is not above 0, or `alpha` does not lie between 0 and 1.
    """
    check_positive("rho", rho)
    check(alpha)
    return math.sqrt((variance + rho) * (math.log1p(variance / rho) - 2.0 * math.log(alpha)))


def log_likelihood_ratio(total: float, variance: float, rho: float) -> float:
    """The logarithm of e for a sum S = `total` of variance v = `variance`; its greatest value ever is evidence too."""
    check_positive("rho", rho)
    return 0.5 * (total * total / (variance + rho) - math.log1p(variance / rho))


def p_value(total: float, variance: float, rho: float) -> float:
    """1 / e, at most 1. It is valid at any time, and so is the least of those so far; below 1e-300 it may be 0."""
    return math.exp(-max(0.0, log_likelihood_ratio(total, variance, rho)))


def compare(
    treatment: Sample,
    control: Sample,
    *,
    alpha: float = 0.05,
    planned: float = PLANNED,
    effects: float | None = None,
) -> Comparison:
    """The difference of two means, with an interval and a p-value that are valid whenever one looks.

    It holds for units that were split with constant probabilities. Where the weights moved, the difference of the means
    has no such guarantee and is biased besides: use the methods for adaptively collected data.

    Args:
        treatment: All its values so far.
        control: All its values so far.
        alpha: The probability that any of the intervals ever misses the effect.
        planned: Units of both together at which the interval is to be the tightest; fixed in advance. With a tenth of
            them it is a quarter wider than it might be, with ten times as many a fourteenth.
        effects: The variance tau^2 of effects like this one, in the square of the metric's unit, instead of `planned`.

    Returns:
        The statistic is the logarithm of e. The relative interval has the ratios that are not rejected, as Fieller's.

    Raises:
        Refused: A Gaussian limit is far: a sample has fewer than 2 values, or none vary, or too few successes or
            failures are expected.
        ValueError: An argument is out of its range.
    """
    warnings = limits(METHOD, treatment, control)
    means = [Estimate(sample.mean, sample.variance / sample.count) for sample in (treatment, control)]
    return compared(
        METHOD,
        *means,
        units=treatment.count + control.count,
        alpha=alpha,
        planned=planned,
        effects=effects,
        warnings=warnings,
    )


def compared(
    method: str,
    treatment: Estimate,
    control: Estimate,
    *,
    units: float,
    alpha: float = 0.05,
    planned: float = PLANNED,
    effects: float | None = None,
    warnings: tuple[str, ...] = (),
) -> Comparison:
    """The same for two independent estimates that are means of something in the limit: see `compare`.

    Args:
        method: The name for the answer.
        treatment: Its estimate; the degrees of freedom are not read.
        control: Likewise.
        units: Of both, from which they were made.
        alpha: See `compare`.
        planned: See `compare`.
        effects: See `compare`.
        warnings: What to tell the reader.

    Raises:
        Refused: Neither has any variance.
        ValueError: An argument is out of its range.
    """
    check_positive("planned", planned)
    variances = treatment.variance, control.variance
    variance = sum(variances)
    if not variance > 0.0:
        raise Refused(method, "the values of neither sample vary", "more values")
    information = 1.0 / variance
    if effects is None:
        rho = best_rho(information * planned / units, alpha)
    else:
        check_positive("effects", effects)
        rho = 1.0 / effects
    effect = treatment.value - control.value
    half = boundary(information, rho, alpha) * variance
    ratios = relative.fieller(treatment.value, control.value, variances, 0.0, half / math.sqrt(variance))
    return Comparison(
        method=method,
        effect=effect,
        interval=(effect - half, effect + half),
        p_value=p_value(effect * information, information, rho),
        statistic=log_likelihood_ratio(effect * information, information, rho),
        relative_effect=effect / control.value if control.value else None,
        relative_interval=None if ratios is None else (ratios[0] - 1.0, ratios[1] - 1.0),
        warnings=warnings,
    )


def is_binary(sample: Sample) -> bool:
    """Whether all values are 0 or 1: no others from 0 to 1 vary as much."""
    if not sample.count or not 0.0 <= sample.mean <= 1.0:
        return False
    greatest = sample.mean * (1.0 - sample.mean)
    spread = sample.variance * (sample.count - 1.0) / sample.count if sample.count > 1.0 else 0.0
    return abs(spread - greatest) <= ROUNDING * greatest


def check_positive(name: str, value: float) -> None:
    """Refuses what is not a finite number above 0."""
    if not 0.0 < value < math.inf:
        raise ValueError(f"{name}: {value:g} given, must be above 0 and finite")


def limits(method: str, treatment: Sample, control: Sample) -> tuple[str, ...]:
    """What to tell the reader of how far the limit is.

    Raises:
        Refused: It is too far.
    """
    least = min(treatment.count, control.count)
    if least < 2.0:
        raise Refused(method, f"the smaller sample has {least:g} values", "it once both have 2 values")
    if is_binary(treatment) and is_binary(control):
        rate = (treatment + control).mean
        events = least * min(rate, 1.0 - rate)
        if events < EVENTS * (1.0 - ROUNDING):
            reason = f"the smaller sample expects {events:.3g} successes or failures, fewer than {EVENTS:g}"
            raise Refused(method, reason, "beta_binomial.compare, which is exact for any number")
    if not treatment.variance + control.variance > 0.0:
        raise Refused(method, "the values of neither sample vary", "more values")
    if least < VALUES and not is_binary(treatment):
        return (
            f"The smaller sample has {least:g} values. The guarantee is one in the limit of many; where a few values"
            " make most of the sum, that takes thousands.",
        )
    return ()
