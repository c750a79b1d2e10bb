"""API keys and settings over HTTP."""

from typing import Annotated, Any

from pydantic import Field, JsonValue, TypeAdapter

from bandit import Engine
from bandit.configuration import Listed, SettingList
from bandit.keys import APIKey, IssuedKey, KeyList, KeyRequest
from bandit.model import Model
from bandit.settings import Settings
from server.operations import idempotency_key
from server.route import TAKES_BODY, Route, changes_of

_VALUES: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, JsonValue])


class ResetQuery(Model):
    """Which settings are reset."""

    names: Annotated[str, Field(min_length=1, max_length=2000)] | None = Field(
        default=None, description="Separated by commas; unset: all."
    )


class Administration:
    """The operations.

    Raises (all of them):
        ValidationError: The body is not what it must be.
        MultiarmError: The engine refused.
    """

    def __init__(self, engine: Engine) -> None:
        self._keys = engine.keys
        self._settings = engine.settings

    def create_key(self, body: bytes, token: str | None) -> bytes:
        """Make an API key; its token is shown this once."""
        request = KeyRequest.model_validate_json(body)
        return self._keys.create(request, idempotency_key=_key(token)).model_dump_json().encode()

    def list_keys(self, body: bytes, token: str | None) -> bytes:  # noqa: ARG002 - every operation has both
        """List all API keys, the oldest first."""
        return KeyList(keys=self._keys.list()).model_dump_json().encode()

    def get_key(self, body: bytes, token: str | None, key: str) -> bytes:  # noqa: ARG002
        """Read what is known of an API key."""
        return self._keys.get(key).model_dump_json().encode()

    def revoke_key(self, body: bytes, token: str | None, key: str) -> bytes:  # noqa: ARG002
        """Revoke an API key: from now on it is good for nothing."""
        return self._keys.revoke(key, idempotency_key=_key(token)).model_dump_json().encode()

    def settings(self, body: bytes, token: str | None) -> bytes:  # noqa: ARG002
        """Read every setting, and where its value came from."""
        return _written(self._settings.list())

    def change_settings(self, body: bytes, token: str | None) -> bytes:
        """Change settings, all that are given or none."""
        values = _VALUES.validate_json(body, strict=True)
        return _written(self._settings.update(values, idempotency_key=_key(token)))

    def reset_settings(self, body: bytes, token: str | None, names: str | None) -> bytes:  # noqa: ARG002
        """Reset settings to what the server's file says, or to their defaults."""
        chosen = [] if names is None else names.split(",")
        return _written(self._settings.reset(*chosen, idempotency_key=_key(token)))


def routes(engine: Engine) -> list[Route]:
    """Of keys and settings."""
    does = Administration(engine)
    changes = (*TAKES_BODY, 409, 503)
    return [
        Route("POST", "/v1/keys", "admin", does.create_key, KeyRequest, IssuedKey, changes, status=201),
        Route("GET", "/v1/keys", "admin", does.list_keys, None, KeyList, (503,)),
        Route("GET", "/v1/keys/<key>", "admin", does.get_key, None, APIKey, (404, 503)),
        Route("DELETE", "/v1/keys/<key>", "admin", does.revoke_key, None, APIKey, (404, 409, 422, 503)),
        Route("GET", "/v1/settings", "read", does.settings, None, SettingList, (503,)),
        Route("PATCH", "/v1/settings", "admin", does.change_settings, changes_of(Settings), SettingList, changes),
        Route(
            "DELETE",
            "/v1/settings",
            "admin",
            does.reset_settings,
            None,
            SettingList,
            (404, 409, 422, 503),
            asks=ResetQuery,
        ),
    ]


def _key(token: str | None) -> str | None:
    return None if token is None else idempotency_key(token)


def _written(settings: Listed) -> bytes:
    return SettingList(settings=settings).model_dump_json().encode()
