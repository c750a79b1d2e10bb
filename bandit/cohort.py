"""Cohorts: units by name, by what they are like, or both; named by conditions."""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from bandit.conditions import Condition
from bandit.documents import Owned
from bandit.errors import FieldError
from bandit.model import Text

MOST_UNITS = 100_000


class Cohort(Owned):
    """A set of units: those listed, and those of which the condition is true.

    It may change while flags and experiments name it, but not be removed. Whether a unit is in one that does not exist
    is unknown, so that what names it matches nobody.
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


def unknown(conditions: Mapping[str, Condition], exists: Callable[[str], bool]) -> list[FieldError]:
    """The fields of conditions that name a cohort which does not exist."""
    return [FieldError(field, f"cohort {key!r} is unknown") for field, key in named(conditions) if not exists(key)]


def named(conditions: Mapping[str, Condition]) -> Iterator[tuple[str, str]]:
    """The cohorts that conditions name: the field where each is named, and its key.

    Args:
        conditions: By the field in which each was given.
    """
    return (found for place, condition in conditions.items() for found in condition.names(place))
