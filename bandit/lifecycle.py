"""An experiment's life: draft, running or paused, completed or stopped, archived."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from pydantic import ValidationError, create_model

from bandit import settings
from bandit.actor import By
from bandit.difference import written
from bandit.errors import FieldError, InvalidInput, WrongState
from bandit.experiment import Analysis, Experiment, Status, StoredExperiment, fill_in
from bandit.guards import renewed
from bandit.layers import check_layer
from bandit.memory import Memory
from bandit.model import Model
from bandit.prerequisites import check_cohorts
from bandit.rollout import begun
from bandit.rows import Change, ExperimentRow
from bandit.running import Running
from policies import POLICIES

Action = Literal["start", "pause", "resume", "complete", "stop", "archive"]

TRANSITIONS: Mapping[Action, tuple[tuple[Status, ...], Status]] = {
    "start": (("draft",), "running"),
    "pause": (("running",), "paused"),
    "resume": (("paused",), "running"),
    "complete": (("running", "paused"), "completed"),
    "stop": (("running", "paused"), "stopped"),
    "archive": (("draft", "completed", "stopped"), "archived"),
}

# What may change to the end: words, and how results are read.
READABLE = frozenset({"name", "description", "hypothesis", "owner", "tags", "target", "analysis"})
# What may change once units have been assigned: that, and how the next ones are drawn. Not what the ledger means.
CHANGEABLE = (
    READABLE
    | {"policy", "reweight", "variants", "cost", "plan", "end_at", "guardrails", "stopping"}
    | {"targeting", "traffic", "ramp", "forced", "segments"}
)
CHANGEABLE_OF_VARIANT = frozenset({"name", "description", "config", "weight"})
CHANGEABLE_OF_METRIC = frozenset({"name", "minimum_effect", "method"})
DAY = 86_400.0


def create(memory: Memory, experiment: Experiment, by: By, now: float) -> StoredExperiment:
    """Enters a new experiment as a draft.

    Raises:
        InvalidInput: It is to start or end in the past, or names a method that there is not.
        WrongState: The key exists.
        Forbidden: It would belong to somebody else.
    """
    if again := repeated(memory, by, "create", experiment.key):
        return again
    check_methods(experiment)
    check_times(experiment, now)
    reader = memory.store.reader()
    if experiment.key in memory.experiments or reader.experiment(experiment.key) is not None:
        raise WrongState(f"experiment {experiment.key!r} exists already")
    owner = experiment.owner or by.actor.owner or ""
    by.actor.check(owner)
    given = {**definition(experiment), "analysis": settings.with_defaults(settings.current(memory), experiment)}
    stored = StoredExperiment.model_validate({**given, "owner": owner, "created_at": now})
    check_cohorts(memory, stored.conditions, {})
    number = max([reader.last_experiment(), *memory.by_id]) + 1  # the store knows only what is written
    memory.batch.experiments[number] = ExperimentRow(
        number, stored.key, stored.model_dump_json(exclude={"epoch"}), stored.status
    )
    running = Running(number, stored)
    memory.experiments[stored.key] = memory.by_id[number] = running
    memory.touched.add(running)
    memory.batch.wakes[number] = 0.0
    note(memory, running, "create", "", "", by, now)
    return stored


def transition(memory: Memory, key: str, action: Action, reason: str, by: By, now: float) -> StoredExperiment:
    """Moves an experiment to another status.

    Raises:
        NotFound: The experiment is unknown.
        WrongState: Its status does not allow the action.
        Forbidden: It belongs to somebody else.
    """
    if again := repeated(memory, by, action, key):
        return again
    running = memory.experiment(key)
    by.actor.check(running.experiment.owner)
    before = running.experiment.status
    allowed, after = TRANSITIONS[action]
    if before not in allowed:
        raise WrongState(f"experiment {key!r} is {before}; only {' or '.join(allowed)} allows {action!r}")
    if action == "start":
        check_layer(memory, running.experiment)
    update: dict[str, Any] = {"status": after}
    if action == "start":
        if (end_at := running.experiment.end_at) is not None and end_at <= now:
            raise WrongState(f"experiment {key!r} was to end before now", [FieldError("end_at", "has passed")])
        update["started_at"] = now
        if (rollout := running.experiment.rollout) is not None:
            current = settings.current(memory)
            update["rollout_state"] = begun(rollout, current.canary_steps, current.canary_dwell, now)
    if after in ("completed", "stopped"):
        update |= {"ended_at": now, "stop_reason": reason}
    running = memory.replace(running, running.experiment.model_copy(update=update))
    if action == "start":
        memory.begin_epoch(running, now)
    note(memory, running, action, before, reason, by, now)
    return standing(running)


def update(memory: Memory, key: str, changes: Mapping[str, Any], by: By, now: float) -> StoredExperiment:
    """Changes fields of an experiment; a new policy or new weights begin a new epoch and keep what was learnt.

    Raises:
        NotFound: The experiment is unknown.
        InvalidInput: The fields do not make an experiment.
        WrongState: A field may not change any more; each is named.
        Forbidden: It belongs to somebody else, or would.
    """
    if again := repeated(memory, by, "update", key):
        return again
    running = memory.experiment(key)
    old = running.experiment
    by.actor.check(old.owner)
    if unknown := sorted(set(changes) - (set(Experiment.model_fields) - {"key"})):
        raise InvalidInput(
            f"cannot be changed: {', '.join(unknown)}", [FieldError(field, "cannot be changed") for field in unknown]
        )
    _go_on(old, changes.get("policy"))
    try:
        new = StoredExperiment.model_validate({**old.model_dump(mode="json", exclude=_derived(old)), **changes})
        if "analysis" in changes:
            analysis = settings.with_defaults(settings.current(memory), new)
            new = new.model_copy(update={"analysis": Analysis.model_validate(analysis)})
    except ValidationError as error:
        _refuse(old, _frozen(old, *_alone(old, changes)))  # what follows from a field may fit it no more
        raise InvalidInput.of(error) from error
    by.actor.check(new.owner)
    _go_on(old, new.policy)
    check_methods(new)
    check_times(new, now, old)
    _refuse(old, _frozen(old, new))
    check_cohorts(memory, new.conditions, old.conditions)
    new = renewed(old, new, running.epoch + 1)
    running = memory.replace(running, new)
    weighing = ("policy", "reweight", "variants", "cost", "segments", "guardrails")
    if new.started_at is not None and any(getattr(old, field) != getattr(new, field) for field in weighing):
        memory.begin_epoch(running, now, anew=True)
    note(memory, running, "update", old.status, written(definition(old), definition(new)), by, now)
    return standing(running)


def _derived(old: StoredExperiment) -> set[str]:
    """Fields of a draft that follow from the others, and so should follow a change of those."""
    if old.status != "draft":
        return set()
    fields = {"policy", "trial"} | ({"variants"} if old.factors else set())
    anew = StoredExperiment.model_validate(old.model_dump(mode="json", exclude=fields))
    return {field for field in fields if getattr(anew, field) == getattr(old, field)}


def _go_on(old: StoredExperiment, given: object) -> None:
    """Checks that a policy that is given for an experiment can go on from what the present one has learnt.

    Raises:
        WrongState: It learns from other sums.
    """
    name = given.get("name") if isinstance(given, Mapping) else getattr(given, "name", None)
    now, then = old.resolved_policy, POLICIES.get(name) if isinstance(name, str) else None
    if old.status == "draft" or then is None:
        return
    if then.contextual != now.contextual:
        why = "reads a context" if then.contextual else "reads no context"
    elif then.record is not type(now).record:
        why = "keeps other sums of contexts and rewards"
    else:
        return
    message = f"{name!r} cannot go on from what {now.name!r} has learnt, it {why}"
    raise WrongState(f"experiment {old.key!r} is {old.status}; policy: {message}", [FieldError("policy", message)])


def _refuse(old: StoredExperiment, fields: set[str]) -> None:
    """Refuses changes of fields of what is no draft.

    Raises:
        WrongState: There are any; each is named.
    """
    if old.status != "draft" and fields:
        named = ", ".join(sorted(fields))
        raise WrongState(
            f"experiment {old.key!r} is {old.status}; a decision's meaning would change with {named}",
            [FieldError(field, f"may not change while {old.status}") for field in sorted(fields)],
        )


def _changeable(old: StoredExperiment) -> frozenset[str]:
    return CHANGEABLE if old.status in ("running", "paused") else READABLE


def _alone(old: StoredExperiment, changes: Mapping[str, Any]) -> tuple[StoredExperiment, set[str]]:
    """An experiment with each change made by itself, whatever the others are, and the fields with no value of theirs.

    What is wrong inside of a metric is told of that metric, so they are none of these.
    """
    fields: dict[str, Any] = {name: (one.annotation, one) for name, one in Experiment.model_fields.items()}
    model = create_model("Alone", __base__=Model, **fields)
    kept = definition(old)
    given, wrong = fill_in({**kept, **changes}), set[str]()
    try:
        made = model.model_validate(given)
    except ValidationError as error:
        wrong = {str(one["loc"][0]) for one in error.errors()}
        made = model.model_validate({**given, **{field: kept[field] for field in wrong}})
    update = {field: getattr(made, field) for field in changes}
    if update.get("policy", old.policy) is None:
        del update["policy"]
    return old.model_copy(update=update), wrong - {"metrics"}


def _frozen(old: StoredExperiment, new: Experiment, more: Iterable[str] = ()) -> set[str]:
    """The fields that differ, and others, as far as they may not change."""
    fields = {field for field in Experiment.model_fields if getattr(old, field) != getattr(new, field)}
    frozen = fields.union(more) - _changeable(old)
    if old.resolved_policy.half_life != new.resolved_policy.half_life:
        frozen.add("policy.half_life")  # what was learnt is kept in periods of the half-life
    if (old.cost and old.cost.metric) != (new.cost and new.cost.metric):
        frozen.add("cost.metric")  # what it has cost is counted from the start
    if "metrics" in fields and len(old.metrics) == len(new.metrics):
        frozen.discard("metrics")
        frozen |= _changed("metrics", old.metrics, new.metrics, CHANGEABLE_OF_METRIC)
    if "variants" in fields - frozen:
        kept = new.variants[: len(old.variants)]
        if [variant.key for variant in old.variants] != [variant.key for variant in kept]:
            frozen.add("variants")  # an arm is taken out by a weight of 0, and a new one comes last
        frozen |= _changed("variants", old.variants, kept, CHANGEABLE_OF_VARIANT)
    return frozen


def _changed(field: str, old: Sequence[Model], new: Sequence[Model], changeable: frozenset[str]) -> set[str]:
    """The fields in which things at the same places differ, but for those that may change."""
    return {
        f"{field}[{place}].{name}"
        for place, (one, other) in enumerate(zip(old, new, strict=False))
        for name in set(type(one).model_fields) - changeable
        if getattr(one, name) != getattr(other, name)
    }


def end(experiment: StoredExperiment) -> float | None:
    """When an experiment that has started is to be completed, None for by hand."""
    ends = [] if experiment.end_at is None else [experiment.end_at]
    if experiment.started_at is not None and experiment.plan is not None and experiment.plan.days is not None:
        ends.append(experiment.started_at + experiment.plan.days * DAY)
    return min(ends, default=None)


def check_times(new: Experiment, now: float, old: StoredExperiment | None = None) -> None:
    """Checks that the times that are new, or differ from the old ones, are still to come.

    Raises:
        InvalidInput: One is not.
    """
    for field in ("start_at", "end_at"):
        at = getattr(new, field)
        if at is not None and at <= now and (old is None or at != getattr(old, field)):
            raise InvalidInput.field(field, f"{at:.0f} given, has passed; it is {now:.0f} now")
    if old is not None and isinstance(new, StoredExperiment) and new.plan is not None and new.plan != old.plan:
        due = end(new.model_copy(update={"end_at": None}))
        if due is not None and due <= now:
            raise InvalidInput.field("plan.days", f"{new.plan.days:g} given, but it has run longer; complete it")


def check_methods(experiment: Experiment) -> None:
    """Checks that methods of comparing exist and are for what they are to compare.

    Raises:
        InvalidInput: One is not.
    """
    named = [("analysis.method", experiment.analysis.method, experiment.metrics)]
    named += [(f"metrics[{place}].method", one.method, [one]) for place, one in enumerate(experiment.metrics)]
    for field, method, metrics in named:
        if method is not None:
            from bandit.judgement import check  # loads scipy, which deciding does not need

            try:
                check(method, metrics)
            except InvalidInput as error:
                raise InvalidInput.field(field, error.errors[0].message) from error


def repeated(memory: Memory, by: By, action: str, key: str) -> StoredExperiment | None:
    """The experiment as it is, where the same action was done with the same idempotency key before.

    Raises:
        WrongState: The key was used for something else.
    """
    token = by.idempotency_key
    if token is None or (change := memory.change(token)) is None:
        return None
    if (change.kind, change.action, change.key) != ("experiment", action, key):
        raise WrongState(f"idempotency key {token!r} was used before, to {change.action} {change.kind} {change.key!r}")
    return standing(memory.experiment(key))


def standing(running: Running) -> StoredExperiment:
    """The definition with the epoch it is in."""
    return running.experiment.model_copy(update={"epoch": running.epoch})


def definition(experiment: Experiment) -> dict[str, Any]:
    """What a caller gave, as JSON values, without what became of it."""
    return experiment.model_dump(mode="json", include=set(Experiment.model_fields))


def note(memory: Memory, running: Running, action: str, before: str, detail: str, by: By, now: float) -> None:
    """Adds a line about an experiment to the audit log."""
    experiment = running.experiment
    change = Change(
        "experiment", experiment.key, by.actor.name, action, now, before, experiment.status, detail, by.idempotency_key
    )
    memory.batch.changes.append(change)
