"""What is simulated: policies, an environment, how long, how often, from which seed."""

import importlib.util
import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, ValidationError, model_validator

from bandit import InvalidInput, spec
from policies import POLICIES, Policy
from simulations.environment import Environment
from simulations.environments import ENVIRONMENTS
from simulations.feedback import FEEDBACK, Feedback

MOST_HORIZON = 10**9
MOST_REPLICATIONS = 10**6
FITS: dict[str, tuple[str, ...]] = {
    "any": ("binary", "unit", "count", "normal", "any"),
    "unit": ("binary", "unit"),
    "sub_gaussian": ("binary", "unit", "normal"),
    "count": ("binary", "count"),
}
"""Rewards of environments that each kind of policy is sound for."""

own_policies: dict[str, type[Policy]] = {}
own_environments: dict[str, type[Environment]] = {}


def load(path: Path) -> None:
    """Imports a file of a user's own policies and environments, which are known by their names from then on.

    Raises:
        InvalidInput: The file cannot be read or run, or has neither.
    """
    name = path.stem
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None or not path.is_file():
        raise InvalidInput(f"{path}: must be a Python file")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module  # so that what it defines can be sent to other processes, and compiled code cached
    try:
        found.loader.exec_module(module)
    except Exception as error:
        raise InvalidInput(f"{path}: {type(error).__name__}: {error}") from error
    kept = 0
    for value in vars(module).values():
        if not isinstance(value, type) or value.__module__ != name:
            continue
        if issubclass(value, Environment) and hasattr(value, "draw"):
            own_environments[value.model_fields["name"].default] = value
            kept += 1
        elif issubclass(value, Policy) and hasattr(value, "select"):
            own_policies[value.model_fields["name"].default] = value
            kept += 1
    if not kept:
        raise InvalidInput(f"{path}: has no class that is a Policy or an Environment")


class Study(BaseModel):
    """A simulation, complete: two equal studies give equal numbers with the same versions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    policies: Annotated[tuple[SerializeAsAny[Policy], ...], Field(min_length=1, max_length=100)]
    environment: SerializeAsAny[Environment]
    feedback: tuple[SerializeAsAny[Feedback], ...] = ()
    horizon: int = Field(default=10_000, ge=1, le=MOST_HORIZON, description="Decisions in a replication.")
    replications: int = Field(default=200, ge=1, le=MOST_REPLICATIONS, description="Independent repetitions.")
    seed: int = Field(default=0, ge=0, lt=2**63, description="Where all random numbers come from.")
    through: Literal["kernels", "engine"] = Field(default="kernels", description="What decides.")

    @property
    def labels(self) -> list[str]:
        """A name for each policy, with the parameters that differ from their defaults."""
        return [spec.label(policy) for policy in self.policies]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        labels = self.labels
        for policy, name in zip(self.policies, labels, strict=True):
            if labels.count(name) > 1:
                raise ValueError(f"policies: {name!r} is given twice")
            support = self.environment.support
            if support not in FITS.get(policy.rewards, (support,)):
                raise ValueError(
                    f"policies: {policy.name} is sound for {_KINDS[policy.rewards]}, "
                    f"the rewards of {self.environment.name} are {_KINDS[support]}"
                )
            if policy.contextual and not self.environment.dimension:
                raise ValueError(f"policies: {policy.name} reads a context, {self.environment.name} has none")
        return self


_KINDS = {
    "any": "any real numbers",
    "unit": "numbers in [0, 1]",
    "sub_gaussian": "numbers in [0, 1] and normal ones",
    "normal": "normal",
    "binary": "0 and 1",
    "count": "counts from 0",
}


def study(given: Mapping[str, Any]) -> Study:
    """The study with these fields; policies, environment and feedback as objects, specs or tables.

    Raises:
        InvalidInput: Something is unknown, not allowed or does not fit; the message names it.
    """
    fields = dict(given)
    if "environment" in fields:
        fields["environment"] = spec.build(fields["environment"], ENVIRONMENTS | own_environments, "environment")
    if "policies" in fields:
        known = POLICIES | own_policies
        fields["policies"] = tuple(spec.build(each, known, "policy") for each in _several(fields["policies"]))
    if "feedback" in fields:
        fields["feedback"] = tuple(spec.build(each, FEEDBACK, "feedback") for each in _several(fields["feedback"]))
    try:
        return Study.model_validate(fields)
    except ValidationError as error:
        raise InvalidInput.of(error) from error


def _several(given: Any) -> Sequence[Any]:
    return given if isinstance(given, list | tuple) else [given]


def read(path: Path) -> dict[str, Any]:
    """The fields of a study in a TOML file, or in the `study.json` of a run.

    Raises:
        InvalidInput: The file cannot be read or is neither.
    """
    try:
        text = path.read_text(encoding="utf-8")
        fields = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInput(f"{path}: {reason}") from error
    if not isinstance(fields, dict):
        raise InvalidInput(f"{path}: must hold a table of fields")
    if "study" in fields and path.suffix == ".json":
        fields = fields["study"]
    return fields
