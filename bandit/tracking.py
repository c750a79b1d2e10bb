"""Tracking, as OpenFeature means it: what a unit did, entered for the decisions that flags made for it."""

from typing import Annotated, NamedTuple

from pydantic import Field

from bandit.decision import IdempotencyKey, JSONObject, Name, encode
from bandit.documents import all_of, find
from bandit.eligibility import Unit
from bandit.errors import InvalidInput, NotFound
from bandit.exposure import activate
from bandit.memory import Memory
from bandit.model import Model
from bandit.prerequisites import FLAG
from bandit.reward import Identifier, reward
from bandit.running import Running
from bandit.trial import Record

EXPOSURE = "exposure"


class TrackRequest(Model):
    """What a unit did. `decision_id`, or a flag and the unit, or the unit alone say which decisions it is about."""

    name: Name = Field(description="The key of a metric; or `exposure`: that what was decided has been shown.")
    value: float | None = Field(default=None, description="Of the metric; unset: 1, for a conversion or a count.")
    unit: Unit | None = Field(default=None, description="Who did it.")
    flag: Name | None = Field(default=None, description="For which flag; unset: for all whose experiment measures it.")
    decision_id: Identifier | None = Field(default=None, description="For which decision; goes before flag and unit.")
    idempotency_key: IdempotencyKey | None = Field(default=None, description="A repeat is ignored.")
    metadata: JSONObject | None = Field(default=None, description="Kept with the reward; an exposure is none.")


class Tracked(NamedTuple):
    """What became of it, for one decision: `activated`, or the status of a reward."""

    experiment: str
    decision_id: str
    status: str


class TrackedAnswer(Model):
    """What became of it, for one decision."""

    experiment: str
    decision_id: str
    status: Annotated[str, Field(description="`activated`, or the status of a reward.")]


def track(memory: Memory, request: TrackRequest, number: int | None, now: float) -> list[Tracked]:
    """Activates the decisions that an event is about, and enters it as their reward.

    Args:
        memory: Of the engine.
        request: The event.
        number: Of the decision, if it names one.
        now: Seconds since 1970.

    Raises:
        NotFound: There is no such decision or flag, or the flag has decided nothing for the unit.
        InvalidInput: There is no such metric, the value is none of its, or neither decision nor unit is given.
        WrongState: The experiment is archived.
    """
    records = _records(memory, request, number)
    values = [_value(memory, record, request) for record in records]
    return [
        Tracked(record.running.key, encode(record.id), _enter(memory, record, request, value, now))
        for record, value in zip(records, values, strict=True)
    ]


def _records(memory: Memory, request: TrackRequest, number: int | None) -> list[Record]:
    """The decisions that it is about."""
    if number is not None:
        return [memory.record(number)]
    if request.unit is None:
        raise InvalidInput.field("unit", "must be given where no decision_id is")
    if request.flag is None:
        deciding = {flag.experiment for flag in all_of(memory, FLAG).values() if flag.experiment is not None}
        running = [memory.experiment(key) for key in sorted(deciding)]
        asked = [one for one in running if one.experiment.status != "archived" and _measures(one, request.name)]
        seats = [memory.seat(one, request.unit, "") for one in asked]
        return [memory.record(seat.id) for seat in seats if seat is not None]
    experiment = find(memory, FLAG, request.flag).experiment
    if experiment is None:
        raise InvalidInput.field("flag", f"{request.flag!r} is decided by no experiment: there is nothing to track")
    one = memory.experiment(experiment)
    if not one.sticky:
        raise InvalidInput.field("decision_id", f"must be given: units of {experiment!r} keep no variant")
    seat = memory.seat(one, request.unit, "")
    if seat is None:
        raise NotFound(f"flag {request.flag!r} has decided nothing for unit {request.unit[:100]!r}")
    return [memory.record(seat.id)]


def _measures(running: Running, name: str) -> bool:
    return name in running.metrics or name == EXPOSURE


def _value(memory: Memory, record: Record, request: TrackRequest) -> float | None:
    """What the event is worth, None for an exposure; whatever could be refused later is refused here."""
    memory.writable(record)
    running = record.running
    if request.name == EXPOSURE and EXPOSURE not in running.metrics:
        return None
    if request.name not in running.metrics:
        known = ", ".join(map(repr, [*running.metrics, EXPOSURE]))
        raise InvalidInput.field("name", f"{request.name!r} is not a metric of {running.key!r}: {known}")
    metric = running.experiment.metrics[running.metric(request.name)]
    if request.value is None and metric.type not in ("conversion", "count"):
        raise InvalidInput.field("value", f"must be given for {request.name!r}")
    value = 1.0 if request.value is None else request.value
    if refusal := metric.refusal(value):
        raise InvalidInput.field("value", refusal)
    return value


def _enter(memory: Memory, record: Record, request: TrackRequest, value: float | None, now: float) -> str:
    status = activate(memory, record.id, now)
    if value is None:
        return status
    return reward(memory, record.id, request.name, value, request.idempotency_key, request.metadata, now)
