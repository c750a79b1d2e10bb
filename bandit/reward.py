"""The reward ledger's rules: what becomes of an event, and by how much it moves the sums."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic_core import to_json

from bandit.decision import IdempotencyKey, JSONObject
from bandit.errors import InvalidInput
from bandit.memory import Memory
from bandit.metric import Metric
from bandit.model import Model
from bandit.rows import EventRow
from bandit.trial import Outcome, Record

RewardStatus = Literal["applied", "duplicate", "superseded", "late", "retracted", "activated"]
Identifier = Annotated[str, Field(min_length=1, max_length=64)]

_new = tuple.__new__  # what a named tuple's own constructor calls, at half its cost


class RewardRequest(Model):
    """What happened after a decision."""

    decision_id: Identifier
    value: float = Field(description="The event's value; for a conversion 0 or 1.")
    metric: Annotated[str, Field(max_length=100)] | None = Field(default=None, description="Unset: the primary one.")
    idempotency_key: IdempotencyKey | None = Field(default=None, description="A repeat for the same metric is ignored.")
    metadata: JSONObject | None = Field(default=None, description="Anything that is worth keeping with the event.")


class RetractRequest(Model):
    """Takes back all that was told of a decision for one metric."""

    decision_id: Identifier
    metric: Annotated[str, Field(max_length=100)] | None = Field(default=None, description="Unset: the primary one.")


class ActivateRequest(Model):
    """Makes a deferred decision count."""

    decision_id: Identifier


class StatusAnswer(Model):
    """What became of an event."""

    status: RewardStatus


def reward(
    memory: Memory,
    number: int,
    key: str | None,
    value: float,
    token: str | None,
    metadata: Mapping[str, Any] | None,
    now: float,
) -> str:
    """Enters an event into the ledger; the answer says what became of it.

    Returns:
        `applied`: the outcome follows it. `duplicate`: its idempotency key was seen, nothing was done. `superseded`:
        the aggregation keeps an earlier event instead. `late`: it came after the window and the metric refuses that.

    Raises:
        NotFound: The decision is unknown.
        InvalidInput: The metric is unknown or the value not one of its.
        WrongState: The experiment is archived.
    """
    record = memory.record(number)
    running = record.running
    memory.writable(record)
    place = running.metric(key)
    metric = running.experiment.metrics[place]
    if refusal := metric.refusal(value):
        raise InvalidInput.field("value", refusal)
    head = memory.head(record)
    if token is not None:
        tokens = memory.tokens(record)
        if (place, token) in tokens:
            return "duplicate"
        tokens.add((place, token))
    outcome = record.outcomes.get(place)
    status = judge(metric, outcome, value, record.exposed_at, now)
    told = None if metadata is None else to_json(metadata).decode()
    memory.batch.events.append(_new(EventRow, (number, place, "reward", value, token, now, status, told)))
    if status == "applied":
        _set(memory, record, head, place, aggregate(metric, outcome, value))
    else:
        memory.used(record)
    return status


def retract(memory: Memory, number: int, key: str | None, now: float) -> str:
    """Takes back what was told of a decision for one metric; where there is nothing to take back, nothing is done.

    Raises:
        NotFound: The decision is unknown.
        InvalidInput: The metric is unknown.
        WrongState: The experiment is archived.
    """
    record = memory.record(number)
    memory.writable(record)
    place = record.running.metric(key)
    outcome = record.outcomes.get(place)
    if outcome is not None and outcome.value is not None:
        head = memory.head(record)
        memory.batch.events.append(EventRow(number, place, "retract", None, None, now, "retracted"))
        _set(memory, record, head, place, None)
    return "retracted"


def close_windows(memory: Memory, now: float, most: int = 1000) -> bool:
    """Gives the default to trials whose window has closed; true where more than `most` were due."""
    due = memory.store.reader().due(now, most)
    for at, number, place in due:
        head = memory.record(number)
        if memory.outcome(head, place).fallback is not None:
            continue  # closed already, by a batch that is still to be written
        memory.batch.closed.append((number, place))
        memory.batch.events.append(EventRow(number, place, "default", None, None, at, "applied"))
        before = head.values()
        missing = head.running.experiment.metrics[place].missing
        memory.outcome(head, place).fallback = float(missing) if missing != "wait" else None
        memory.keep(head, place)
        memory.credit(head, before)
    return len(due) == most


def judge(metric: Metric, outcome: Outcome | None, value: float, exposed_at: float | None, now: float) -> str:
    """What becomes of an event, from the events before it and the time since the decision was shown."""
    late = metric.window is not None and exposed_at is not None and now > exposed_at + metric.window
    if late and metric.late == "refuse":
        return "late"
    if outcome is None or outcome.value is None:
        return "applied"
    kept = metric.aggregation == "first" or (metric.aggregation == "max" and value <= outcome.value)
    return "superseded" if kept else "applied"


def aggregate(metric: Metric, outcome: Outcome | None, value: float) -> float:
    """A decision's outcome after an event that applies."""
    before = None if outcome is None else outcome.value
    if metric.aggregation == "count":
        return (before or 0.0) + 1.0
    if metric.aggregation == "sum":
        return (before or 0.0) + value
    return value


def _set(memory: Memory, record: Record, head: Record, place: int, value: float | None) -> None:
    """Gives a decision an outcome, or takes it away, and moves the sums by the difference."""
    before = head.values()
    outcome = memory.outcome(record, place)
    old, outcome.value = outcome.value, value
    if record.exposed_at is not None:
        memory.earn(head, place, (value or 0.0) - (old or 0.0), (value is not None) - (old is not None))
    if head is not record or record.exposed_at is None:
        memory.keep(record, place)
    memory.credit(head, before)
