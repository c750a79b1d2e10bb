"""Cohorts: units by name, by what they are like, or both; named by conditions."""

from collections.abc import Callable, Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from bandit.conditions import Condition
from bandit.documents import Kind, Owned, all_of
from bandit.errors import FieldError, InvalidInput
from bandit.memory import Memory
from bandit.model import Text

MOST_UNITS = 100_000


class Cohort(Owned):
    """A set of units: those listed, and those of which the condition is true.

    It may change while experiments name it. Once it is removed, whether a unit is in it is unknown, so that what names
    it matches nobody.
    """

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


def unknown(conditions: Mapping[str, Condition], exists: Callable[[str], bool]) -> list[FieldError]:
    """The fields of conditions that name a cohort which does not exist."""
    named = (found for place, condition in conditions.items() for found in condition.names(place))
    return [FieldError(field, f"cohort {key!r} is unknown") for field, key in named if not exists(key)]


def check_cohorts(memory: Memory, conditions: Mapping[str, Condition]) -> None:
    """Checks that the cohorts which conditions name exist.

    Args:
        memory: Where they are.
        conditions: By the field in which each was given.

    Raises:
        InvalidInput: A cohort does not exist; every field that names one is named.
    """
    known = all_of(memory, COHORT)
    if errors := unknown(conditions, known.__contains__):
        raise InvalidInput("; ".join(f"{field}: {message}" for field, message in errors), errors)
