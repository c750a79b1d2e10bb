"""What is measured on a trial."""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from bandit.model import GREATEST, Key, Model, Text
from policies import Duration


class Metric(Model):
    """What is measured on a trial, and what its events, its window and its absence mean."""

    key: Key
    name: Text = ""
    type: Literal["conversion", "continuous", "count", "ratio"] = "conversion"
    goal: Literal["increase", "decrease"] = "increase"
    role: Literal["primary", "secondary", "guardrail"] | None = Field(
        default=None,
        description="What the experiment is about (one metric), what is looked at beside, what must not get worse; "
        "unset: by `primary`.",
    )
    primary: bool = False
    aggregation: Literal["first", "last", "sum", "max", "count"] = Field(
        default="last", description="What the events of one decision add up to."
    )
    window: Duration | None = Field(default=None, description="How long after its exposure a decision earns.")
    missing: Literal["wait"] | float = Field(
        default="wait", description="`wait`: only rewarded trials count; a number: taken when the window closes."
    )
    late: Literal["refuse", "correct"] = Field(
        default="refuse", description="Whether an event after the window is kept out or corrects the outcome."
    )
    lower: float | None = Field(
        default=None, ge=-GREATEST, le=GREATEST, description="Least value of an event and of a trial."
    )
    upper: float | None = Field(default=None, ge=-GREATEST, le=GREATEST)
    origin: float = Field(
        default=0.0, ge=-GREATEST, le=GREATEST, description="Sums are kept of value - origin: set it near a large mean."
    )
    numerator: Key | None = Field(default=None, description="For a ratio: the metric above the line.")
    denominator: Key | None = None
    covariate: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        default=None,
        description="A numeric attribute, known before the trial, that takes variance off comparisons.",
    )
    minimum_effect: float | None = Field(
        default=None,
        gt=0.0,
        le=1e6,
        description="Least effect worth having, as a part of the control; else the analysis's.",
    )
    method: Annotated[str, Field(max_length=100)] | None = Field(
        default=None, description="How its variants are compared; unset: as the analysis says."
    )

    @property
    def bounds(self) -> tuple[float, float]:
        """Least and greatest value of a trial, infinite where nothing bounds it.

        What the events of a trial add up to is kept within them: a unit that converts twice has converted.
        """
        if self.type == "conversion":
            return 0.0, 1.0
        lowest = 0.0 if self.type == "count" else -math.inf
        return (
            lowest if self.lower is None else self.lower,
            math.inf if self.upper is None else self.upper,
        )

    def refusal(self, value: float) -> str | None:
        """Why `value` may not be the value of one event, or None if it may."""
        if not math.isfinite(value):
            return f"must be a finite number, given {value}"
        if self.type == "conversion" and value not in (0.0, 1.0):
            return f"must be 0 or 1 for the conversion {self.key!r}, given {value:g}"
        if self.type == "ratio":
            return f"{self.key!r} is computed from {self.numerator!r} and {self.denominator!r}; reward those"
        if self.type == "count" and (value < 0.0 or value != int(value)):
            return f"must be a whole number, 0 or more, for the count {self.key!r}, given {value:g}"
        if self.lower is not None and value < self.lower:
            return f"must be at least {self.lower:g} for {self.key!r}, given {value:g}"
        if self.upper is not None and value > self.upper:
            return f"must be at most {self.upper:g} for {self.key!r}, given {value:g}"
        if abs(value) > GREATEST:
            return f"must be within {GREATEST:g} of zero, given {value:g}"
        return None

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        """`role` and `primary` each follow from the other."""
        if not isinstance(given, dict):
            return given
        role, primary = given.get("role"), given.get("primary")
        if role is None:
            return {**given, "role": "primary" if primary is True else "secondary"}
        return {**given, "primary": role == "primary"} if primary is None else given

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.primary != (self.role == "primary"):
            raise ValueError(f"role: {self.role!r} given, but primary is {str(self.primary).lower()}; give one of them")
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise ValueError(f"upper: must be above lower ({self.lower:g}), given {self.upper:g}")
        if (self.type == "ratio") != (self.numerator is not None and self.denominator is not None):
            raise ValueError("numerator, denominator: a ratio names both, no other type names either")
        if self.type == "ratio" and self.origin:
            raise ValueError("origin: a ratio has none; give its numerator and denominator theirs")
        if self.type == "ratio" and self.covariate is not None:
            raise ValueError("covariate: a ratio has none; give its numerator or denominator one")
        if self.type == "ratio" and self.primary:
            raise ValueError("primary: a ratio has no value for one trial to learn from; choose its numerator")
        if self.missing != "wait":
            if self.window is None:
                raise ValueError("window: needed with a default for missing rewards, which is taken when it closes")
            if refusal := self.refusal(self.missing):
                raise ValueError(f"missing: {refusal}")
        return self
