"""What happened, how the system is, and who is to be forgotten, over HTTP."""

from typing import Any

from bandit import Engine
from bandit.alerts import AlertPage, AlertQuery
from bandit.channels import Channel, ChannelAnswer
from bandit.erasure import Erased, ErasureRequest
from bandit.health import Health
from server import documents
from server.operations import idempotency_key
from server.route import TAKES_BODY, Route


class Watching:
    """Alerts, their channels, the health of every component, and erasure.

    Raises (all of them):
        MultiarmError: The engine refused.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def alerts(self, body: bytes, token: str | None, **asked: Any) -> bytes:  # noqa: ARG002 - every operation has both
        """List alerts, the newest first, with how far they are on their way."""
        return self._engine.alerts.list(**asked).model_dump_json().encode()

    def health(self, body: bytes, token: str | None) -> bytes:  # noqa: ARG002
        """Read how every component is, and why."""
        return self._engine.health().model_dump_json().encode()

    def erase(self, body: bytes, token: str | None) -> bytes:
        """Take a unit's name, and what tells of it, out of all that is stored."""
        request = ErasureRequest.model_validate_json(body)
        key = None if token is None else idempotency_key(token)
        return self._engine.erase(request.unit, request.kind, idempotency_key=key).model_dump_json().encode()

    @staticmethod
    def channel(channel: Channel) -> ChannelAnswer:
        """A channel without its secret."""
        return ChannelAnswer(**channel.model_dump(include=set(ChannelAnswer.model_fields)))


def routes(engine: Engine) -> list[Route]:
    """The routes of what is watched."""
    watching = Watching(engine)
    return [
        Route("GET", "/v1/alerts", "read", watching.alerts, None, AlertPage, (422, 503), asks=AlertQuery),
        *documents.routes(
            engine.channels, "/v1/channels", reads="admin", writes="admin", shows=ChannelAnswer, show=watching.channel
        ),
        Route("GET", "/v1/health", "read", watching.health, None, Health, (503,)),
        Route("POST", "/v1/units/erase", "admin", watching.erase, ErasureRequest, Erased, (*TAKES_BODY, 503)),
    ]
