"""What is wrong with a definition, and what is unwise about it, before there is an experiment."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, ValidationError

from bandit import lifecycle
from bandit.actor import Actor
from bandit.cohort import unknown
from bandit.errors import InvalidInput, MultiarmError
from bandit.experiment import Analysis, Experiment
from bandit.model import Model
from bandit.sample_size import SampleSize
from bandit.settings import Settings, with_defaults
from bandit.store import Reader
from bandit.underpowered import needed, power_warnings
from policies import Fixed


class Remark(Model):
    """Something about a field; empty for the whole."""

    field: str
    message: str


class Validation(Model):
    """What is wrong with a definition (it would be refused), and what is unwise."""

    errors: list[Remark]
    warnings: list[Remark] = Field(description="None are looked for where there are errors.")
    sample_size: SampleSize | None = Field(
        description="What the primary metric needs in a fixed split; null where the plan does not say enough."
    )


def validate(definition: Experiment | Mapping[str, Any], now: float, settings: Settings) -> Validation:
    """Looks through a definition; nothing that is stored is read.

    Args:
        definition: Of an experiment.
        now: Seconds since 1970.
        settings: What they say of new experiments is taken where the definition says nothing.
    """
    try:
        experiment = definition if isinstance(definition, Experiment) else Experiment.model_validate(definition)
        lifecycle.check_methods(experiment)
        lifecycle.check_times(experiment, now)
    except ValidationError as error:
        return _wrong(InvalidInput.of(error))
    except InvalidInput as error:
        return _wrong(error)
    analysis = Analysis.model_validate(with_defaults(settings, experiment))
    experiment = experiment.model_copy(update={"analysis": analysis})
    found = [*_variants(experiment), *_learning(experiment), *_metrics(experiment), *_duration(experiment, now)]
    sample_size, power = needed(experiment)
    found += power if sample_size is None else power_warnings(experiment, sample_size)
    remarks = [Remark(field=field, message=message) for field, message in found]
    return Validation(errors=[], warnings=remarks, sample_size=sample_size)


def in_store(validation: Validation, definition: Mapping[str, Any], reader: Reader, actor: Actor) -> Validation:
    """Adds what is wrong because of what is stored, or of who asks."""
    key, owner = definition.get("key"), definition.get("owner") or actor.owner or ""
    errors = list(validation.errors)
    if isinstance(key, str) and reader.experiment(key) is not None:
        errors.append(Remark(field="key", message=f"experiment {key!r} exists already"))
    try:
        actor.check(str(owner))
    except MultiarmError as error:
        errors.append(Remark(field="owner", message=error.detail))
    if not validation.errors:
        conditions = Experiment.model_validate(definition).conditions
        missing = unknown(conditions, lambda cohort: reader.document("cohort", cohort) is not None)
        errors += [Remark(field=field, message=message) for field, message in missing]
    return validation.model_copy(update={"errors": errors})


def _wrong(error: InvalidInput) -> Validation:
    remarks = [Remark(field=field, message=message) for field, message in error.errors]
    return Validation(errors=remarks, warnings=[], sample_size=None)


Found = Iterator[tuple[str, str]]


def _variants(experiment: Experiment) -> Found:
    weights = [variant.weight for variant in experiment.variants if variant.weight > 0.0]
    if len(weights) < 2:
        yield "variants", "only one has a weight above 0, so there is nothing to compare"
    for place, variant in enumerate(experiment.variants):
        if variant.weight == 0.0:
            yield f"variants[{place}].weight", f"0: {variant.key!r} is never served"
    if not any(variant.is_control for variant in experiment.variants):
        yield "variants", "none is the control; the first that is served will be taken for it"
    if isinstance(experiment.policy, Fixed) and max(weights) > min(weights):
        even = sum(1.0 / weight for weight in weights) * sum(weights) / len(weights) ** 2
        yield "variants", f"uneven weights: for the same precision it takes {even:.2g} times the units of an even split"


def _learning(experiment: Experiment) -> Found:
    if experiment.sticky and experiment.trial == "decision":
        yield "trial", "'decision' with sticky units: decisions of one unit are alike, and tests take them for several"
    if isinstance(experiment.policy, Fixed):
        return
    if experiment.floor == 0.0:
        yield "reweight.floor", "0: a variant that is no longer drawn is never looked at again, and no test is valid"
    if experiment.reweight.holdout == 0.0:
        share = f"{100.0 * experiment.floor:.2g}%"
        yield "reweight.holdout", f"0: the control may get as little as {share} of the draws to be compared with"


def _metrics(experiment: Experiment) -> Found:
    for place, metric in enumerate(experiment.metrics):
        if metric.role != "secondary" and metric.minimum_effect is None:
            least = f"{100.0 * experiment.analysis.minimum_effect:g}%"
            yield (
                f"metrics[{place}].minimum_effect",
                f"unset: {least} of the control is taken for the least that matters",
            )
        days = experiment.plan.days if experiment.plan else None
        if metric.window is not None and days is not None and metric.window > days * lifecycle.DAY:
            yield f"metrics[{place}].window", f"longer than the {days:g} days planned: the last units come too late"


def _duration(experiment: Experiment, now: float) -> Found:
    plan, gates = experiment.plan, experiment.analysis
    days = plan.days if plan else None
    if experiment.end_at is not None:
        left = (experiment.end_at - (experiment.start_at or now)) / lifecycle.DAY
        days = left if days is None else min(days, left)
    if days is not None and days < gates.minimum_days:
        yield "analysis.minimum_days", f"{gates.minimum_days:g}, but it ends after {days:.3g}: nothing will be decided"
    if plan is not None and plan.units is not None and plan.units < gates.minimum_units:
        yield "analysis.minimum_units", f"{gates.minimum_units}, but {plan.units} are planned: nothing will be decided"
