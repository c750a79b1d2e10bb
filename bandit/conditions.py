"""Conditions on attributes, as JSON: what targeting, cohorts and the rules of flags are made of.

A condition is one of

    {"attribute": "country", "operator": "in", "value": ["DE", "FR"]}
    {"all": [CONDITION, ...]}    {"any": [CONDITION, ...]}    {"not": CONDITION}

Logic has three values (Kleene 1938): a condition on an attribute that is missing, null or of another type than the
operator's is neither true nor false but unknown, `not` of it is unknown too, and only what is true matches. So missing
data never passes, under whatever negation. `exists` alone asks about absence, and is always true or false.

| operator | value | the attribute |
|---|---|---|
| `equals`, `not_equals` | text, number or boolean | is of the same type, and equal or not |
| `in`, `not_in` | list of texts, of numbers or of booleans | is of their type, and among them or not |
| `contains` | text, number or boolean | a text that contains the text, or a list with such an element |
| `starts_with`, `ends_with` | text | a text; letters count as they are written |
| `matches` | RE2 expression | a text of at most 4,096 characters in which it is found |
| `greater`, `greater_or_equal`, `less`, `less_or_equal` | number | a number |
| `between` | [lower, upper] | a number, both ends included |
| `exists` | true (unless given) or false | is there and not null, or is not |
| `version_equals`, `version_not_equals`, `version_greater` ... | version | a semantic version, by precedence |
| `before`, `after` | time | ISO 8601 or seconds since 1970; unless named, the present |
| `time_of_day` | ["09:00", "17:30"] | the same; the first included, the second not, over midnight if it is earlier |
| `weekday` | ["monday", ...] | the same |
| `in_cohort` | key of a cohort | a text; unless named, the unit |
| `percentage` | 0 to 100, and `salt` | a text; unless named, the unit: whether share(salt, text) is less |

Expressions are RE2's, which take time linear in the text and have neither back-references nor look-around.
"""

import math
import re
from collections.abc import Iterator
from datetime import tzinfo
from typing import Annotated, Any, Literal, Self, TypeGuard, get_args

