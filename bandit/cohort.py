"""Cohorts: units by name, by what they are like, or both; named by conditions."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from bandit.conditions import Condition
from bandit.documents import Kind, Owned, all_of
from bandit.errors import FieldError, InvalidInput
from bandit.memory import Memory
from bandit.model import Text

MOST_UNITS = 100_000


class Cohort(Owned):
    """A set of units: those listed, and those of which the condition is true."""

    name: Text = ""
    description: Text = ""
    units: list[Annotated[str, Field(min_length=1, max_length=256)]] = Field(
        default_factory=list, max_length=MOST_UNITS
    )
    condition: Condition | None = Field(default=None, description="Whose units are in it beside those listed.")

    @model_validator(mode="after")
    def _names_no_cohort(self) -> Self:
        if self.condition is not None and any(self.condition.names("condition")):
            raise ValueError("condition: may not name a cohort; a cohort of cohorts could hold itself")
        return self


COHORT = Kind("cohort", Cohort)


def check_cohorts(memory: Memory, conditions: Mapping[str, Condition | None]) -> None:
    """Checks that the cohorts which conditions name exist.

    Args:
        memory: Where they are.
        conditions: By the field in which each was given.

    Raises:
        InvalidInput: A cohort does not exist; every field that names one is named.
    """
    errors = [
        FieldError(field, f"cohort {key!r} is unknown")
        for place, condition in conditions.items()
        if condition is not None
        for field, key in condition.names(place)
        if key not in all_of(memory, COHORT)
    ]
    if errors:
        raise InvalidInput("; ".join(f"{field}: {message}" for field, message in errors), errors)
