"""Settings: what holds for everything, from four places, each going before the ones named earlier.

`default`, what this file says; `file`, what a deployment starts with; `stored`, what was changed while it ran, kept
with the data and so the same for every process; `environment`, the last word of whoever runs a process, which works
even where the database cannot be written. A name that is none, or a value that is not allowed, is refused wherever it
stands.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import Field, JsonValue, ValidationError, model_validator

from bandit import documents
from bandit.cache import MOST_CACHED
from bandit.documents import Kind, Owned
from bandit.errors import InvalidInput, StoreUnusable
from bandit.experiment import Experiment
from bandit.memory import Memory, Outside
from bandit.model import Key, Model
from bandit.store import Reader
from policies import Duration

GREATEST_BATCH = 10_000

Origin = Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.:\[\]-]{1,255}$")]


class Settings(Model):
    """Every setting, with its default."""

    environment: Key = Field(default="production", description="What this installation is called; flags may ask.")
    enable_experiments: bool = Field(
        default=True, description="Off: every unit is served the control, nothing is logged and nothing counts."
    )
    enable_feature_flags: bool = Field(default=True, description="Off: every flag gives its default.")
    enable_statistical_analysis: bool = Field(
        default=True, description="Off: results give what was counted, and compare nothing; no winner is found."
    )
    enable_automated_guardrails: bool = Field(
        default=True, description="Off: no guardrail, stopping rule or rollout acts by itself."
    )
    holdout: float = Field(default=0.0, ge=0.0, lt=1.0, description="Share of units kept out of every experiment.")
    alpha: float = Field(
        default=0.05, gt=0.0, lt=1.0, description="Of new experiments: one less the confidence of their intervals."
    )
    power: float = Field(default=0.8, gt=0.0, lt=1.0, description="Of new experiments.")
    minimum_days: float = Field(
        default=7.0, ge=0.0, le=10_000.0, description="Of new experiments: days before a verdict."
    )
    minimum_units: int = Field(
        default=1000, ge=1, le=10**12, description="Of new experiments: trials of each variant before a verdict."
    )
    minimum_effect: float = Field(
        default=0.01, gt=0.0, le=1e6, description="Of new experiments: least relative effect worth having."
    )
    canary_steps: list[Annotated[float, Field(gt=0.0, le=100.0)]] = Field(
        default=[1.0, 5.0, 25.0, 50.0, 100.0],
        min_length=1,
        max_length=100,
        description="Of new rollouts: percent of the traffic, each step more than the last, the last 100.",
    )
    canary_dwell: Duration = Field(default=3600.0, description="Of new rollouts: least time at each step.")
    retention_days: float | None = Field(
        default=None,
        gt=0.0,
        le=100_000.0,
        description="Days until the log of an archived experiment is removed; unset: never.",
    )
    allow_private_webhooks: bool = Field(
        default=False, description="Whether alerts may be sent to loopback and private addresses."
    )
    cors_origins: list[Origin] = Field(
        default=[],
        max_length=100,
        description="Origins such as https://app.example.org whose pages in a browser may ask the server.",
    )
    batch_size: int = Field(default=1000, ge=1, le=GREATEST_BATCH, description="Most items of one batch.")
    flush_interval: Duration = Field(
        default=0.05, ge=0.001, le=60.0, description="How often an engine that is not durable writes."
    )
    flush_size: int = Field(
        default=MOST_CACHED // 2,
        ge=1,
        le=MOST_CACHED // 2,
        description="Decisions and events that it writes without waiting for that.",
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        rising = all(before < after for before, after in pairwise(self.canary_steps))
        if not rising or self.canary_steps[-1] != 100.0:
            raise ValueError(f"canary_steps: must rise to 100, given {self.canary_steps}")
        return self


NAMES = frozenset(Settings.model_fields)
OF_NEW_EXPERIMENTS = ("alpha", "power", "minimum_days", "minimum_units", "minimum_effect")


class StoredSetting(Owned):
    """A setting that was changed while multiarm ran."""

    value: JsonValue


SETTING = Kind("setting", StoredSetting)


def current(memory: Memory) -> Settings:
    """The settings that hold for an operation. They are made anew only when one was changed."""
    made = memory.settings
    if made is None or made[0] is not memory.documents.get("setting"):
        kept = documents.all_of(memory, SETTING)
        made = memory.settings = (kept, merged(memory.outside, {name: one.value for name, one in kept.items()}))
    settings: Settings = made[1]
    return settings


def cached(memory: Memory) -> Settings | None:
    """The settings of the last operation, for any thread; None where one was changed since."""
    made = memory.settings
    if made is None or made[0] is not memory.documents.get("setting"):
        return None
    settings: Settings = made[1]
    return settings


def read(reader: Reader, outside: Outside) -> Settings:
    """The settings of a reader's moment."""
    return merged(outside, stored(reader))


def stored(reader: Reader) -> dict[str, Any]:
    """What was changed while multiarm ran, by name."""
    return {document.key: SETTING.parse(document).value for document in reader.documents(SETTING.name)}


def merged(outside: Outside, kept: Mapping[str, Any]) -> Settings:
    """All settings, from every place.

    Raises:
        StoreUnusable: What is stored is not of this version.
    """
    try:
        return Settings.model_validate({**outside.file, **kept, **outside.environment})
    except ValidationError as error:
        raise StoreUnusable(f"the stored settings are not understood: {InvalidInput.of(error).detail}") from error


def with_defaults(settings: Settings, experiment: Experiment) -> dict[str, Any]:
    """An experiment's analysis as JSON values, with the settings' values for what it leaves open."""
    analysis = experiment.analysis
    ours = {name: getattr(settings, name) for name in OF_NEW_EXPERIMENTS if name not in analysis.model_fields_set}
    return analysis.model_dump(mode="json") | ours
