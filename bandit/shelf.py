"""The verbs that every kind of document has, in process."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Generic, Protocol

from pydantic import ValidationError

from bandit import documents
from bandit.documents import Body, Kind
from bandit.errors import InvalidInput, NotFound
from bandit.store import Reader


class Host(Protocol):
    """What runs operations and reads: an `Engine`."""

    def manage(self, function: Callable[..., Any], *arguments: object) -> Any:
        """Runs an operation, the last of whose arguments is an idempotency key."""

    def reading(self) -> AbstractContextManager[Reader]:
        """A reader that sees one moment."""


class Shelf(Generic[Body]):
    """All documents of a kind, as `engine.flags` is of flags."""

    def __init__(self, host: Host, kind: Kind[Body]) -> None:
        self._host = host
        self.kind = kind

    def create(self, body: Body | Mapping[str, Any], *, idempotency_key: str | None = None) -> Body:
        """Enters a new one.

        Raises:
            InvalidInput: It is not one of the kind; every wrong field is named.
            WrongState: The key exists.
            Forbidden: It would belong to somebody else.
        """
        if not isinstance(body, self.kind.model):
            try:
                body = self.kind.model.model_validate(body)
            except ValidationError as error:
                raise InvalidInput.of(error) from error
        created: Body = self._host.manage(partial(documents.create, kind=self.kind), body, idempotency_key)
        return created

    def update(self, key: str, changes: Mapping[str, Any], *, idempotency_key: str | None = None) -> Body:
        """Changes fields of one.

        Raises:
            NotFound: It is unknown.
            InvalidInput: The fields do not make one of the kind.
            Forbidden: It belongs to somebody else, or would.
        """
        updated: Body = self._host.manage(partial(documents.update, kind=self.kind), key, changes, idempotency_key)
        return updated

    def remove(self, key: str, *, idempotency_key: str | None = None) -> None:
        """Removes one.

        Raises:
            NotFound: It is unknown.
            WrongState: Something else needs it.
            Forbidden: It belongs to somebody else.
        """
        self._host.manage(partial(documents.remove, kind=self.kind), key, idempotency_key)

    def get(self, key: str) -> Body:
        """One of them.

        Raises:
            NotFound: It is unknown.
        """
        with self._host.reading() as reader:
            found = reader.document(self.kind.name, key)
        if found is None:
            raise NotFound(f"{self.kind.name} {key[:100]!r} is unknown")
        return self.kind.parse(found)

    def list(self) -> list[Body]:
        """All of them, by key."""
        with self._host.reading() as reader:
            return [self.kind.parse(document) for document in reader.documents(self.kind.name)]
