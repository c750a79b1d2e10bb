"""Estimates over time, one for every bucket of it: means of a variant, or effects of a treatment."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np

from bandit.statistics.sample import Sample
from policies.kernel import Array


@dataclass(frozen=True, slots=True)
class Timeline:
    """Independent estimates over time.

    Attributes:
        times: Of the buckets, ascending, shape (buckets,): in days, say.
        estimates: One a bucket.
        variances: Of the estimates, each above 0.

    Raises:
        ValueError: Shapes differ, a number is not finite, times do not ascend, or a variance is not above 0.
    """

    times: Array
    estimates: Array
    variances: Array

    def __post_init__(self) -> None:
        for name in ("times", "estimates", "variances"):
            array = np.asarray(getattr(self, name), np.float64)
            object.__setattr__(self, name, array)
            if array.shape != (np.size(self.times),) or not np.isfinite(array).all():
                raise ValueError(f"{name}: shape {array.shape} given, must be (buckets,) for all three, and finite")
        if (np.diff(self.times) <= 0.0).any():
            raise ValueError("times: must ascend")
        if (self.variances <= 0.0).any():
            raise ValueError("variances: must be above 0")


def of_means(times: Sequence[float], buckets: Sequence[Sample]) -> Timeline:
    """The means of one variant, without the buckets that have no values, and empty if no values differ.

    The variance of a value is pooled over the buckets, so that a bucket without events has one too.

    Args:
        times: Of the buckets.
        buckets: The values of each.
    """
    kept = [place for place, bucket in enumerate(buckets) if bucket.count > 0.0]
    variance = _pooled([buckets[place] for place in kept])
    kept = kept if variance > 0.0 else []
    return Timeline(
        np.array([times[place] for place in kept]),
        np.array([buckets[place].mean for place in kept]),
        np.array([variance / buckets[place].count for place in kept]),
    )


def of_effects(times: Sequence[float], treatment: Sequence[Sample], control: Sequence[Sample]) -> Timeline:
    """The differences of two means, without the buckets in which either has no values, and empty if no values differ.

    What happens to both alike, a weekend or a sale, leaves little trace in them.

    Args:
        times: Of the buckets.
        treatment: The values of each bucket.
        control: Likewise.
    """
    pairs = list(zip(treatment, control, strict=True))
    kept = [place for place, (one, other) in enumerate(pairs) if one.count > 0.0 and other.count > 0.0]
    first, second = (_pooled([pairs[place][side] for place in kept]) for side in (0, 1))
    kept = kept if first + second > 0.0 else []
    return Timeline(
        np.array([times[place] for place in kept]),
        np.array([pairs[place][0].mean - pairs[place][1].mean for place in kept]),
        np.array([first / pairs[place][0].count + second / pairs[place][1].count for place in kept]),
    )


def _pooled(buckets: Sequence[Sample]) -> float:
    """The variance within buckets; or, where there is none, that of all values together."""
    freedom = sum(bucket.count - 1.0 for bucket in buckets if bucket.count > 1.0)
    within = sum((bucket.count - 1.0) * bucket.variance for bucket in buckets if bucket.count > 1.0)
    if within > 0.0:
        return within / freedom
    together = reduce(add, buckets) if buckets else None
    return together.variance if together is not None and together.count > 1.0 else 0.0
