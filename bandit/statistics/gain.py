"""A comparison seen from its goal: what a treatment gains, in the metric's unit and as a part of the control."""

import math
from dataclasses import dataclass
from typing import Self

from bandit.statistics.comparison import Comparison
from bandit.statistics.finding import p_text, percent
from bandit.statistics.ranking import Goal
from bandit.statistics.tails import Interval


@dataclass(frozen=True, slots=True)
class Gain:
    """What a treatment gains over the control: above 0 is better, whatever the goal.

    Attributes:
        variant: The treatment's key.
        units: How many it has.
        effect: In the metric's unit.
        interval: Likewise.
        relative: As a part of the control's value; None where that is 0.
        relative_interval: Likewise.
        significant: Whether the p-value, corrected if it was, is at most alpha; without one, whether the interval
            excludes 0.
        p_value: The one that was used.
    """

    variant: str
    units: float
    effect: float
    interval: Interval
    relative: float | None
    relative_interval: Interval | None
    significant: bool
    p_value: float | None

    @classmethod
    def of(
        cls, variant: str, comparison: Comparison, units: float, p_value: float | None, goal: Goal, alpha: float
    ) -> Self:
        """The gain of a comparison.

        Args:
            variant: The treatment's key.
            comparison: With the control.
            units: Of the treatment.
            p_value: Corrected for several treatments; None takes the comparison's own.
            goal: Whether greater or lesser values are better.
            alpha: Of the decision.
        """
        sign = 1.0 if goal == "increase" else -1.0
        relative = comparison.relative_effect
        # The part of a control below zero falls as the value rises.
        side = sign if relative is None or relative * comparison.effect >= 0.0 else -sign
        parts = comparison.relative_interval
        if parts is None and relative:
            control = comparison.effect / relative
            parts = comparison.interval[0] / control, comparison.interval[1] / control
        interval = _oriented(comparison.interval, sign)
        used = comparison.p_value if p_value is None else p_value
        excludes = interval[0] > 0.0 or interval[1] < 0.0
        return cls(
            variant=variant,
            units=units,
            effect=sign * comparison.effect,
            interval=interval,
            relative=None if relative is None else side * relative,
            relative_interval=None if parts is None else _oriented(parts, side),
            significant=excludes if used is None else used <= alpha,
            p_value=used,
        )

    @property
    def better(self) -> bool:
        """Whether it is shown to gain."""
        return self.significant and self.interval[0] > 0.0

    @property
    def worse(self) -> bool:
        """Whether it is shown to lose."""
        return self.significant and self.interval[1] < 0.0

    def harmful(self, least: float) -> bool:
        """Whether it is shown to lose, and not shown to lose less than a part `least`."""
        return self.worse and (self.relative_interval is None or self.relative_interval[0] <= -least)

    def worth_having(self, least: float) -> bool:
        """Whether the estimate is a gain of at least a part `least` of the control."""
        return self.effect > 0.0 and (self.relative is None or self.relative >= least)

    def too_small(self, least: float) -> bool:
        """Whether a gain of a part `least` is ruled out."""
        return self.relative_interval is not None and self.relative_interval[1] < least

    def units_factor(self, least: float) -> float | None:
        """How many times the units it takes until the interval decides, if the estimate stays; None if none will do.

        An interval narrows with the root of the units. It has to leave 0 where the estimate is worth having, and to
        leave `least` where it is not.
        """
        if self.worth_having(least):
            width, distance = self.effect - self.interval[0], self.effect
        elif self.relative is not None and self.relative_interval is not None:
            width, distance = self.relative_interval[1] - self.relative, least - self.relative
        else:
            return None
        if not (distance > 0.0 and math.isfinite(width)):
            return None
        return (width / distance) ** 2

    def __str__(self) -> str:
        """The gain in words."""
        value, ends = (
            (f"{self.effect:+.4g}", [f"{end:+.4g}" for end in self.interval])
            if self.relative is None or self.relative_interval is None
            else (_signed(self.relative), [_signed(end) for end in self.relative_interval])
        )
        shown = f"{value} ({ends[0]} to {ends[1]})"
        return shown if self.p_value is None else f"{shown}, {p_text(self.p_value)}"


def standing(gain: Gain) -> float:
    """By what gains are put in order: as a part of the control where that is known."""
    return gain.effect if gain.relative is None else gain.relative


def _signed(part: float) -> str:
    if math.isinf(part):
        return "no bound"
    return ("+" if part >= 0.0 else "") + percent(part)


def _oriented(interval: Interval, factor: float) -> Interval:
    first, second = interval[0] * factor, interval[1] * factor
    return min(first, second), max(first, second)
