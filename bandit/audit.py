"""The audit log: who changed what, when, from which state to which."""

import json
from typing import Annotated, Any

from pydantic import Field, JsonValue

from bandit.listing import place
from bandit.model import Model
from bandit.rows import Change
from bandit.store import Reader

NEWEST = 1 << 62
TELLING = ("update", "set", "reset")
"""Actions whose lines say what each field was and is."""
_Name = Annotated[str, Field(max_length=100)]


class FieldChange(Model):
    """What a field was and is; long values are cut, and null is also what was not there."""

    before: JsonValue
    after: JsonValue


class AuditLine(Model):
    """A change: `before` and `after` are states where it has any, `fields` what has changed."""

    number: int
    at: float
    actor: str = Field(description="Empty where nobody said who.")
    kind: str
    key: str
    action: str
    before: str
    after: str
    detail: str
    fields: dict[str, FieldChange] = Field(description="By path, as `variants[1].weight`.")
    idempotency_key: str | None


class Audit(Model):
    """Lines of the audit log, the newest first, and where the next ones begin; null at the end."""

    changes: list[AuditLine]
    next: str | None


class Lines(Model):
    """Which lines of an experiment's log are query."""

    limit: int = Field(default=100, strict=False, ge=1, le=1000, description="At most so many.")
    cursor: _Name | None = Field(default=None, description="`next` of the page before; unset: from the newest.")


class AuditQuery(Lines):
    """Which lines are query."""

    kind: _Name | None = Field(default=None, description="As `experiment` or `flag`; unset: all kinds.")
    key: _Name | None = Field(default=None, description="Of what was changed; unset: all.")


def read(reader: Reader, query: AuditQuery) -> Audit:
    """Lines of the audit log, the newest first.

    Raises:
        InvalidInput: The cursor is none that a page has given.
    """
    before = place("cursor", query.cursor, NEWEST)
    found = reader.changes(query.kind, query.key, before, query.limit + 1)
    shown = found[: query.limit]
    more = len(found) > query.limit
    return Audit(changes=[_line(*one) for one in shown], next=str(shown[-1][0]) if more else None)


def _line(number: int, change: Change) -> AuditLine:
    fields = _fields(change)
    given = change._asdict() | ({} if fields is None else {"detail": ""})
    return AuditLine(number=number, fields=fields or {}, **given)


def _fields(change: Change) -> dict[str, FieldChange] | None:
    """What a change has noted, in the form of `difference.written`; None where it has noted something else."""
    if change.action not in TELLING or not change.detail.startswith("{"):
        return None
    noted: dict[str, tuple[Any, Any]] = json.loads(change.detail)
    return {name: FieldChange(before=pair[0], after=pair[1]) for name, pair in noted.items()}
