"""What `choose` is asked and answers, and the ids of decisions."""

import math
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, ValidationError, ValidationInfo, field_validator
from pydantic_core import InitErrorDetails, from_json

from bandit.eligibility import MOST_UNIT, Unit
from bandit.errors import NotFound
from bandit.model import Key, Model, written

MOST_JSON_BYTES = 16_384
MOST_DEPTH = 20
MOST_NAME = 100

Name = Annotated[
    str, Field(min_length=1, max_length=MOST_NAME, description="A key; one that does not exist is unknown.")
]
IdempotencyKey = Annotated[str, Field(min_length=1, max_length=256)]
Reason = Literal[
    "drawn",
    "holdout",
    "hashed",
    "round_robin",
    "sticky",
    "reassigned",
    "forced",
    "control",
    "shadow",
    "not_targeted",
    "not_in_layer",
    "not_in_traffic",
    "held_out",
    "experiments_off",
]


def _is_small(value: dict[str, Any]) -> dict[str, Any]:
    if _depth(value) > MOST_DEPTH:
        raise ValueError(f"must be nested at most {MOST_DEPTH} deep")
    text = written(value)
    if len(text) > MOST_JSON_BYTES:
        raise ValueError(f"must be at most {MOST_JSON_BYTES} bytes of JSON")
    try:
        from_json(text, allow_inf_nan=False)
    except ValueError as error:
        wrong = [InitErrorDetails(type="finite_number", loc=at, input=found) for at, found in _infinite(value)]
        if not wrong:
            raise ValueError(f"cannot be read again as JSON: {error}") from None
        raise ValidationError.from_exception_data("JSONObject", wrong) from None
    return value


JSONObject = Annotated[dict[str, JsonValue], AfterValidator(_is_small)]
"""Members of any JSON, as far as they are few; see `MOST_JSON_BYTES` and `MOST_DEPTH`."""


class ChooseRequest(Model):
    """A request for a decision."""

    # Numbers that are none are refused below, where their place can be named whether they came as JSON or not.
    model_config = ConfigDict(allow_inf_nan=True)

    experiment: Name
    unit: Unit | None = Field(default=None, description="Who is assigned; without one, nothing is remembered.")
    units: dict[Key, Unit] | None = Field(
        default=None, max_length=20, description="Units by kind, instead of `unit`: each experiment assigns one kind."
    )
    context: JSONObject | None = Field(default=None, description="Features that a policy reads.")
    attributes: JSONObject | None = Field(default=None, description="What targeting and segments read.")
    eligible: list[Name] | None = Field(default=None, min_length=1, max_length=1000, description="Unset: all variants.")
    defer: bool = Field(default=False, description="Count for nothing until activated.")
    idempotency_key: IdempotencyKey | None = Field(default=None, description="Repeats get the same decision.")

    @field_validator("units")
    @classmethod
    def _is_alone(cls, value: dict[str, str] | None, info: ValidationInfo) -> dict[str, str] | None:
        if value is not None and info.data.get("unit") is not None:
            raise ValueError("give unit or units, not both")
        return value


class PlainRequest:
    """A request for a decision with nothing in it but the experiment and perhaps a unit.

    It reads as a `ChooseRequest` does, and takes a quarter of the time to make.
    """

    __slots__ = ("experiment", "unit")
    units = context = attributes = eligible = idempotency_key = None
    defer = False

    def __init__(self, experiment: str, unit: str | None) -> None:
        self.experiment = experiment
        self.unit = unit


AnyRequest = ChooseRequest | PlainRequest


def plain(experiment: object, unit: object) -> PlainRequest | None:
    """The request that names these; None where it takes a `ChooseRequest` to say whether they are allowed."""
    if type(experiment) is str and 0 < len(experiment) <= MOST_NAME and experiment.isascii():
        if unit is None:
            return PlainRequest(experiment, None)
        if type(unit) is str and 0 < len(unit) <= MOST_UNIT and unit.isascii():
            return PlainRequest(experiment, unit)
    return None


class Decision(NamedTuple):
    """The answer: which variant to serve, and the probability with which it was drawn.

    `config` is shared by all decisions for the variant: read it, do not change it. `epoch` and `propensity` are those
    of the draw, so for a unit that keeps its variant, of its first decision.

    A unit that takes no part has the control, an empty `id` and epoch 0: nothing was logged, and there is nothing to
    reward. `shadow` holds the decisions of a shadow experiment that are not served.
    """

    id: str
    experiment: str
    variant: str
    config: JsonValue
    propensity: float
    epoch: int
    reason: str
    shadow: "tuple[Decision, ...]" = ()


class DecisionAnswer(Model):
    """A decision as JSON. `shadow` is there where the experiment is a shadow: the decisions that were not served."""

    decision_id: str | None = Field(description="Null where the unit takes no part, and nothing was logged.")
    experiment: str
    variant: str
    config: JsonValue
    propensity: float
    epoch: int
    reason: Reason
    shadow: "list[DecisionAnswer]" = Field(default_factory=list)


_ID = re.compile("[0-7][0-9a-f]{15}").fullmatch


def encode(number: int) -> str:
    """A decision's id as text: 16 hexadecimal digits, which sort as the numbers do."""
    return number.to_bytes(8).hex()


def decode(text: str) -> int:
    """The number of a decision's id.

    Raises:
        NotFound: `text` is not an id that `encode` writes, so there is no such decision.
    """
    if _ID(text):
        return int(text, 16)
    raise NotFound(f"decision {text[:40]!r} is unknown")


class Ids:
    """Ids that sort by time: microseconds since 1970 and 11 bits that count, always above the last.

    They would do without the count, but not the tables that they are keys of: those look at the lowest bits first.
    """

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last = 0

    def next(self, now: float) -> int:
        """An id for a decision at `now` (seconds since 1970), greater than every id before."""
        last = self.last
        number = (int(now * 1e6) << 11) + (last & 0x7FF) + 1
        if number <= last:
            number = last + 1
        self.last = number
        return number


def _infinite(value: object, at: tuple[int | str, ...] = ()) -> Iterator[tuple[tuple[int | str, ...], float]]:
    """Place and value of every number in JSON that is infinite or none."""
    if isinstance(value, float) and not math.isfinite(value):
        yield at, value
    for place, child in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from _infinite(child, (*at, place))


def _depth(value: object) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
        ]
    return depth - 1
