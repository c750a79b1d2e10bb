"""What every comparison of a treatment with a control answers, and how a method that is not sound says so."""

from dataclasses import dataclass
from typing import Literal

Alternative = Literal["two-sided", "greater", "less"]
"""`greater`: the treatment's value is the greater one."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A treatment held against a control.

    Attributes:
        method: The test's or estimator's name, as it can be asked for.
        effect: Treatment less control, in the metric's unit.
        interval: For the effect, at level 1 - alpha; one end is infinite with a one-sided alternative.
        p_value: Of the hypothesis of no effect; None where the method has none.
        statistic: What the p-value was read from; None where there is none.
        relative_effect: The effect divided by the control's value; None where that is zero.
        relative_interval: For the relative effect; None where it has none.
        warnings: What a reader must know before believing it.
    """

    method: str
    effect: float
    interval: tuple[float, float]
    p_value: float | None
    statistic: float | None = None
    relative_effect: float | None = None
    relative_interval: tuple[float, float] | None = None
    warnings: tuple[str, ...] = ()


class Refused(ValueError):
    """A method that would not be valid on these data.

    Attributes:
        method: The method that was asked for.
        reason: Why its guarantee does not hold here.
        instead: What to use.
    """

    def __init__(self, method: str, reason: str, instead: str) -> None:
        super().__init__(f"{method} is not valid here: {reason}; use {instead}")
        self.method = method
        self.reason = reason
        self.instead = instead
