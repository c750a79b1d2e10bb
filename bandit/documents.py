"""Definitions beside experiments, such as flags: kept as JSON, audited, owned, and parsed once by every process."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

from pydantic import Field, ValidationError

from bandit.actor import By
from bandit.difference import written
from bandit.errors import InvalidInput, NotFound, StoreUnusable, WrongState
from bandit.memory import Memory
from bandit.model import Key, Model
from bandit.rows import Change, Document

UNTOLD = "(not told)"


class Owned(Model):
    """What every document has."""

    key: Key
    owner: Annotated[str, Field(max_length=200)] = ""


Body = TypeVar("Body", bound=Owned)


class Kind(NamedTuple, Generic[Body]):
    """A kind of document: its name, in the store and in messages, and its model.

    `check` is asked before one is written, and `release` before one is removed; they raise where the rest of what is
    stored forbids it. Of `untold` fields the audit log says that they changed, and not what they are.
    """

    name: str
    model: type[Body]
    check: Callable[[Memory, Body], None] | None = None
    release: Callable[[Memory, Body], None] | None = None
    untold: frozenset[str] = frozenset()

    def parse(self, document: Document) -> Body:
        """A document as its model.

        Raises:
            StoreUnusable: It is not one that this version understands.
        """
        try:
            return self.model.model_validate_json(document.body or "")
        except ValidationError as error:
            detail = InvalidInput.of(error).detail
            raise StoreUnusable(
                f"{self.name} {document.key!r} is kept in a form that is not understood: {detail}"
            ) from error


def all_of(memory: Memory, kind: Kind[Body]) -> Mapping[str, Body]:
    """All documents of a kind by key, the uncommitted included. The mapping never changes; a later one may differ."""
    found: Mapping[str, Body] | None = memory.documents.get(kind.name)
    if found is None:
        found = memory.documents[kind.name] = _loaded(memory, kind)
    return found


def _loaded(memory: Memory, kind: Kind[Body]) -> dict[str, Body]:
    """All documents of a kind from the store: of those that are known from before, only what others have changed."""
    reader = memory.store.reader()
    known, changed = memory.outdated.pop(kind.name, ({}, None))
    found: dict[str, Body] = dict(known)
    if changed is None:
        stored: dict[str, Document | None] = {document.key: document for document in reader.documents(kind.name)}
    else:
        stored = {key: reader.document(kind.name, key) for key in changed}
    for document in memory.batch.documents.values():
        if document.kind == kind.name:
            stored[document.key] = document
    for key, kept in stored.items():
        if kept is None or kept.body is None:
            found.pop(key, None)
        else:
            found[key] = kind.parse(kept)
    return found


def find(memory: Memory, kind: Kind[Body], key: str) -> Body:
    """A document by its key.

    Raises:
        NotFound: There is none.
    """
    found = all_of(memory, kind).get(key)
    if found is None:
        raise NotFound(f"{kind.name} {key[:100]!r} is unknown")
    return found


def create(memory: Memory, body: Body, by: By, now: float, *, kind: Kind[Body]) -> Body:
    """Enters a new document, as the actor's own unless it says whose it is.

    Raises:
        WrongState: The key exists.
        Forbidden: It would belong to somebody else.
    """
    if again := repeated(memory, kind, body.key, "create", by):
        return again
    if body.key in all_of(memory, kind):
        raise WrongState(f"{kind.name} {body.key!r} exists already")
    if not body.owner and by.actor.owner is not None:
        body = body.model_copy(update={"owner": by.actor.owner})
    by.actor.check(body.owner)
    if kind.check is not None:
        kind.check(memory, body)
    put(memory, kind, body)
    note(memory, kind.name, body.key, "create", by, now)
    return body


def update(memory: Memory, key: str, changes: Mapping[str, Any], by: By, now: float, *, kind: Kind[Body]) -> Body:
    """Changes fields of a document.

    Raises:
        NotFound: There is none.
        InvalidInput: The fields do not make one.
        Forbidden: It belongs to somebody else, or would.
    """
    if again := repeated(memory, kind, key, "update", by):
        return again
    old = find(memory, kind, key)
    by.actor.check(old.owner)
    if "key" in changes:
        raise InvalidInput.field("key", "cannot be changed")
    try:
        new = kind.model.model_validate({**old.model_dump(mode="json"), **changes})
    except ValidationError as error:
        raise InvalidInput.of(error) from error
    by.actor.check(new.owner)
    if kind.check is not None:
        kind.check(memory, new)
    put(memory, kind, new)
    note(memory, kind.name, key, "update", by, now, detail=_differences(kind, old, new))
    return new


def remove(memory: Memory, key: str, by: By, now: float, *, kind: Kind[Body]) -> None:
    """Removes a document; one that is gone stays gone.

    Raises:
        NotFound: There is none.
        WrongState: Something else needs it.
        Forbidden: It belongs to somebody else.
    """
    if by.idempotency_key is not None and (change := memory.change(by.idempotency_key)):
        _same(change, kind.name, key, "remove", by.idempotency_key)
        return
    old = find(memory, kind, key)
    by.actor.check(old.owner)
    if kind.release is not None:
        kind.release(memory, old)
    memory.batch.documents[kind.name, key] = Document(kind.name, key, None)
    memory.documents[kind.name] = {name: body for name, body in all_of(memory, kind).items() if name != key}
    note(memory, kind.name, key, "remove", by, now)


def put(memory: Memory, kind: Kind[Body], body: Body) -> None:
    """Writes a document as it now is, without a line in the audit log."""
    known = all_of(memory, kind)
    memory.batch.documents[kind.name, body.key] = Document(kind.name, body.key, body.model_dump_json())
    memory.documents[kind.name] = {**known, body.key: body}


def repeated(memory: Memory, kind: Kind[Body], key: str, action: str, by: By) -> Body | None:
    """The document as it is, where the same action was done with the same idempotency key before.

    Raises:
        WrongState: The idempotency key was used for something else.
    """
    token = by.idempotency_key
    if token is None or (change := memory.change(token)) is None:
        return None
    _same(change, kind.name, key, action, token)
    return find(memory, kind, key)


def _same(change: Change, kind: str, key: str, action: str, token: str) -> None:
    if (change.kind, change.key, change.action) != (kind, key, action):
        raise WrongState(f"idempotency key {token!r} was used before, to {change.action} {change.kind} {change.key!r}")


def _differences(kind: Kind[Body], old: Body, new: Body) -> str:
    before, after = (each.model_dump(mode="json") for each in (old, new))
    for field in kind.untold:
        if before[field] != after[field]:
            before[field], after[field] = UNTOLD, f"{UNTOLD}, another"
    return written(before, after)


def note(memory: Memory, kind: str, key: str, action: str, by: By, now: float, *, detail: str = "") -> None:
    """Adds a line about a document to the audit log."""
    change = Change(kind, key, by.actor.name, action, now, "", "", detail, by.idempotency_key)
    memory.batch.changes.append(change)
