"""Erasure of a unit: its name, and what tells of it, leave the log; what it was counted for stays counted.

Decisions keep variant, propensity, times and outcomes, so that sums, results and a replay of the ledger are what they
were. They lose unit, attributes, and a context that no policy has read; the numbers of declared features stay, because
the model that learnt from them could not be replayed without. Idempotency keys that contain the unit's name go, so
a repeat of such a request is a new one. A condition that compares with the name, and what people wrote into
descriptions, are definitions, and stay. Pages of the file that were let go may hold remnants; a backup has none.
"""

import json
import re
from typing import Annotated, Any

from pydantic import Field

from bandit.actor import By
from bandit.memory import Memory
from bandit.model import Model
from bandit.store import Amendment, Change, Document, Mentions, Removal

ERASED = "(erased)"

# Fields of definitions that list units, as a list or as the names of an object.
LISTS = {"cohort": "units", "flag": "overrides"}
FORCED = "forced"


class ErasureRequest(Model):
    """Who is to be forgotten."""

    unit: Annotated[str, Field(min_length=1, max_length=256)]


class Erased(Model):
    """What was erased: so many decisions, of these experiments."""

    decisions: int
    experiments: list[str]


def erase(memory: Memory, unit: str, known: list[int], after: int, by: By, now: float) -> Erased:
    """Erases a unit from everything that is stored.

    Args:
        memory: Of the engine.
        unit: Whom.
        known: Its decisions with an id up to `after`, which took a look through all of them.
        after: The greatest id then.
        by: Who asks.
        now: Seconds since 1970.

    Raises:
        Forbidden: Whoever asks may not manage everybody's experiments.
    """
    by.actor.check("")
    reader = memory.store.reader()
    stored = [*known, *reader.decided_for(unit, after)]
    experiments = {_amend(memory, unit, number) for number in stored}
    fresh = [row for row in memory.batch.decisions if row.unit == unit]
    experiments |= {row.experiment for row in fresh}
    _forget(memory, unit)
    seats = [(row.id, unit) for row, _ in reader.experiments()]
    memory.batch.removals.append(Removal("units", ("experiment", "unit"), seats))
    _unlist(memory, unit, reader.mentions(unit))
    for number in experiments:
        memory.touched.add(memory.numbered(number))  # so that other processes let go of what they remember
    keys = sorted(memory.numbered(number).experiment.key for number in experiments)
    erased = Erased(decisions=len(stored) + len(fresh), experiments=keys)
    token = by.idempotency_key
    if token is not None and (_contains(token, unit) or memory.change(token) is not None):
        token = None
    detail = f"{erased.decisions} decisions of {len(keys)} experiments"
    memory.batch.changes.append(Change("unit", ERASED, by.actor.name, "erase", now, "", "", detail, token))
    return erased


def _amend(memory: Memory, unit: str, number: int) -> int:
    """Takes the unit out of a stored decision and its events; returns the number of its experiment."""
    reader = memory.store.reader()
    row = reader.decision(number)
    if row is None:
        raise LookupError(f"decision {number:016x} was found a moment ago")
    read = bool(memory.numbered(row.experiment).experiment.features)
    token = None if unit in (row.idempotency_key or "") else row.idempotency_key
    values = (None, None, row.context if read else None, token, number)
    columns = ("unit", "attributes", "context", "idempotency_key")
    memory.batch.amendments.append(Amendment("decisions", columns, ("id",), [values]))
    events = [(None, event) for event, key in reader.tokens(number) if unit in key]
    memory.batch.amendments.append(Amendment("events", ("idempotency_key",), ("number",), events))
    return row.experiment


