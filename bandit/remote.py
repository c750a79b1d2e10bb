"""The verbs that every kind of document has, over HTTP."""

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Generic
from urllib.parse import quote, urlencode

from pydantic import BaseModel

from bandit.configuration import Listed, Setting, SettingList
from bandit.documents import Body
from bandit.keys import APIKey, IssuedKey, KeyList, KeyRequest
from bandit.settings import Settings

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


class RemoteKeys:
    """What `Keys` is in process."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def create(self, request: KeyRequest | Mapping[str, Any], *, idempotency_key: str | None = None) -> IssuedKey:
        """See `Keys.create`."""
        given = request.model_dump(mode="json") if isinstance(request, KeyRequest) else dict(request)
        return IssuedKey.model_validate_json(self._ask("POST", "/v1/keys", given, idempotency_key or new_key()))

    def revoke(self, key: str, *, idempotency_key: str | None = None) -> APIKey:
        """See `Keys.revoke`."""
        return APIKey.model_validate_json(self._ask("DELETE", _key(key), None, idempotency_key or new_key()))

    def get(self, key: str) -> APIKey:
        """See `Keys.get`."""
        return APIKey.model_validate_json(self._ask("GET", _key(key)))

    def list(self) -> "list[APIKey]":
        """See `Keys.list`."""
        return KeyList.model_validate_json(self._ask("GET", "/v1/keys")).keys


class RemoteConfiguration:
    """What `Configuration` is in process."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def read(self) -> Settings:
        """See `Configuration.read`."""
        return Settings.model_validate({setting.name: setting.value for setting in self.list()})

    def list(self) -> Listed:
        """See `Configuration.list`."""
        return _settings(self._ask("GET", "/v1/settings"))

    def update(self, values: Mapping[str, Any], *, idempotency_key: str | None = None) -> Listed:
        """See `Configuration.update`."""
        return _settings(self._ask("PATCH", "/v1/settings", dict(values), idempotency_key or new_key()))

    def reset(self, *names: str, idempotency_key: str | None = None) -> Listed:
        """See `Configuration.reset`."""
        asked = f"?{urlencode({'names': ','.join(names)})}" if names else ""
        return _settings(self._ask("DELETE", f"/v1/settings{asked}", None, idempotency_key or new_key()))


def _key(key: str) -> str:
    return f"/v1/keys/{quote(key, safe='')}"


def _settings(answer: bytes) -> list[Setting]:
    return SettingList.model_validate_json(answer).settings
