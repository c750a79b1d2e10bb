"""What may be served."""

import json
from typing import Self

from pydantic import Field, model_validator

from bandit.model import JSON, Key, Model, Text

MOST_CONFIG_BYTES = 65_536


class Variant(Model):
    """One of the things that may be served; a policy sees it as an arm."""

    key: Key
    name: Text = ""
    description: Text = ""
    config: JSON = Field(default_factory=dict, description="Any JSON; handed out with each decision.")
    weight: float = Field(default=1.0, ge=0.0, le=1e9, description="Share of a fixed split; 0 is never served.")
    is_control: bool = False
    levels: dict[Key, Key] = Field(
        default_factory=dict, max_length=10, description="In a factorial design: its level of each factor."
    )

    @model_validator(mode="after")
    def _config_is_small(self) -> Self:
        if len(json.dumps(self.config, allow_nan=False)) > MOST_CONFIG_BYTES:
            raise ValueError(f"config: must be at most {MOST_CONFIG_BYTES} bytes of JSON")
        return self
