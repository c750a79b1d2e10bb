"""Designs for what is counted: how power depends on units and effect for proportions and for Poisson rates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bandit.statistics.design import Approximation, NormalDesign


@dataclass(frozen=True, kw_only=True)
class Proportions(NormalDesign):
    """A difference of proportions; its formula is part of the answer, for they differ by some units.

    | formula | standard error | two-sided power counts | known from |
    |---|---|---|---|
    | `pooled` | as if there were no effect | the effect's side | R's power.prop.test |
    | `unpooled` | of each arm | the effect's side | Wald's test |
    | `arcsine` | that of arcsin(sqrt(p)), whatever p | both sides | Cohen 1988 |

    All want some ten conversions and as many failures in each arm.

    Attributes:
        baseline: The control's proportion.
        formula: See above; with a margin only `unpooled`.
    """

    baseline: float
    formula: Literal["pooled", "unpooled", "arcsine"] = "pooled"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.baseline < 1.0:
            raise ValueError(f"baseline: {self.baseline:g} given, must lie strictly between 0 and 1")
        _check_formula(self.formula, self.margin)

    @property
    def both_tails(self) -> bool:
        """See the table."""
        return self.formula == "arcsine"

    @property
    def deviation(self) -> float:
        """Of a unit of the control."""
        return math.sqrt(self.baseline * (1.0 - self.baseline))

    @property
    def limits(self) -> tuple[float, float]:
        """To no unit and to every unit."""
        return -self.baseline, 1.0 - self.baseline

    def approximation(self, effect: float) -> Approximation:
        """See the table."""
        treatment = min(max(self.baseline + effect, 0.0), 1.0)
        if self.formula == "arcsine":
            # The difference of two arcsines as one, which keeps the digits of small effects.
            crossed = math.sqrt(treatment * (1.0 - self.baseline)) + math.sqrt(self.baseline * (1.0 - treatment))
            distance = 2.0 * math.asin(min(max(effect / crossed, -1.0), 1.0))
            deviation = math.sqrt(1.0 + 1.0 / self.ratio)
            return Approximation(distance, deviation, deviation)
        common = (self.baseline + self.ratio * treatment) / (1.0 + self.ratio)
        variances = [proportion * (1.0 - proportion) for proportion in (self.baseline, treatment, common)]
        return _of_variances(self, effect, variances, pooled=self.formula == "pooled")


@dataclass(frozen=True, kw_only=True)
class Rates(NormalDesign):
    """A difference of Poisson rates: events of a unit in its time of exposure.

    `pooled` is the score test, whose standard error assumes no effect; `unpooled` is Wald's. Both want some ten events
    in each arm, and too few units come out where units differ in their rate.

    Attributes:
        baseline: The control's events of a unit in a unit of time.
        exposure: How long each unit is watched, in the same unit of time.
        formula: Which standard error; with a margin only `unpooled`.
    """

    baseline: float
    exposure: float = 1.0
    formula: Literal["pooled", "unpooled"] = "pooled"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value in (("baseline", self.baseline), ("exposure", self.exposure)):
            if not 0.0 < value < math.inf:
                raise ValueError(f"{name}: {value:g} given, must be above 0 and finite")
        _check_formula(self.formula, self.margin)

    @property
    def deviation(self) -> float:
        """Of a unit of the control."""
        return math.sqrt(self.baseline / self.exposure)

    @property
    def limits(self) -> tuple[float, float]:
        """To no event."""
        return -self.baseline, math.inf

    def approximation(self, effect: float) -> Approximation:
        """The variance of a rate is the rate, over the exposure."""
        treatment = max(self.baseline + effect, 0.0)
        common = (self.baseline + self.ratio * treatment) / (1.0 + self.ratio)
        variances = [rate / self.exposure for rate in (self.baseline, treatment, common)]
        return _of_variances(self, effect, variances, pooled=self.formula == "pooled")


def _check_formula(formula: str, margin: float) -> None:
    if margin and formula != "unpooled":
        raise ValueError(f"formula: {formula!r} given, must be 'unpooled' with a margin")


def _of_variances(design: NormalDesign, effect: float, variances: Sequence[float], *, pooled: bool) -> Approximation:
    """From the variance of a unit of the control, of the treatment, and of both if they were alike."""
    control, treatment, common = variances
    deviation = math.sqrt(control + treatment / design.ratio)
    null_deviation = math.sqrt(common * (1.0 + 1.0 / design.ratio)) if pooled else deviation
    return Approximation(effect - design.null, null_deviation, deviation)
