"""What every definition is made of: closed, frozen models, keys and texts."""

from collections.abc import Collection, Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue
from pydantic_core import PydanticSerializationError, to_json

Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$", description="Letters, digits, `.`, `_`, `-`; 1 to 100.")]
Text = Annotated[str, Field(max_length=10_000)]

GREATEST = 1e12


def as_json(value: object) -> object:
    """A mapping as a dict, a collection as a list, which JSON knows; all else as it is, for a model to refuse."""
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, Collection) and not isinstance(value, (str, bytes)) else value


def written(value: JsonValue) -> bytes:
    """A value as JSON; numbers that are none are `NaN` and `Infinity` there.

    Raises:
        ValueError: It has a text that cannot be written.
    """
    try:
        return to_json(value)
    except PydanticSerializationError:
        raise ValueError("has half a character, which no JSON can hold") from None


def _is_writable(value: JsonValue) -> JsonValue:
    written(value)
    return value


JSON = Annotated[JsonValue, AfterValidator(_is_writable)]
"""Any JSON. Texts of Python may have what cannot be written: halves of a pair of surrogates."""


class Model(BaseModel):
    """Frozen, strict, and closed: an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)
