"""Priors that an account's past experiments have taught: what the rates of its variants have been, as a distribution.

A variant of the next experiment is taken to be like those of the past. Their true rates are unknown, but the prior
under which all that they earned is the most likely follows from their counts alone: empirical Bayes.
"""

from collections.abc import Callable, Sequence
from math import exp, inf, lgamma, log

import numpy as np
from numpy.typing import NDArray

from bandit.errors import InvalidInput
from bandit.metric import Metric
from bandit.model import Model
from bandit.running import load
from bandit.store import Reader
from policies import AnyPolicy, Policy, ThompsonBeta, ThompsonGamma

OVER = ("completed", "stopped", "archived")
FEWEST = 4
"""Past variants that two parameters are fitted to at least."""


class Prior(Model):
    """What past experiments have taught of a metric, as a policy that starts from it."""

    metric: str
    policy: AnyPolicy


Arms = Sequence[tuple[float, float]]
"""Trials and what they earned in all, of each past variant."""


def learned(reader: Reader, metric: str, owner: str | None) -> Policy:
    """The Thompson policy whose prior is what past experiments have shown of a metric.

    Args:
        reader: Of one moment.
        metric: The key of a conversion or a count; experiments that are over, and have a metric of this key, count.
        owner: Whose experiments; None for everyone's.

    Raises:
        InvalidInput: There are too few, or none of such a metric.
    """
    arms: list[tuple[float, float]] = []
    types: set[str] = set()
    for row, standing in reader.experiments():
        if row.status not in OVER:
            continue
        running = load(row, standing)
        place = running.metrics.get(metric)
        if place is None or (owner is not None and running.experiment.owner != owner):
            continue
        kept: Metric = running.experiment.metrics[place]
        types.add(kept.type)
        for _, sums in ((arm, sums) for arm, of, sums in reader.sums(row.id, 0) if of == place):
            if sums[0] > 0.0:
                arms.append((sums[0], max(0.0, sums[1] + sums[0] * kept.origin)))
    if len(arms) < FEWEST:
        raise InvalidInput.field(
            "metric",
            f"a prior needs {FEWEST} variants of experiments that are over and were rewarded with {metric[:100]!r}, "
            f"there are {len(arms)}",
        )
    if types == {"conversion"}:
        successes, failures = beta(arms)
        return ThompsonBeta(prior_successes=successes, prior_failures=failures)
    if types == {"count"}:
        shape, rate = gamma(arms)
        return ThompsonGamma(prior_shape=shape, prior_rate=rate)
    given = " and ".join(sorted(types))
    raise InvalidInput.field("metric", f"a prior is learned for a conversion or a count; {metric!r} has been {given}")


def beta(arms: Arms) -> tuple[float, float]:
    """The Beta prior under which the successes of past variants are the most likely (beta-binomial).

    It is worth no more trials than the past variants had on average: where they do not differ by more than chance, the
    likelihood grows with the prior's certainty for ever, but a next variant may yet be another.

    Args:
        arms: Trials and successes.

    Returns:
        Successes and failures that the prior is worth.
    """
    from scipy.special import betaln

    def fit(mean: float, worth: float) -> float:
        a, b = mean * worth, (1.0 - mean) * worth
        return sum(float(betaln(a + s, b + n - s) - betaln(a, b)) for n, s in arms)

    mean, worth = _fitted(fit, arms, most=1.0)
    return mean * worth, (1.0 - mean) * worth


def gamma(arms: Arms) -> tuple[float, float]:
    """The Gamma prior under which the events of past variants are the most likely (gamma-Poisson); see `beta`.

    Args:
        arms: Trials and events.

    Returns:
        Events and trials that the prior is worth.
    """

    def fit(mean: float, worth: float) -> float:
        a = mean * worth
        return sum(lgamma(a + s) - lgamma(a) + a * log(worth) - (a + s) * log(worth + n) for n, s in arms)

    mean, worth = _fitted(fit, arms, most=inf)
    return mean * worth, worth


def _fitted(fit: Callable[[float, float], float], arms: Arms, most: float) -> tuple[float, float]:
    """Mean and worth of the prior that maximises a likelihood, over their logarithms."""
    from scipy.optimize import minimize

    trials, earned = sum(n for n, _ in arms), sum(s for _, s in arms)
    # Half an event more and less: without any the most likely rate would be none at all.
    pooled = (earned + 0.5) / (trials + 1.0)
    certain = log(trials / len(arms))
    ends = ((log(pooled) - 5.0, min(log(pooled) + 5.0, log(most) - 1e-9)), (min(0.0, certain) - 1.0, certain))
    start: list[float] = [min(log(pooled), ends[0][1]), 0.5 * sum(ends[1])]

    def unlikely(at: NDArray[np.float64]) -> float:
        return -fit(exp(at[0]), exp(at[1]))

    found = minimize(unlikely, np.array(start, np.float64), bounds=ends, method="L-BFGS-B")
    return exp(found.x[0]), exp(found.x[1])
