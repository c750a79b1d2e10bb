"""What a flag is: its variants and their values, and the rules by which one of them is served."""

import json
import math
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from bandit.conditions import Condition
from bandit.documents import Owned
from bandit.eligibility import Unit
from bandit.model import JSON, Key, Model, Text

FlagType = Literal["boolean", "string", "integer", "number", "object"]
Variants = Annotated[dict[Key, JSON], Field(min_length=1, max_length=1000)]
Time = Annotated[float, Field(ge=0.0, le=1e11)]
Percent = Annotated[float, Field(ge=0.0, le=100.0)]

MOST_VALUE_BYTES = 65_536
GREATEST_INTEGER = 2**53 - 1  # what every language that reads JSON keeps exactly


class Scheduled(Model):
    """What holds from a time on, until another."""

    start_at: Time | None = Field(default=None, description="Seconds since 1970; unset: since ever.")
    end_at: Time | None = Field(default=None, description="Seconds since 1970; unset: for good.")

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Self:
        if self.start_at is not None and self.end_at is not None and self.start_at >= self.end_at:
            raise ValueError(f"end_at: must be after start_at ({self.start_at:.15g}), given {self.end_at:.15g}")
        return self


class Rule(Scheduled):
    """Serves a variant, or one by a split, to the units that it is for."""

    name: Key
    priority: int = Field(default=0, ge=-(10**6), le=10**6, description="The least is asked first.")
    when: Condition | None = Field(default=None, description="Whom it is for; unset: everybody.")
    percentage: Percent = Field(
        default=100.0, description="Of those that it is for; the others go on to the next rule."
    )
    variant: Key | None = None
    split: dict[Key, Annotated[float, Field(le=100.0)]] | None = Field(
        default=None, description="Percent of the units by variant; they sum to 100."
    )

    @model_validator(mode="after")
    def _serves_something(self) -> Self:
        if (self.variant is None) == (self.split is None):
            raise ValueError("variant, split: give one of the two")
        for key, weight in (self.split or {}).items():
            if weight < 0.0:
                raise ValueError(f"split.{key}: must be 0 or more, given {weight:g}")
        if self.split is not None and not math.isclose(total := math.fsum(self.split.values()), 100.0, abs_tol=1e-6):
            raise ValueError(f"split: must sum to 100, given {total:g}")
        return self

    @property
    def served(self) -> list[str]:
        """The keys of the variants that it serves."""
        return [self.variant] if self.variant is not None else list(self.split or ())


class Prerequisite(Model):
    """Another flag that must serve a variant before a flag looks at its own rules; one that is off serves none."""

    flag: Key
    variant: Key


class FlagEnvironment(Model):
    """What is different in one environment; unset: as everywhere."""

    enabled: bool | None = None
    default_variant: Key | None = None
    rules: list[Rule] | None = Field(default=None, max_length=1000)


class Flag(Owned, Scheduled):
    """A flag, as it is kept and as a caller gives it."""

    name: Text = ""
    description: Text = ""
    tags: list[Annotated[str, Field(max_length=100)]] = Field(default_factory=list, max_length=100)
    type: FlagType
    variants: Variants = Field(description="The values that may be served.")
    default_variant: Key | None = Field(
        default=None, description="Where nothing else decides, and while it is off; unset: the default in the code."
    )
    enabled: bool = Field(default=True, description="The kill switch: off, the default is served.")
    prerequisites: list[Prerequisite] = Field(default_factory=list, max_length=100)
    overrides: dict[Unit, Key] = Field(
        default_factory=dict, max_length=10_000, description="Units that get a variant whatever the rules say."
    )
    rules: list[Rule] = Field(default_factory=list, max_length=1000)
    experiment: Key | None = Field(
        default=None, description="What decides where no rule does: its variants are the flag's, by their keys."
    )
    defer: bool = Field(default=False, description="Whether decisions of the experiment wait to be tracked.")
    environments: dict[Key, FlagEnvironment] = Field(default_factory=dict, max_length=100)
    salt: Text = Field(default="", description="Seeds the hashes of splits and percentages; unset: the key.")

    @property
    def conditions(self) -> dict[str, Condition]:
        """Every condition, by the field that it was given in."""
        places = {"rules": self.rules}
        places |= {f"environments.{name}.rules": one.rules or [] for name, one in self.environments.items()}
        return {
            f"{place}[{number}].when": rule.when
            for place, rules in places.items()
            for number, rule in enumerate(rules)
            if rule.when is not None
        }

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        """The salt is the key, and a whole number is a number."""
        if not isinstance(given, Mapping):
            return given
        given = {**given, "salt": given.get("salt") or given.get("key", "")}
        variants = given.get("variants")
        if given.get("type") == "number" and isinstance(variants, Mapping):
            given["variants"] = {key: _number(value) for key, value in variants.items()}
        return given

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        for key, value in self.variants.items():
            if refusal := _refusal(self.type, value):
                raise ValueError(f"variants.{key}: {refusal}")
        self._check(f"default_variant: {self.default_variant!r}", self.default_variant)
        for unit, variant in self.overrides.items():
            self._check(f"overrides.{unit}: {variant!r}", variant)
        self._check_rules("rules", self.rules)
        for name, environment in self.environments.items():
            place, default = f"environments.{name}", environment.default_variant
            self._check(f"{place}.default_variant: {default!r}", default)
            self._check_rules(f"{place}.rules", environment.rules or [])
        return self

    def _check(self, what: str, variant: str | None) -> None:
        if variant is not None and variant not in self.variants:
            known = ", ".join(map(repr, list(self.variants)[:20]))
            raise ValueError(f"{what} is not a variant; there are {known}")

    def _check_rules(self, place: str, rules: list[Rule]) -> None:
        names = Counter(rule.name for rule in rules)
        for number, rule in enumerate(rules):
            if names[rule.name] > 1:
                raise ValueError(f"{place}[{number}].name: {rule.name!r} is given twice")
            for variant in rule.served:
                field = "variant" if rule.variant is not None else "split"
                self._check(f"{place}[{number}].{field}: {variant!r}", variant)


def _number(value: object) -> object:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**1000 else value


def _refusal(kind: FlagType, value: JsonValue) -> str | None:
    """Why a value may not be one of a flag's type, or None if it may."""
    given = f"given {value!r}"[:100]
    if kind == "boolean":
        return None if isinstance(value, bool) else f"must be true or false, {given}"
    if kind == "string":
        refusal = None if isinstance(value, str) else f"must be a string, {given}"
    elif kind == "integer":
        whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= GREATEST_INTEGER
        return None if whole else f"must be a whole number within 2^53 of zero, {given}"
    elif kind == "number":
        finite = isinstance(value, float) and math.isfinite(value)
        return None if finite else f"must be a finite number, {given}"
    else:
        refusal = None if isinstance(value, (dict, list)) else f"must be an object or an array, {given}"
    return refusal or _size(value)


def _size(value: JsonValue) -> str | None:
    try:
        size = len(json.dumps(value, allow_nan=False))
    except ValueError:
        return "must hold finite numbers only"
    return f"must be at most {MOST_VALUE_BYTES} bytes of JSON" if size > MOST_VALUE_BYTES else None
