"""Erasure of a unit: its name, and what tells of it, leave the log; what it was counted for stays counted.

Decisions keep variant, propensity, times and outcomes, so that sums, results and a replay of the ledger are what they
were. They lose unit, attributes, a context that no policy has read, and the metadata of their rewards; the numbers of
declared features stay, because the model that learnt from them could not be replayed without. Idempotency keys that
contain the unit's name go, so a repeat of such a request is a new one. A condition that compares with the name, and
what people wrote into descriptions, are definitions, and stay. Pages of the file that were let go may hold remnants; a
backup has none.
"""

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import Field

from bandit.actor import By
from bandit.eligibility import Unit
from bandit.memory import Memory
from bandit.model import Key, Model
from bandit.rows import Amendment, Change, DecisionRow, Document, Mentions, Removal
from bandit.running import load

ERASED = "(erased)"

# Fields of definitions that list units, as a list or as the names of an object.
LISTS = {"cohort": "units", "flag": "overrides"}
_BEFORE = r"(?:(?<![\w.@-])|(?<=\bforced\.)|(?<=\boverrides\.))"


class ErasureRequest(Model):
    """Who is to be forgotten."""

    unit: Unit
    kind: Key | None = Field(
        default=None, description="Only as a unit of this kind: in experiments that assign those; unset: everywhere."
    )


class Erased(Model):
    """What was erased: so many decisions, of these experiments."""

    decisions: int
    experiments: list[str]


def erase(memory: Memory, unit: str, kind: str | None, known: list[int], after: int, by: By, now: float) -> Erased:
    """Erases a unit from everything that is stored.

    Args:
        memory: Of the engine.
        unit: Whom.
        kind: Of which kind; None for any. With a kind, lists of units that say none (cohorts, flags) are left alone.
        known: Its decisions with an id up to `after`, which took a look through all of them.
        after: The greatest id then.
        by: Who asks.
        now: Seconds since 1970.

    Raises:
        Forbidden: Whoever asks may not manage everybody's experiments.
    """
    by.actor.check("")
    reader = memory.store.reader()
    among = {
        row.id: row.key
        for row, standing in reader.experiments()
        if kind is None or load(row, standing).experiment.unit_kind == kind
    }
    stored = [row for number in (*known, *reader.decided_for(unit, after)) if (row := reader.decision(number))]
    stored = [row for row in stored if row.experiment in among]
    for row in stored:
        _amend(memory, unit, row)
    fresh = [row for row in memory.batch.decisions if row.unit == unit and row.experiment in among]
    _forget(memory, unit, among.keys(), {row.id for row in stored})
    memory.batch.removals.append(Removal("units", ("experiment", "unit"), [(number, unit) for number in among]))
    _unlist(memory, unit, reader.mentions(unit), among, everywhere=kind is None)
    experiments = {row.experiment for row in (*stored, *fresh)}
    for number in experiments:
        memory.touched.add(memory.numbered(number))  # so that other processes let go of what they remember
    keys = sorted(among[number] for number in experiments)
    erased = Erased(decisions=len(stored) + len(fresh), experiments=keys)
    token = by.idempotency_key
    if token is not None and (_contains(token, unit) or memory.change(token) is not None):
        token = None
    detail = f"{erased.decisions} decisions of {len(keys)} experiments"
    memory.batch.changes.append(Change("unit", ERASED, by.actor.name, "erase", now, "", "", detail, token))
    return erased


def _amend(memory: Memory, unit: str, row: DecisionRow) -> None:
    """Takes the unit out of a stored decision and its events."""
    left = _anonymous(memory, unit, row)
    columns = ("unit", "attributes", "context", "idempotency_key")
    values = (*(getattr(left, column) for column in columns), row.id)
    memory.batch.amendments.append(Amendment("decisions", columns, ("id",), [values]))
    events = [(None, event) for event, key in memory.store.reader().tokens(row.id) if unit in key]
    memory.batch.amendments.append(Amendment("events", ("idempotency_key",), ("number",), events))
    told = [(None, event) for event, _, _ in memory.store.reader().metadata(row.id)]
    memory.batch.amendments.append(Amendment("events", ("metadata",), ("number",), told))


