"""Who takes part in an experiment, and how a fixed split gives them their variants: its fields for these."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bandit.conditions import Condition
from bandit.model import Key, Model, Text
from bandit.variant import Variant

MOST_SEGMENTS = 50
MOST_FORCED = 1000
MOST_TURNS = 1000

MOST_UNIT = 256
Unit = Annotated[str, Field(min_length=1, max_length=MOST_UNIT)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Assignment = Literal["hash", "random", "round_robin"]


class Layer(Model):
    """A slice of a layer: experiments of one layer whose slices do not overlap never share a unit."""

    key: Key
    lower: Share = Field(default=0.0, description="The slice begins here, in shares of the layer's units.")
    upper: Share = Field(default=1.0, description="And ends before this.")

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.lower >= self.upper:
            raise ValueError(f"upper: must be above lower ({self.lower:g}), given {self.upper:g}")
        return self


class Segment(Model):
    """Weights of their own for the units of which a condition is true.

    Units of several segments were drawn differently, so they are compared by what each was drawn from; where an effect
    differs between segments, the results' is a weighted mean of theirs.
    """

    name: Text = ""
    when: Condition
    weights: dict[Key, Annotated[float, Field(ge=0.0, le=1e9)]] = Field(
        min_length=1, description="Of the variants that its units may get; a variant that is not named has 0."
    )


def check(
    variants: Sequence[Variant], segments: Sequence[Segment], forced: Mapping[str, str], assignment: Assignment | None
) -> None:
    """Holds what is said of an experiment's variants against those that it has.

    Raises:
        ValueError: A variant is unknown, or weights are none to assign by.
    """
    served = {variant.key: variant.weight for variant in variants}
    for unit, key in forced.items():
        if key not in served:
            raise ValueError(f"forced.{unit[:100]}: {key!r} is not a variant; it has {', '.join(list(served)[:20])}")
    for place, segment in enumerate(segments):
        for key in segment.weights:
            if not served.get(key):
                why = "is not a variant" if key not in served else "has weight 0, and so is never served"
                raise ValueError(f"segments[{place}].weights.{key}: {key!r} {why}")
        if not any(segment.weights.values()):
            raise ValueError(f"segments[{place}].weights: at least one must be above 0")
    if assignment == "round_robin":
        weights = list(served.values())
        if not all(weight.is_integer() for weight in weights) or not 0 < sum(weights) <= MOST_TURNS:
            raise ValueError(
                f"assignment: 'round_robin' needs weights that are whole numbers, {MOST_TURNS} together at most"
            )
