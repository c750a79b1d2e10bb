"""A policy whose earnings are asked for in hindsight: one that the engine serves, or a split that is given."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from bandit import spec
from bandit.errors import FieldError, InvalidInput
from bandit.experiment import StoredExperiment
from bandit.model import Key, Model
from bandit.running import Running
from policies import POLICIES, Policy

EXAMPLES = "thompson_beta, epsilon_greedy:epsilon=.05, always:variant=KEY, split:KEY=.3,OTHER=.7"


class Always(Model):
    """One variant, whatever happens."""

    name: Literal["always"] = "always"
    variant: Key


class Split(Model):
    """Variants by weights that never change; what is not named is not served."""

    name: Literal["split"] = "split"
    weights: dict[Key, Annotated[float, Field(ge=0.0, le=1e9)]] = Field(min_length=1)


Target = Always | Split | Policy
_SPLITS: dict[str, type[Always | Split]] = {"always": Always, "split": Split}
_KNOWN: dict[str, type[Always | Split | Policy]] = {**POLICIES, **_SPLITS}


def read(given: str | Mapping[str, Any] | Policy) -> Target:
    """The target that is given as an object, as a mapping, as JSON or as `name:parameter=value`.

    Raises:
        InvalidInput: It is not one; the message says what is.
    """
    if isinstance(given, Policy):
        return given
    try:
        fields = _fields(given) if isinstance(given, str) else dict(given)
        name = fields.get("name")
        if isinstance(name, str) and name in _SPLITS:
            return _SPLITS[name].model_validate(fields)
        return spec.build(fields, _KNOWN, "policy")
    except ValidationError as error:
        found = InvalidInput.of(error).errors[0]
        raise InvalidInput.field("policy", f"{found.field}: {found.message}") from error
    except InvalidInput as error:
        raise InvalidInput(error.detail, [FieldError("policy", error.detail)]) from error
    except ValueError as error:
        raise InvalidInput.field("policy", f"{given!r}: {error}; write, for example, {EXAMPLES}"[:500]) from error


def _fields(text: str) -> dict[str, Any]:
    if text.lstrip().startswith("{"):
        fields: dict[str, Any] = json.loads(text)
        return fields
    name, _, rest = text.partition(":")
    if name == "always":
        return {"name": name, "variant": rest.removeprefix("variant=")}
    fields = spec.parse(text)
    if name == "split":
        del fields["name"]
        return {"name": name, "weights": fields}
    return fields


def hypothetical(experiment: StoredExperiment, target: Target) -> Running:
    """The experiment as it would have run with the target as its policy, before it has learnt anything.

    A policy has the experiment's floor, holdout, limit of costs and interval between weights, as if it had been
    configured; a split is served as it is given.

    Raises:
        InvalidInput: A variant is unknown, or the policy does not fit the experiment.
    """
    fields = experiment.model_dump(mode="json")
    contextual = isinstance(target, Policy) and target.contextual
    if contextual and not experiment.features:
        raise InvalidInput.field(
            "policy", f"{target.name!r} reads a context, and {experiment.key!r} declares no features of it"
        )
    if not contextual:
        fields["features"] = []
    if isinstance(target, Policy):
        changes: dict[str, Any] = {"policy": target.model_dump(mode="json")}
        if target.name != "fixed":
            changes["type"] = "bandit"
        else:
            changes["cost"] = None
    else:
        weights = target.weights if isinstance(target, Split) else {target.variant: 1.0}
        known = [variant.key for variant in experiment.variants]
        for key in weights:
            if key not in known:
                listed = ", ".join(map(repr, known[:20]))
                raise InvalidInput.field("policy", f"{key!r} is not a variant of {experiment.key!r}: {listed}")
        variants = [{**variant, "weight": weights.get(variant["key"], 0.0)} for variant in fields["variants"]]
        changes = {"policy": {"name": "fixed"}, "variants": variants, "reweight": {"floor": 0.0}, "cost": None}
    try:
        return Running(0, StoredExperiment.model_validate({**fields, **changes}))
    except ValidationError as error:
        message = "; ".join(found.message for found in InvalidInput.of(error).errors)
        raise InvalidInput.field("policy", message.removeprefix("policy: ")) from error
