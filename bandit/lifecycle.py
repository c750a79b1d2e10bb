"""An experiment's life: draft, running or paused, completed or stopped, archived."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ValidationError

from bandit import settings
from bandit.actor import By
from bandit.errors import FieldError, InvalidInput, WrongState
from bandit.experiment import Analysis, Experiment, Status, StoredExperiment
from bandit.memory import Memory
from bandit.running import Running
from bandit.store import Change, ExperimentRow
from bandit.variant import Variant
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

# What may change once units have been assigned: words, and how the next ones are drawn. Not what the ledger means.
CHANGEABLE = frozenset(
    {"name", "description", "hypothesis", "owner", "tags", "policy", "reweight", "variants", "cost", "analysis"}
)
CHANGEABLE_OF_VARIANT = frozenset({"name", "description", "config", "weight"})


def create(memory: Memory, experiment: Experiment, by: By, now: float) -> StoredExperiment:
    """Enters a new experiment as a draft.

    Raises:
        WrongState: The key exists.
        Forbidden: It would belong to somebody else.
    """
    if again := repeated(memory, by, "create", experiment.key):
        return again
    reader = memory.store.reader()
    if experiment.key in memory.experiments or reader.experiment(experiment.key) is not None:
        raise WrongState(f"experiment {experiment.key!r} exists already")
    owner = experiment.owner or by.actor.owner or ""
    by.actor.check(owner)
    given = {**definition(experiment), "analysis": settings.with_defaults(memory, experiment)}
    stored = StoredExperiment.model_validate({**given, "owner": owner, "created_at": now})
    number = max([reader.last_experiment(), *memory.by_id]) + 1  # the store knows only what is written
    memory.batch.experiments[number] = ExperimentRow(
        number, stored.key, stored.model_dump_json(exclude={"epoch"}), stored.status
    )
    running = Running(number, stored)
    memory.experiments[stored.key] = memory.by_id[number] = running
    memory.touched.add(running)
    memory.batch.wakes[number] = 0.0
    _note(memory, running, "create", "", "", by, now)
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
    update: dict[str, Any] = {"status": after}
    if action == "start":
        update["started_at"] = now
    if after in ("completed", "stopped"):
        update |= {"ended_at": now, "stop_reason": reason}
    running = memory.replace(running, running.experiment.model_copy(update=update))
    if action == "start":
        memory.begin_epoch(running, now)
    _note(memory, running, action, before, reason, by, now)
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
            new = new.model_copy(update={"analysis": Analysis.model_validate(settings.with_defaults(memory, new))})
    except ValidationError as error:
        raise InvalidInput.of(error) from error
    by.actor.check(new.owner)
    _go_on(old, new.policy)
    if old.status != "draft" and (refused := sorted(_frozen(old, new))):
        raise WrongState(
            f"experiment {key!r} is {old.status}; a decision's meaning would change with {', '.join(refused)}",
            [FieldError(field, f"may not change while {old.status}") for field in refused],
        )
    running = memory.replace(running, new)
    weighing = ("policy", "reweight", "variants", "cost")
    if new.started_at is not None and any(getattr(old, field) != getattr(new, field) for field in weighing):
        memory.begin_epoch(running, now, anew=True)
    _note(memory, running, "update", old.status, ", ".join(sorted(changes)), by, now)
    return standing(running)


def _derived(old: StoredExperiment) -> set[str]:
    """Fields of a draft that follow from the others, and so should follow a change of those."""
    if old.status != "draft":
        return set()
    fields = {"policy", "trial"}
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


def _frozen(old: Experiment, new: Experiment) -> set[str]:
    fields = {field for field in Experiment.model_fields if getattr(old, field) != getattr(new, field)}
    frozen = fields - CHANGEABLE
    if old.resolved_policy.half_life != new.resolved_policy.half_life:
        frozen.add("policy.half_life")  # what was learnt is kept in periods of the half-life
    if (old.cost and old.cost.metric) != (new.cost and new.cost.metric):
        frozen.add("cost.metric")  # what it has cost is counted from the start
    if "variants" in fields:
        kept = new.variants[: len(old.variants)]
        if [variant.key for variant in old.variants] != [variant.key for variant in kept]:
            frozen.add("variants")  # an arm is taken out by a weight of 0, and a new one comes last
        for place, pair in enumerate(zip(old.variants, new.variants, strict=False)):
            frozen |= {
                f"variants[{place}].{field}"
                for field in set(Variant.model_fields) - CHANGEABLE_OF_VARIANT
                if getattr(pair[0], field) != getattr(pair[1], field)
            }
    return frozen


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


def _note(memory: Memory, running: Running, action: str, before: str, detail: str, by: By, now: float) -> None:
    experiment = running.experiment
    change = Change(
        "experiment", experiment.key, by.actor.name, action, now, before, experiment.status, detail, by.idempotency_key
    )
    memory.batch.changes.append(change)