def _anonymous(memory: Memory, unit: str, row: DecisionRow) -> DecisionRow:
    """A decision without what tells of its unit."""
    read = memory.numbered(row.experiment).experiment.features
    token = None if unit in (row.idempotency_key or "") else row.idempotency_key
    return row._replace(unit=None, attributes=None, context=row.context if read else None, idempotency_key=token)


def _forget(memory: Memory, unit: str, among: Collection[int], stored: Collection[int]) -> None:
    """Takes the unit, which has those stored decisions, out of what is cached, and of what is still to be written."""
    batch = memory.batch
    mine = {row.id for row in batch.decisions if row.unit == unit and row.experiment in among}
    batch.decisions = [_anonymous(memory, unit, row) if row.id in mine else row for row in batch.decisions]
    batch.events = [
        event._replace(
            idempotency_key=None if unit in (event.idempotency_key or "") else event.idempotency_key, metadata=None
        )
        if event.decision in mine or event.decision in stored
        else event
        for event in batch.events
    ]
    batch.units = [seat for seat in batch.units if seat[1] != unit or seat[0] not in among]
    memory.seats = {
        place: row for place, row in memory.seats.items() if place[1] != unit or row.experiment not in among
    }
    memory.answered = {
        place: row._replace(unit=None) if row.unit == unit and row.experiment in among else row
        for place, row in memory.answered.items()
        if row.unit != unit or row.experiment not in among or unit not in place[1]
    }
    for number, row in memory.rows.items():
        if row.unit == unit and row.experiment in among:
            memory.rows[number] = row._replace(unit=None, idempotency_key=None)
    for record in memory.records.values():
        if record.row.unit == unit and record.row.experiment in among:
            record.row = record.row._replace(unit=None, idempotency_key=None)
            record.tokens = record.tokens and {token for token in record.tokens if unit not in token[1]}


def _unlist(memory: Memory, unit: str, mentions: Mentions, among: Mapping[int, str], *, everywhere: bool) -> None:
    """Takes the unit out of definitions that list it, of the audit log and of alerts."""
    for number in among.keys() & set(mentions.experiments):
        running = memory.numbered(number)
        experiment = running.experiment
        forced = {name: variant for name, variant in experiment.forced.items() if name != unit}
        update = {"forced": forced, "stop_reason": _struck(experiment.stop_reason, unit)}
        if any(getattr(experiment, field) != value for field, value in update.items()):
            memory.replace(running, experiment.model_copy(update=update))
    for kind, key, body in mentions.documents if everywhere else ():
        if body is not None and kind in LISTS and (left := _without(body, LISTS[kind], unit)) is not None:
            memory.batch.documents[kind, key] = Document(kind, key, left)
            memory.documents.pop(kind, None)
    keys = set(among.values())
    lines: list[tuple[Any, ...]] = []
    for number, line in mentions.changes:
        token = line.idempotency_key
        fresh = (_struck(line.detail, unit), None if token is not None and _contains(token, unit) else token)
        if fresh != (line.detail, token) and (everywhere or (line.kind, line.key in keys) == ("experiment", True)):
            lines.append((*fresh, number))
    told: list[tuple[Any, ...]] = []
    for number, alert in mentions.alerts:
        text = (_struck(alert.message, unit), json.dumps(_struck_out(json.loads(alert.body), unit)))
        if text != (alert.message, alert.body) and (everywhere or alert.subject in keys):
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
    """A text without the name, plain or as it stands in JSON or a path, where it is not a part of another one."""
    for name in {unit, json.dumps(unit)[1:-1]}:
        text = re.sub(rf"{_BEFORE}{re.escape(name)}(?![\w@-]|\.\w)", ERASED, text)
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