from pydantic import (
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from bandit import calendar, versions
from bandit.expressions import finder
from bandit.model import JSON, Model

MOST_DEPTH = 10
MOST_CONDITIONS = 200
MOST_VALUES = 1000
MOST_TEXT = 1000

Operator = Literal[
    "equals",
    "not_equals",
    "in",
    "not_in",
    "contains",
    "starts_with",
    "ends_with",
    "matches",
    "greater",
    "greater_or_equal",
    "less",
    "less_or_equal",
    "between",
    "exists",
    "version_equals",
    "version_not_equals",
    "version_greater",
    "version_greater_or_equal",
    "version_less",
    "version_less_or_equal",
    "before",
    "after",
    "time_of_day",
    "weekday",
    "in_cohort",
    "percentage",
]
TIMES = frozenset({"before", "after", "time_of_day", "weekday"})
WITHOUT_ATTRIBUTE = TIMES | {"in_cohort", "percentage"}
IS_KEY = re.compile(r"[A-Za-z0-9._-]{1,100}").fullmatch


class Condition(Model):
    """A condition on attributes: one of its own, or `all`, `any` or `not` of others."""

    attribute: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="A key of the attributes; times read the present without one, shares the unit."
    )
    operator: Operator | None = None
    time_zone: Annotated[str, Field(max_length=64)] | None = Field(default=None, description="IANA name; unset: UTC.")
    salt: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="Makes a percentage independent of others; the same salt samples the same units."
    )
    value: JSON = Field(default=None, validate_default=True, description="What the operator compares with.")
    all: list["Condition"] | None = Field(default=None, min_length=1, max_length=MOST_CONDITIONS)
    any: list["Condition"] | None = Field(default=None, min_length=1, max_length=MOST_CONDITIONS)
    negated: "Condition | None" = Field(default=None, alias="not")

    @property
    def parts(self) -> list["Condition"]:
        """The conditions that this one is made of; none where it reads an attribute."""
        return self.all or self.any or ([self.negated] if self.negated else [])

    def names(self, field: str) -> Iterator[tuple[str, str]]:
        """The cohorts that it names: where each is named, below the field that it was given in, and its key."""
        if self.operator == "in_cohort":
            yield f"{field}.value", str(self.value)
        if self.negated is not None:
            yield from self.negated.names(f"{field}.not")
        for name, parts in (("all", self.all), ("any", self.any)):
            for place, part in enumerate(parts or ()):
                yield from part.names(f"{field}.{name}[{place}]")

    @property
    def zone(self) -> tzinfo:
        """The time zone that it reads times in."""
        return calendar.zone(self.time_zone or "UTC")

    @field_validator("operator", mode="before")
    @classmethod
    def _is_known(cls, given: object) -> object:
        if given is not None and given not in get_args(Operator):
            raise ValueError(f"unknown operator; known are {', '.join(get_args(Operator))}")
        return given

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, given: str | None) -> str | None:
        if given is not None:
            calendar.zone(given)
        return given

    @field_validator("value")
    @classmethod
    def _fits_the_operator(cls, value: JsonValue, info: ValidationInfo) -> JsonValue:
        operator = info.data.get("operator")
        if operator == "exists" and value is None:
            return True
        if operator is not None and (refusal := _refusal(operator, value, info.data.get("time_zone"))):
            raise ValueError(refusal)
        return value

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        own = self.operator is not None or self.attribute is not None
        given = [
            name
            for name, there in (("operator", own), ("all", self.all), ("any", self.any), ("not", self.negated))
            if there
        ]
        if len(given) != 1:
            raise ValueError(f"must be one of operator, all, any and not, given {' and '.join(given) or 'none'}")
        if own:
            self._is_complete()
        elif stray := [name for name in ("value", "time_zone", "salt") if getattr(self, name) is not None]:
            raise ValueError(f"{stray[0]}: goes with an operator, not with {given[0]!r}")
        if _depth(self) > MOST_DEPTH:
            raise ValueError(f"must be nested at most {MOST_DEPTH} deep")
        if _size(self) > MOST_CONDITIONS:
            raise ValueError(f"must hold at most {MOST_CONDITIONS} conditions")
        return self

    def _is_complete(self) -> None:
        if self.operator is None:
            raise ValueError("operator: must be given with an attribute")
        if self.attribute is None and self.operator not in WITHOUT_ATTRIBUTE:
            raise ValueError(f"attribute: must be given with {self.operator!r}")
        if self.time_zone is not None and self.operator not in TIMES:
            raise ValueError(f"time_zone: goes with {', '.join(sorted(TIMES))}, not with {self.operator!r}")
        if (self.salt is not None) != (self.operator == "percentage"):
            raise ValueError("salt: must be given with 'percentage', and with nothing else")

    @model_serializer(mode="wrap")
    def _is_short(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written = {field: value for field, value in handler(self).items() if value is not None}
        if "negated" in written:
            written["not"] = written.pop("negated")
        return written


def _depth(condition: Condition) -> int:
    return 1 + max(map(_depth, condition.parts), default=0)


def _size(condition: Condition) -> int:
    return 1 + sum(map(_size, condition.parts))


def _refusal(operator: str, value: JsonValue, time_zone: str | None) -> str | None:
    """Why `value` does not fit an operator, or None where it does."""
    if operator in ("equals", "not_equals", "contains"):
        return None if _is_scalar(value) else f"must be a text of at most {MOST_TEXT} characters, a number or a boolean"
    if operator in ("in", "not_in"):
        alike = isinstance(value, list) and all(map(_is_scalar, value)) and len(set(map(_type, value))) == 1
        fits = alike and isinstance(value, list) and len(value) <= MOST_VALUES
        return None if fits else f"must be a list of 1 to {MOST_VALUES} texts, of numbers, or of booleans"
    if operator in ("starts_with", "ends_with"):
        return None if _is_text(value) and value else f"must be a text of 1 to {MOST_TEXT} characters"
    if operator == "matches":
        return _refusal_of_expression(value)
    if operator in ("greater", "greater_or_equal", "less", "less_or_equal"):
        return None if _is_number(value) else "must be a finite number"
    if operator == "between":
        return None if _is_range(value) else "must be two finite numbers [lower, upper], lower first"
    if operator == "exists":
        return None if isinstance(value, bool) else "must be true or false"
    if operator.startswith("version_"):
        fits = isinstance(value, str) and versions.precedence(value) is not None
        return None if fits else "must be a semantic version of three numbers, such as '1.4.0' or '2.0.0-rc.1'"
    return _refusal_of_time(operator, value, time_zone)


def _refusal_of_time(operator: str, value: JsonValue, time_zone: str | None) -> str | None:
    if operator in ("before", "after"):
        here = calendar.zone(time_zone or "UTC")
        fits = isinstance(value, str) and calendar.moment(value, here) is not None
        return None if fits else "must be an ISO 8601 time, such as '2030-01-31T09:00:00Z'"
    if operator == "time_of_day":
        ends = (
            [calendar.minute(end) if isinstance(end, str) else None for end in value] if isinstance(value, list) else []
        )
        fits = len(ends) == 2 and None not in ends and ends[0] != ends[1]
        return None if fits else "must be two different times of day, such as ['09:00', '17:30']"
    if operator == "weekday":
        fits = isinstance(value, list) and len(value) > 0 and all(day in calendar.WEEKDAYS for day in value)
        return None if fits else f"must be a list of {', '.join(calendar.WEEKDAYS)}"
    if operator == "in_cohort":
        return None if isinstance(value, str) and IS_KEY(value) else "must be the key of a cohort"
    return None if _is_number(value) and 0 <= value <= 100 else "must be a number from 0 to 100"


def _refusal_of_expression(value: JsonValue) -> str | None:
    if not isinstance(value, str) or not value:
        return "must be an expression in RE2's syntax"
    try:
        finder(value)
    except ValueError as error:
        return str(error)
    return None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MOST_TEXT


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_scalar(value: object) -> bool:
    return _is_text(value) or isinstance(value, bool) or _is_number(value)


def _is_range(value: object) -> bool:
    if not (isinstance(value, list) and len(value) == 2):
        return False
    lower, upper = value
    return _is_number(lower) and _is_number(upper) and lower <= upper


def _type(value: object) -> str:
    """`text`, `number` or `boolean`."""
    return "text" if isinstance(value, str) else "boolean" if isinstance(value, bool) else "number"
