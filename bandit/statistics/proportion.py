"""One proportion and its intervals."""

import math
from dataclasses import dataclass

from scipy.special import betainccinv, betaincinv

from bandit.statistics.comparison import Alternative
from bandit.statistics.tails import Interval, check, one_sided, quantile


@dataclass(frozen=True, slots=True)
class Proportion:
    """So many successes in so many independent trials.

    Raises:
        ValueError: There are not from 0 to `trials` successes, or not a finite number of trials.
    """

    successes: float
    trials: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.trials < math.inf:
            raise ValueError(f"trials: {self.trials} given, must be 0 or more, and finite")
        if not 0.0 <= self.successes <= self.trials:
            raise ValueError(f"successes: {self.successes} given, must lie from 0 to the trials, {self.trials}")

    @property
    def rate(self) -> float:
        """Successes per trial; nan without trials."""
        return self.successes / self.trials if self.trials else math.nan

    @property
    def failures(self) -> float:
        """Trials that were no success."""
        return self.trials - self.successes


def wilson(proportion: Proportion, *, alpha: float = 0.05, alternative: Alternative = "two-sided") -> Interval:
    """The rates that the score test does not reject, at level `1 - alpha`.

    The one to use unless there is a reason for another: on average over rates it covers what it says at any size, at
    some rates a little less. Without trials it is (0, 1).

    Raises:
        ValueError: See `tails.check`.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.
    """
    z = quantile(alpha, alternative)
    successes, trials = proportion.successes, proportion.trials
    if not trials:
        return 0.0, 1.0
    reach = z * z / 2.0 + z * math.sqrt(z * z / 4.0 + successes * (proportion.failures / trials))
    # The lower end times its conjugate, so that no digits cancel where successes are few.
    lower = successes / trials * successes / (successes + reach) if successes else 0.0
    upper = min(1.0, (successes + reach) / (trials + z * z)) if proportion.failures else 1.0
    return one_sided((lower, upper), alternative, 0.0, 1.0)


def clopper_pearson(proportion: Proportion, *, alpha: float = 0.05, alternative: Alternative = "two-sided") -> Interval:
    """The rates that the exact binomial test rejects on neither side; it covers at least `1 - alpha`, mostly more.

    Raises:
        ValueError: See `tails.check`.

    Source: Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
    Biometrika 26, 1934.
    """
    tail = _tail(alpha, alternative)
    successes, failures = proportion.successes, proportion.failures
    lower = float(betaincinv(successes, failures + 1.0, tail)) if successes else 0.0
    upper = float(betainccinv(successes + 1.0, failures, tail)) if failures else 1.0
    return one_sided((lower, upper), alternative, 0.0, 1.0)


def jeffreys(proportion: Proportion, *, alpha: float = 0.05, alternative: Alternative = "two-sided") -> Interval:
    """The central posterior interval from a Beta(1/2, 1/2) prior, reaching 0 without successes and 1 without failures.

    Raises:
        ValueError: See `tails.check`.

    Source: Brown, Cai and DasGupta, "Interval estimation for a binomial proportion", Statistical Science 16, 2001.
    """
    tail = _tail(alpha, alternative)
    successes, failures = proportion.successes, proportion.failures
    lower = float(betaincinv(successes + 0.5, failures + 0.5, tail)) if successes else 0.0
    upper = float(betainccinv(successes + 0.5, failures + 0.5, tail)) if failures else 1.0
    return one_sided((lower, upper), alternative, 0.0, 1.0)


def agresti_coull(proportion: Proportion, *, alpha: float = 0.05, alternative: Alternative = "two-sided") -> Interval:
    """Wald's interval around the middle of Wilson's, which contains Wilson's.

    Raises:
        ValueError: See `tails.check`.

    Source: Agresti and Coull, "Approximate is better than exact for interval estimation of binomial proportions", The
    American Statistician 52, 1998.
    """
    z = quantile(alpha, alternative)
    trials = proportion.trials + z * z
    centre = (proportion.successes + z * z / 2.0) / trials
    half = z * math.sqrt(centre * (1.0 - centre) / trials)
    return one_sided((max(0.0, centre - half), min(1.0, centre + half)), alternative, 0.0, 1.0)


def _tail(alpha: float, alternative: Alternative) -> float:
    check(alpha, alternative)
    return alpha / 2.0 if alternative == "two-sided" else alpha
