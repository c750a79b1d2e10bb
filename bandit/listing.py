"""Experiments by what they are, a page at a time."""

from typing import Annotated, TypedDict

from pydantic import Field

from bandit.errors import InvalidInput
from bandit.experiment import Status, StoredExperiment, Type
from bandit.model import Model
from bandit.rows import Selection
from bandit.running import parse
from bandit.store import Reader

MOST_ON_A_PAGE = 1000
_Word = Annotated[str, Field(max_length=200)]


class Filters(TypedDict, total=False):
    """What experiments must be to be listed; see `Query`."""

    status: Status | None
    type: Type | None
    owner: str | None
    tag: str | None
    text: str | None


class Query(Model):
    """Which experiments are meant: those for which all hold that are given."""

    status: Status | None = None
    type: Type | None = None
    owner: _Word | None = Field(default=None, description="Exactly; empty for those that belong to nobody.")
    tag: _Word | None = Field(default=None, description="One of its tags, exactly.")
    text: _Word | None = Field(default=None, description="A part of its key or name, in capitals or not.")


class PageQuery(Query):
    """Which experiments are meant, and which of these."""

    limit: int = Field(default=100, strict=False, ge=1, le=MOST_ON_A_PAGE, description="At most so many.")
    cursor: _Word | None = Field(default=None, description="`next` of the page before; unset: from the first.")


class Page(Model):
    """Some experiments, the oldest first, and where the next ones begin; null at the end.

    What is created meanwhile comes at the end, so that nothing is listed twice or left out.
    """

    experiments: list[StoredExperiment]
    next: str | None


def every(reader: Reader, query: Query) -> list[StoredExperiment]:
    """All experiments that are meant, the oldest first."""
    return [parse(*found) for found in reader.select(_selection(query), 0, -1)]


def page(reader: Reader, query: PageQuery) -> Page:
    """Some of the experiments that are meant.

    Raises:
        InvalidInput: The cursor is none that a page has given.
    """
    found = reader.select(_selection(query), place("cursor", query.cursor, 0), query.limit + 1)
    shown = [parse(*row) for row in found[: query.limit]]
    return Page(experiments=shown, next=str(found[query.limit - 1][0].id) if len(found) > query.limit else None)


def place(field: str, cursor: str | None, start: int) -> int:
    """The number that a cursor stands for, `start` for none.

    Raises:
        InvalidInput: It is no cursor.
    """
    if cursor is None:
        return start
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise InvalidInput.field(field, f"{cursor[:50]!r} given, must be what the page before gave as next")
    return int(cursor)


def _selection(query: Query) -> Selection:
    return Selection(query.status, query.type, query.owner, query.tag, query.text)
