"""Poisson rates: events per exposure, such as errors per hour."""

import math
from dataclasses import dataclass
from typing import Literal

from scipy import stats

from bandit.statistics import mover
from bandit.statistics.comparison import Alternative, Comparison, Refused
from bandit.statistics.proportion import Proportion, clopper_pearson, wilson
from bandit.statistics.tails import Interval, disagreement, one_sided, p_value, quantile

Method = Literal["exact", "score"]


@dataclass(frozen=True, slots=True)
class Rate:
    """So many independent events while so much was exposed to them.

    Raises:
        ValueError: There are fewer than no events, or no exposure, or one of them is not finite.
    """

    events: float
    exposure: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.events < math.inf:
            raise ValueError(f"events: {self.events} given, must be 0 or more, and finite")
        if not 0.0 < self.exposure < math.inf:
            raise ValueError(f"exposure: {self.exposure} given, must be more than 0, and finite")

    @property
    def value(self) -> float:
        """Events per unit of exposure."""
        return self.events / self.exposure


def exact(treatment: Rate, control: Rate, *, alpha: float = 0.05, alternative: Alternative = "two-sided") -> Comparison:
    """The exact test that two rates are equal, given how many events there were in all.

    Two-sided, it counts the divisions of the events that are no likelier than the one seen. The relative interval
    comes from Clopper and Pearson's, the one for the difference from Garwood's for each rate. Events that come in
    bursts, or from units of different rates, vary more than Poisson's: then compare the units' counts by `welch`.

    Args:
        treatment: Its events and exposure.
        control: Likewise, in the same unit of exposure.
        alpha: One less the level of the intervals.
        alternative: Which side.

    Raises:
        ValueError: See `tails.check`.
        Refused: The events are no whole numbers.

    Source: Przyborowski and Wilenski, "Homogeneity of results in testing samples from Poisson series", Biometrika 31,
    1940.
    """
    if treatment.events != int(treatment.events) or control.events != int(control.events):
        raise Refused("poisson_exact", "the events are not whole numbers", "score")
    events, total = int(treatment.events), int(treatment.events + control.events)
    p = float(stats.binomtest(events, total, _share(treatment, control), alternative).pvalue) if total else 1.0
    return _compared("exact", treatment, control, min(1.0, p), None, alpha, alternative)


def score(treatment: Rate, control: Rate, *, alpha: float = 0.05, alternative: Alternative = "two-sided") -> Comparison:
    """The score test that two rates are equal, normal, for some ten events or more in all.

    The relative interval comes from Wilson's, the one for the difference from the score interval of each rate.

    Args:
        treatment: Its events and exposure.
        control: Likewise, in the same unit of exposure.
        alpha: One less the level of the intervals.
        alternative: Which side.

    Raises:
        ValueError: See `tails.check`.
    """
    share, total = _share(treatment, control), treatment.events + control.events
    error = math.sqrt(total * share * (1.0 - share))
    z = (treatment.events * (1.0 - share) - control.events * share) / error if total else 0.0
    return _compared("score", treatment, control, p_value(z, alternative), z, alpha, alternative)


def ratio(
    treatment: Rate,
    control: Rate,
    method: Method = "exact",
    *,
    alpha: float = 0.05,
    alternative: Alternative = "two-sided",
) -> Interval:
    """The interval of the ratio of two rates: from 0 without events of the treatment, without end for the control's.

    Raises:
        ValueError: See `tails.check`.
    """
    total = treatment.events + control.events
    of_share = clopper_pearson if method == "exact" else wilson
    lower, upper = of_share(Proportion(treatment.events, total), alpha=alpha, alternative=alternative)
    exposures = control.exposure / treatment.exposure
    return lower / (1.0 - lower) * exposures, upper / (1.0 - upper) * exposures if upper < 1.0 else math.inf


def interval(
    rate: Rate, method: Method = "exact", *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> Interval:
    """The interval of one rate, at least from 0: Garwood's exact one, or the score test's.

    Raises:
        ValueError: See `tails.check`.

    Source: Garwood, "Fiducial limits for the Poisson distribution", Biometrika 28, 1936.
    """
    z = quantile(alpha, alternative)
    if method == "score":
        reach = z * z / 2.0 + z * math.sqrt(rate.events + z * z / 4.0)
        lower, upper = rate.events * rate.events / (rate.events + reach), rate.events + reach
    else:
        tail = alpha / 2.0 if alternative == "two-sided" else alpha
        lower = float(stats.gamma.ppf(tail, rate.events)) if rate.events else 0.0
        upper = float(stats.gamma.isf(tail, rate.events + 1.0))
    return one_sided((lower / rate.exposure, upper / rate.exposure), alternative, 0.0)


def _share(treatment: Rate, control: Rate) -> float:
    return treatment.exposure / (treatment.exposure + control.exposure)


def _compared(
    method: Method,
    treatment: Rate,
    control: Rate,
    p: float,
    statistic: float | None,
    alpha: float,
    alternative: Alternative,
) -> Comparison:
    sided = alpha if alternative == "two-sided" else 2.0 * alpha
    ends = [interval(rate, method, alpha=sided) for rate in (treatment, control)]
    relative: Interval | None = None
    if control.events:
        lower, upper = ratio(treatment, control, method, alpha=alpha, alternative=alternative)
        relative = one_sided((lower - 1.0, upper - 1.0), alternative)
    effect = treatment.value - control.value
    between = one_sided(mover.difference((treatment.value, control.value), (ends[0], ends[1])), alternative)
    return Comparison(
        method=f"poisson_{method}",
        effect=effect,
        interval=between,
        p_value=p,
        statistic=statistic,
        relative_effect=effect / control.value if control.events else None,
        relative_interval=relative,
        warnings=disagreement(p, between, alpha),
    )
