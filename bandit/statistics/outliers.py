"""Whether a few values make most of a mean, so that one more of them would have said something else.

| function | needs | tells |
|---|---|---|
| `of_values` | the values | the share of the greatest, skewness, kurtosis, and how many values a normal mean needs |
| `of_sums` | size, mean, variance | how many equal values would vary as much as these do |
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bandit.statistics.confidence_sequences import is_binary
from bandit.statistics.finding import Finding, percent
from bandit.statistics.sample import Sample
from policies.kernel import Array

PER_SKEWNESS = 355.0
"""Values needed for each unit of squared skewness, for 95% intervals that are about right (Kohavi et al. 2014)."""
GREAT, HUGE = 0.05, 0.2
"""Share of the sum of one value, ten times that of the average one, from which a mean leans, and hangs, on it."""
FEW = 100.0
"""Effective number of values below which a mean is made by a few."""
TOP = 0.01
"""The part of the values whose share of the sum is told."""


@dataclass(frozen=True, slots=True)
class Concentration:
    """How much of a sum comes from how few values.

    Attributes:
        count: How many values there are.
        greatest: The share of the greatest absolute value in their sum; None if all are 0.
        top: The share of the greatest hundredth of them.
        skewness: Of the values; 0 if they are all equal.
        kurtosis: Less that of a normal distribution; 0 if they are all equal.
        needed: Values of this skewness that a normal mean needs.
    """

    count: int
    greatest: float | None
    top: float | None
    skewness: float
    kurtosis: float
    needed: float


def concentration(values: Sequence[float] | Array) -> Concentration:
    """How much of a sum comes from how few of its values.

    Source for `needed`: Kohavi, Deng, Longbotham and Xu, "Seven rules of thumb for web site experimenters", KDD 2014.

    Args:
        values: One or more, finite.

    Raises:
        ValueError: There are no values, or one is not finite.
    """
    array = np.asarray(values, np.float64)
    if not array.size or not np.isfinite(array).all():
        raise ValueError(f"values: {array.size} given, must be one or more, and finite")
    sizes = np.sort(np.abs(array))[::-1]
    total = float(sizes.sum())
    top = max(1, math.ceil(TOP * array.size))
    distance = array - array.mean()
    scale = float(np.abs(distance).max())
    skewness = kurtosis = 0.0
    if scale > 1e-12 * float(sizes[0]):
        distance /= scale
        variance = float((distance**2).mean())
        skewness = float((distance**3).mean()) / variance**1.5
        kurtosis = float((distance**4).mean()) / variance**2 - 3.0
    return Concentration(
        count=array.size,
        greatest=float(sizes[0]) / total if total else None,
        top=float(sizes[:top].sum()) / total if total else None,
        skewness=skewness,
        kurtosis=kurtosis,
        needed=PER_SKEWNESS * skewness * skewness,
    )


def of_values(key: str, values: Sequence[float] | Array) -> Finding | None:
    """A finding where one value of a variant hangs heavy, or where its mean is not about normal yet.

    Args:
        key: Of the variant.
        values: One or more.

    Raises:
        ValueError: There are no values, or one is not finite.
    """
    found = concentration(values)
    if found.greatest is None or found.top is None:
        return None
    heavy = found.greatest >= max(GREAT, 10.0 / found.count)
    if not (heavy or found.count < found.needed):
        return None
    message = (
        f"In {key}, the greatest of {found.count:,} values makes {percent(found.greatest)} of the sum and the greatest"
        f" hundredth {percent(found.top)}; with a skewness of {found.skewness:.3g} it takes about {found.needed:,.0f}"
        " values until intervals for the mean are right."
    )
    return _finding(
        message,
        severe=heavy and found.greatest >= HUGE,
        numbers={
            "count": float(found.count),
            "greatest": found.greatest,
            "top": found.top,
            "skewness": found.skewness,
            "kurtosis": found.kurtosis,
            "needed": found.needed,
        },
    )


def of_sums(key: str, sample: Sample) -> Finding | None:
    """The same from a sample's size, mean and variance, for values that are 0 or more.

    The effective number of values is (sum)^2 / (sum of squares): as many equal values, and zeros for the rest, have the
    same mean and variance. It needs no values, and cannot tell one huge value from several great ones. Conversions
    have no outliers.
    """
    if sample.count < 2.0 or is_binary(sample) or not sample.mean > 0.0:
        return None
    squares = sample.mean * sample.mean + sample.variance * (sample.count - 1.0) / sample.count
    effective = sample.count * sample.mean * sample.mean / squares
    if effective >= min(FEW, 0.5 * sample.count):
        return None
    return _finding(
        f"In {key}, {sample.count:,.0f} values vary as much as if {effective:,.1f} equal ones made all of the sum.",
        severe=False,
        numbers={"count": sample.count, "effective": effective, "mean": sample.mean, "variance": sample.variance},
    )


def _finding(message: str, *, severe: bool, numbers: dict[str, float | None]) -> Finding:
    return Finding(
        kind="outliers",
        severity="critical" if severe else "warning",
        message=message,
        recommendation=(
            "Look at the greatest values: are they real? If so, cap the metric with an upper bound that was chosen"
            " before, compare medians or conversions beside it, or collect more."
        ),
        numbers=numbers,
    )
