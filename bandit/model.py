"""What every definition is made of: closed, frozen models, keys and texts."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$", description="Letters, digits, `.`, `_`, `-`; 1 to 100.")]
Text = Annotated[str, Field(max_length=10_000)]

GREATEST = 1e12


class Model(BaseModel):
    """Frozen, strict, and closed: an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)
