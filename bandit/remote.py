"""The verbs that every kind of document has, over HTTP."""

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Generic
from urllib.parse import quote

from pydantic import BaseModel

from bandit.documents import Body

Ask = Callable[..., bytes]
"""Called with method, path, body and idempotency key; gives the body of the answer."""


def new_key() -> str:
    """An idempotency key that nobody has used."""
    return uuid.uuid4().hex


class RemoteShelf(Generic[Body]):
    """What `Shelf` is in process.

    Args:
        ask: Asks the server.
        path: Where they are, as `/v1/flags`.
        model: What one is.
    """

    def __init__(self, ask: Ask, path: str, model: type[Body]) -> None:
        self._ask = ask
        self._path = path
        self._model = model

    def create(self, body: Body | Mapping[str, Any], *, idempotency_key: str | None = None) -> Body:
        """See `Shelf.create`."""
        given = body.model_dump(mode="json") if isinstance(body, BaseModel) else dict(body)
        return self._model.model_validate_json(self._ask("POST", self._path, given, idempotency_key or new_key()))

    def update(self, key: str, changes: Mapping[str, Any], *, idempotency_key: str | None = None) -> Body:
        """See `Shelf.update`."""
        return self._model.model_validate_json(
            self._ask("PATCH", self._one(key), dict(changes), idempotency_key or new_key())
        )

    def remove(self, key: str, *, idempotency_key: str | None = None) -> None:
        """See `Shelf.remove`."""
        self._ask("DELETE", self._one(key), None, idempotency_key or new_key())

    def get(self, key: str) -> Body:
        """See `Shelf.get`."""
        return self._model.model_validate_json(self._ask("GET", self._one(key)))

    def list(self) -> list[Body]:
        """See `Shelf.list`."""
        (found,) = json.loads(self._ask("GET", self._path)).values()
        return [self._model.model_validate_json(json.dumps(each)) for each in found]

    def _one(self, key: str) -> str:
        return f"{self._path}/{quote(key, safe='')}"
