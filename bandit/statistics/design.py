"""A design: what power a number of units has for an effect. Sizes and detectable effects are roots of that function.

Effects are treatment less control. Every treatment is held against one control, in a fixed split; power is that of one
such comparison.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, NamedTuple

from scipy.special import ndtr, ndtri

from bandit.statistics import dunnett, tails
from bandit.statistics.comparison import Alternative

Correction = Literal["bonferroni", "holm", "dunnett"]


@dataclass(frozen=True, kw_only=True)
class Design(ABC):
    """A comparison of treatments with a control that is still to be made.

    Attributes:
        alpha: The type I error; of the family, where there are several treatments.
        alternative: Which effects are looked for.
        margin: Of non-inferiority: how much worse than control still counts as no worse. Above 0, the hypothesis to be
            rejected is an effect of -margin (`greater`) or +margin (`less`), and the true effect may be 0.
        ratio: Units of each treatment for one of the control.
        treatments: How many.
        correction: For several treatments. Holm's first step is Bonferroni's, which is what can be counted on.
    """

    alpha: float = 0.05
    alternative: Alternative = "two-sided"
    margin: float = 0.0
    ratio: float = 1.0
    treatments: int = 1
    correction: Correction = "bonferroni"

    def __post_init__(self) -> None:
        tails.check(self.alpha, self.alternative)
        if not 0.0 <= self.margin < math.inf:
            raise ValueError(f"margin: {self.margin:g} given, must be 0 or more, and finite")
        if self.margin and self.alternative == "two-sided":
            raise ValueError("margin: given with a two-sided alternative, must be with `greater` or `less`")
        if not 0.0 < self.ratio < math.inf:
            raise ValueError(f"ratio: {self.ratio:g} given, must be above 0 and finite")
        if self.treatments < 1:
            raise ValueError(f"treatments: {self.treatments} given, must be 1 or more")

    @abstractmethod
    def power(self, size: float, effect: float) -> float:
        """The probability that a treatment with this effect is told from control.

        Args:
            size: Units of the control; need not be whole.
            effect: Treatment less control.
        """

    @property
    @abstractmethod
    def deviation(self) -> float:
        """The scale of effects: about the standard deviation of a unit."""

    @property
    def least_size(self) -> float:
        """Of the control: with fewer there is no test."""
        return 1.0

    @property
    def limits(self) -> tuple[float, float]:
        """Least and greatest effect there can be."""
        return -math.inf, math.inf

    @property
    def null(self) -> float:
        """The effect that is to be rejected."""
        return self.margin if self.alternative == "less" else -self.margin if self.margin else 0.0

    def degrees(self, size: float) -> float:  # noqa: ARG002 - a normal approximation has no end of them
        """Of freedom, with so many units of the control."""
        return math.inf

    def level(self, size: float = math.inf) -> float:
        """The alpha of each comparison, with so many units of the control."""
        if self.treatments == 1:
            return self.alpha
        if self.correction != "dunnett":
            return self.alpha / self.treatments
        df = self.degrees(size)
        critical = abs(dunnett.critical_value(self.alpha, (self.ratio,) * self.treatments, df, self.alternative))
        return tails.p_value(critical, "two-sided" if self.alternative == "two-sided" else "greater", df)


class Approximation(NamedTuple):
    """What a normal approximation says of an effect.

    Attributes:
        distance: Of the expected estimate from what is to be rejected.
        null_deviation: The standard error that the test divides by, times the root of the control's size.
        deviation: The true standard error, times the same.
    """

    distance: float
    null_deviation: float
    deviation: float


@dataclass(frozen=True, kw_only=True)
class NormalDesign(Design):
    """A design whose estimate is taken as normal."""

    @property
    def both_tails(self) -> bool:
        """Whether a two-sided power counts rejections on the wrong side too."""
        return False

    @abstractmethod
    def approximation(self, effect: float) -> Approximation:
        """What is said of this effect."""

    def power(self, size: float, effect: float) -> float:
        """See `Design.power`."""
        distance, null_deviation, deviation = self.approximation(effect)
        two_sided = self.alternative == "two-sided"
        critical = -float(ndtri(self.level() / (2.0 if two_sided else 1.0))) * null_deviation
        distance *= math.sqrt(size)
        distance = abs(distance) if two_sided else -distance if self.alternative == "less" else distance
        near = _probability(distance - critical, deviation)
        return near + _probability(-distance - critical, deviation) if two_sided and self.both_tails else near


def _probability(distance: float, deviation: float) -> float:
    """That a normal estimate falls short of this distance; it does not vary where its deviation is zero."""
    if deviation == 0.0:
        return float(distance >= 0.0)
    return float(ndtr(distance / deviation))
