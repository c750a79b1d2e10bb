"""Cohorts: units by name, by what they are like, or both; named by conditions."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from bandit.conditions import Condition
from bandit.documents import Kind, Owned
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
        if self.condition is not None and self.condition.cohorts:
            raise ValueError("condition: may not name a cohort; a cohort of cohorts could hold itself")
        return self


COHORT = Kind("cohort", Cohort)
