"""What happened and how the system is, over HTTP."""

from typing import Any

from bandit import Engine
from bandit.channels import Channel, ChannelAnswer
from bandit.erasure import ErasureRequest
from server.operations import idempotency_key


class Watching:
    """Alerts, their channels, and the health of every component.

    Raises (all of them):
        MultiarmError: The engine refused.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def alerts(self, body: bytes, token: str | None, **asked: Any) -> bytes:  # noqa: ARG002 - every operation has both
        """List alerts, the newest first, with how far they are on their way."""
        return self._engine.alerts.list(**asked).model_dump_json().encode()

    def erase(self, body: bytes, token: str | None) -> bytes:
        """Take a unit's name, and what tells of it, out of all that is stored."""
        unit = ErasureRequest.model_validate_json(body).unit
        key = None if token is None else idempotency_key(token)
        return self._engine.erase(unit, idempotency_key=key).model_dump_json().encode()

    @staticmethod
    def channel(channel: Channel) -> ChannelAnswer:
        """A channel without its secret."""
        return ChannelAnswer(**channel.model_dump(include=set(ChannelAnswer.model_fields)))
