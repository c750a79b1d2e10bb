"""A decision: who is eligible, who keeps what they had, and one draw from exactly the weights that are logged."""

from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic_core import to_json

from bandit import covariate
from bandit.assignment import rendezvous
from bandit.decision import ChooseRequest, Decision, encode
from bandit.errors import WrongState
from bandit.memory import Memory
from bandit.running import Running
from bandit.store import DecisionRow, EventRow
from bandit.trial import Record

# What the classes' own constructors do, at half their cost.
_row: Callable[[tuple[Any, ...]], DecisionRow] = partial(tuple.__new__, DecisionRow)
_decision: Callable[[tuple[Any, ...]], Decision] = partial(tuple.__new__, Decision)

_ADVICE = {"draft": "start it first", "paused": "resume it first"}


def choose(memory: Memory, request: ChooseRequest, now: float) -> Decision:
    """Decides, and notes the decision in the batch.

    Raises:
        NotFound: The experiment is unknown.
        WrongState: It is not running.
        InvalidInput: An eligible variant is unknown, or none has a weight, or the context is not of the declared
            features, or a covariate among the attributes is not a number.
    """
    running = memory.experiments.get(request.experiment) or memory.experiment(request.experiment)
    experiment = running.experiment
    if request.idempotency_key is not None and (row := memory.keyed(running, request.idempotency_key)):
        if row.unit != request.unit:
            raise WrongState(f"idempotency key {request.idempotency_key!r} was used before, for unit {row.unit!r}")
        return answer(running, row)
    if experiment.status != "running":
        advice = _ADVICE.get(experiment.status, "it decides no more")
        raise WrongState(f"experiment {experiment.key!r} is {experiment.status}: {advice}")
    if running.covariates and request.attributes is not None:
        covariate.check(running.covariates, request.attributes)
    mask = "" if request.eligible is None else running.mask(request.eligible)
    contextual = running.contextual
    if contextual is not None:
        arms = running.members(mask)
        vector = contextual.features.vector(request.context, arms)
    unit = request.unit if experiment.sticky else None
    seat = None if unit is None else memory.seat(running, unit, "")
    place, reassigned = "", seat is not None
    if seat is not None:
        members = running.members(mask)
        if mask and seat.variant not in members:
            seat, place = memory.seat(running, unit or "", mask), mask
        if seat is not None and not running.fixed and seat.variant in members:
            return _keep(memory, running, request, seat, now)

    if running.serial != memory.serial:
        running.serial = memory.serial
        if running.stale(now):
            memory.begin_epoch(running, now)
    if contextual is None:
        allocation = running.allocation(mask) or memory.allocation(running, mask, now)
    else:
        allocation = running.distribution(mask, contextual.weigh(arms, vector))
    if unit is not None and running.fixed:
        variant, reason = rendezvous(experiment.salt, unit, running.marks, allocation.probabilities), "hashed"
        if seat is not None and seat.variant == variant:
            return _keep(memory, running, request, seat, now)
    else:
        variant, held_out = allocation.draw(memory.random)
        reason = "holdout" if held_out else "drawn"
    if reassigned:
        reason = "reassigned"

    probabilities = allocation.probabilities
    row = _log(memory, running, request, variant, probabilities[variant], running.epoch, mask, 0, reason, now)
    if contextual is not None:
        memory.log_draw(contextual, row, probabilities, contextual.features.part(vector, arms, variant))
    if not request.defer:
        memory.count(running, row, probabilities, opens=True)
        if running.defaults:
            _await(memory, running, row.id, now)
    if unit is not None:
        memory.give_seat(running, unit, place, row, instead=seat is not None)
    return answer(running, row)


def _keep(memory: Memory, running: Running, request: ChooseRequest, seat: DecisionRow, now: float) -> Decision:
    """Another decision for a unit that has its variant, with the propensity of the draw that gave it.

    Where the trial is a unit, it belongs to the one that the unit's first decision opened.
    """
    head = seat.head if running.experiment.trial == "unit" else 0
    probabilities = memory.probabilities(running, seat)
    opened = not head or memory.record(head).opened_at is not None
    row = _log(memory, running, request, seat.variant, seat.propensity, seat.epoch, seat.eligible, head, "sticky", now)
    if (contextual := running.contextual) is not None:
        features = contextual.features.of(request.context or {}, row.variant)
        memory.log_draw(contextual, row, probabilities, features)
    if not request.defer:
        if not opened:
            _expose(memory, memory.record(row.id), now)
        else:
            memory.count(running, row, probabilities, opens=not head)
            if not head:
                _await(memory, running, row.id, now)
    return answer(running, row)


def _log(
    memory: Memory,
    running: Running,
    request: ChooseRequest,
    variant: int,
    propensity: float,
    epoch: int,
    mask: str,
    head: int,
    reason: str,
    now: float,
) -> DecisionRow:
    number = memory.ids.next(now)
    exposed_at = None if request.defer else now
    row = _row(
        (
            number,
            running.id,
            request.unit,
            variant,
            propensity,
            epoch,
            head or number,
            now,
            exposed_at,
            None if head else exposed_at,
            mask,
            None if request.context is None else to_json(request.context).decode(),
            None if request.attributes is None else to_json(request.attributes).decode(),
            reason,
            request.idempotency_key,
        )
    )
    memory.batch.decisions.append(row)
    if request.context is not None or request.attributes is not None:
        # Kept by the store, and of no use in memory but for what rewards will need.
        needed = covariate.kept(running.covariates, request.attributes) if running.covariates else None
        row = row._replace(context=None, attributes=needed)
    memory.rows[number] = row
    if request.idempotency_key is not None:
        memory.answered[running.id, request.idempotency_key] = row
    return row


def activate(memory: Memory, number: int, now: float) -> str:
    """Makes a deferred decision count from now on; one that counts already is left as it is.

    Raises:
        NotFound: The decision is unknown.
        WrongState: Its experiment is archived.
    """
    record = memory.record(number)
    memory.writable(record)
    if record.exposed_at is None:
        _expose(memory, record, now)
        memory.batch.events.append(EventRow(number, -1, "activate", None, None, now, "activated"))
    return "activated"


def _expose(memory: Memory, record: Record, now: float) -> None:
    """Counts a decision as shown, opens its trial if nothing has, and credits what it had earned before."""
    head = memory.head(record)
    probabilities = memory.probabilities(record.running, head.row)
    before = head.values()
    first = head.opened_at is None
    if first:
        head.opened_at = now
        _await(memory, record.running, head.id, now)
    if record.exposed_at is None or first:
        record.exposed_at = record.exposed_at or now
        for exposed in (head, record):
            memory.batch.exposures[exposed.id] = (exposed.exposed_at, exposed.opened_at)
            memory.used(exposed)
    for metric, outcome in record.outcomes.items():
        if outcome.value is not None:
            memory.earn(head, metric, outcome.value, 1)
    memory.count(record.running, record.row, probabilities, opens=first)
    memory.credit(head, before)
    memory.touched.add(record.running)


def _await(memory: Memory, running: Running, head: int, now: float) -> None:
    """Notes when the windows of a trial close for the metrics that have a default."""
    for metric, window, _ in running.defaults:
        memory.batch.due.append((now + window, head, metric))


def answer(running: Running, row: DecisionRow) -> Decision:
    """What the caller is told of a decision."""
    return _decision(
        (
            encode(row.id),
            running.experiment.key,
            running.keys[row.variant],
            running.configs[row.variant],
            row.propensity,
            row.epoch,
            row.reason,
        )
    )
