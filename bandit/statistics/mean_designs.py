"""Designs for what is measured: how power depends on units and effect for means and for ratios of means."""

import math
from dataclasses import dataclass

from scipy.special import stdtrit

from bandit.statistics.design import Approximation, Design, NormalDesign
from bandit.statistics.noncentral import exceeds


@dataclass(frozen=True, kw_only=True)
class Ratios(NormalDesign):
    """A difference of ratio metrics (one total over another), as it is read by the delta method.

    Attributes:
        unit_deviation: Of a unit's contribution; see `linearised_deviation`. The treatment is taken to vary as much.
    """

    unit_deviation: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.unit_deviation < math.inf:
            raise ValueError(f"unit_deviation: {self.unit_deviation:g} given, must be above 0 and finite")

    @property
    def deviation(self) -> float:
        """Of a unit."""
        return self.unit_deviation

    def approximation(self, effect: float) -> Approximation:
        """The standard error does not depend on the effect."""
        deviation = self.unit_deviation * math.sqrt(1.0 + 1.0 / self.ratio)
        return Approximation(effect - self.null, deviation, deviation)


@dataclass(frozen=True, kw_only=True)
class Means(Design):
    """A difference of means by Student's t test, exact for normal values of one standard deviation; both sides count.

    With Dunnett's correction the standard deviation is pooled over all arms, else over the two that are compared.

    Attributes:
        unit_deviation: The standard deviation of a unit, in every arm.
    """

    unit_deviation: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.unit_deviation < math.inf:
            raise ValueError(f"sd: {self.unit_deviation:g} given, must be above 0 and finite")

    @property
    def deviation(self) -> float:
        """Of a unit."""
        return self.unit_deviation

    @property
    def least_size(self) -> float:
        """With a unit in each arm and one more."""
        return max(1.0, 1.0 / self.ratio, 3.0 / (1.0 + self.ratio)) * (1.0 + 1e-9)

    def degrees(self, size: float) -> float:
        """Units less arms: all of them, or the two that are compared."""
        arms = self.treatments if self.correction == "dunnett" else 1
        return size * (1.0 + arms * self.ratio) - arms - 1.0

    def power(self, size: float, effect: float) -> float:
        """See `Design.power`; from the noncentral t distribution."""
        df = self.degrees(size)
        if df < 1.0:
            raise ValueError(f"size: {size:g} given, must be at least {self.least_size:g}")
        distance = (effect - self.null) / self.unit_deviation * math.sqrt(size / (1.0 + 1.0 / self.ratio))
        if self.alternative == "two-sided":
            critical = -float(stdtrit(df, self.level(size) / 2.0))
            return exceeds(critical, df, distance) + exceeds(critical, df, -distance)
        critical = -float(stdtrit(df, self.level(size)))
        return exceeds(critical, df, -distance if self.alternative == "less" else distance)


def linearised_deviation(
    numerator_mean: float, numerator_sd: float, denominator_mean: float, denominator_sd: float, correlation: float
) -> float:
    """The standard deviation of a unit's contribution to a ratio of means: of (X - R Y) / mean(Y), R the ratio.

    Args:
        numerator_mean: Mean of X over units.
        numerator_sd: Its standard deviation.
        denominator_mean: Mean of Y over units.
        denominator_sd: Its standard deviation.
        correlation: Of X and Y over units.

    Raises:
        ValueError: An argument is out of range, or X is a multiple of Y, so that the ratio does not vary.
    """
    for name, value in (("numerator_sd", numerator_sd), ("denominator_sd", denominator_sd)):
        if not 0.0 <= value < math.inf:
            raise ValueError(f"{name}: {value:g} given, must be 0 or more, and finite")
    if denominator_mean == 0.0 or not math.isfinite(denominator_mean):
        raise ValueError(f"denominator_mean: {denominator_mean:g} given, must be finite and not 0")
    if not -1.0 <= correlation <= 1.0:
        raise ValueError(f"correlation: {correlation:g} given, must lie from -1 to 1")
    ratio = numerator_mean / denominator_mean
    weighted = abs(ratio) * denominator_sd
    sign = math.copysign(correlation, correlation * ratio) if ratio else 0.0
    variance = (numerator_sd - weighted) ** 2 + 2.0 * numerator_sd * weighted * (1.0 - sign)
    if not 0.0 < variance < math.inf:
        raise ValueError(f"correlation: {correlation:g} given, with which the ratio does not vary")
    return math.sqrt(variance) / abs(denominator_mean)