def _forget(memory: Memory, unit: str) -> None:
    """Takes the unit out of what is cached, and of what is still to be written."""
    batch = memory.batch
    mine = {row.id for row in batch.decisions if row.unit == unit}
    batch.decisions = [
        row._replace(
            unit=None,
            attributes=None,
            context=row.context if memory.numbered(row.experiment).experiment.features else None,
            idempotency_key=None if unit in (row.idempotency_key or "") else row.idempotency_key,
        )
        if row.unit == unit
        else row
        for row in batch.decisions
    ]
    batch.events = [
        event._replace(idempotency_key=None)
        if event.decision in mine and unit in (event.idempotency_key or "")
        else event
        for event in batch.events
    ]
    batch.units = [seat for seat in batch.units if seat[1] != unit]
    memory.seats = {place: row for place, row in memory.seats.items() if place.split("/", 2)[2] != unit}
    memory.answered = {
        place: row._replace(unit=None) if row.unit == unit else row
        for place, row in memory.answered.items()
        if row.unit != unit or unit not in place[1]
    }
    for number, row in memory.rows.items():
        if row.unit == unit:
            memory.rows[number] = row._replace(unit=None, idempotency_key=None)
    for record in memory.records.values():
        if record.row.unit == unit:
            record.row = record.row._replace(unit=None, idempotency_key=None)
            record.tokens = (
                {token for token in record.tokens if unit not in token[1]} if record.tokens else record.tokens
            )


def _unlist(memory: Memory, unit: str, mentions: Mentions) -> None:
    """Takes the unit out of definitions that list it, of the audit log and of alerts."""
    for number in mentions.experiments:
        running = memory.numbered(number)
        experiment = running.experiment
        update: dict[str, Any] = {}
        if unit in (forced := getattr(experiment, FORCED, None) or {}):
            update[FORCED] = {name: variant for name, variant in forced.items() if name != unit}
        if _contains(experiment.stop_reason, unit):
            update["stop_reason"] = _struck(experiment.stop_reason, unit)
        if update:
            memory.replace(running, experiment.model_copy(update=update))
    for kind, key, body in mentions.documents:
        if body is not None and kind in LISTS and (left := _without(body, LISTS[kind], unit)) is not None:
            memory.batch.documents[kind, key] = Document(kind, key, left)
            memory.documents.pop(kind, None)
    lines: list[tuple[Any, ...]] = []
    for number, line in mentions.changes:
        token = line.idempotency_key
        fresh = (_struck(line.detail, unit), None if token is not None and _contains(token, unit) else token)
        if fresh != (line.detail, token):
            lines.append((*fresh, number))
    told: list[tuple[Any, ...]] = []
    for number, alert in mentions.alerts:
        text = (_struck(alert.message, unit), json.dumps(_struck_out(json.loads(alert.body), unit)))
        if text != (alert.message, alert.body):
            told.append((*text, number))
    memory.batch.amendments.append(Amendment("changes", ("detail", "idempotency_key"), ("number",), lines))
    memory.batch.amendments.append(Amendment("alerts", ("message", "body"), ("number",), told))


def _without(body: str, field: str, unit: str) -> str | None:
    """The JSON of a document without a unit in a field; None where it was not there."""
    definition: dict[str, Any] = json.loads(body)
    listed = definition.get(field) or ()
    if unit not in listed:
        return None
    if isinstance(listed, dict):
        definition[field] = {name: value for name, value in listed.items() if name != unit}
    else:
        definition[field] = [name for name in listed if name != unit]
    return json.dumps(definition)


def _contains(text: str, unit: str) -> bool:
    return _struck(text, unit) != text


def _struck(text: str, unit: str) -> str:
    """A text without the name, plain or as it stands in JSON, where it is not a part of another one."""
    for name in {unit, json.dumps(unit)[1:-1]}:
        text = re.sub(rf"(?<![\w.@-]){re.escape(name)}(?![\w@-]|\.\w)", ERASED, text)
    return text


def _struck_out(value: Any, unit: str) -> Any:
    """JSON without the name, wherever it stands alone in a text."""
    if isinstance(value, str):
        return _struck(value, unit)
    if isinstance(value, list):
        return [_struck_out(each, unit) for each in value]
    if isinstance(value, dict):
        return {_struck(name, unit): _struck_out(each, unit) for name, each in value.items()}
    return value
