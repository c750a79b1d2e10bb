"""What happens with guardrails, rollouts and winners over HTTP."""

from collections.abc import Callable

from bandit import Engine, StoredExperiment
from bandit.criterion import Checks
from bandit.model import Key, Model, Text
from bandit.rollout import RolloutReport
from server.operations import idempotency_key
from server.route import Operation, Route


class Reason(Model):
    """Why somebody does it; the history keeps it."""

    reason: Text = ""


class ClearTrip(Model):
    """Which guardrail, by its key."""

    guardrail: Key


class Rollouts:
    """Guardrails, rollouts and winners of an engine's experiments.

    Raises (all of them):
        ValidationError: The body is not what it must be.
        MultiarmError: The engine refused.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def guardrails(self, body: bytes, token: str | None, key: str) -> bytes:  # noqa: ARG002 - every operation has both
        """Read what every guardrail says of every variant."""
        return self._engine.guardrails(key).model_dump_json().encode()

    def clear_trip(self, body: bytes, token: str | None, key: str) -> bytes:
        """Clear what a guardrail has tripped."""
        guardrail = ClearTrip.model_validate_json(body).guardrail
        return self._engine.clear_trip(key, guardrail, idempotency_key=_key(token)).model_dump_json().encode()

    def rollout(self, body: bytes, token: str | None, key: str) -> bytes:  # noqa: ARG002
        """Read where a canary is, how it is doing, and how it got there."""
        return self._engine.rollout(key).model_dump_json().encode()

    def promote(self, body: bytes, token: str | None, key: str) -> bytes:
        """Move a canary on by one step."""
        return _moved(self._engine.promote, body, token, key)

    def hold(self, body: bytes, token: str | None, key: str) -> bytes:
        """Keep a canary at its step."""
        return _moved(self._engine.hold, body, token, key)

    def proceed(self, body: bytes, token: str | None, key: str) -> bytes:
        """Let a canary that was held go on."""
        return _moved(self._engine.proceed, body, token, key)

    def roll_back(self, body: bytes, token: str | None, key: str) -> bytes:
        """Serve a canary's control alone from now on."""
        return _moved(self._engine.roll_back, body, token, key)

    def apply_winner(self, body: bytes, token: str | None, key: str) -> bytes:  # noqa: ARG002
        """Give all units to the winner that a stopping rule has found."""
        return self._engine.apply_winner(key, idempotency_key=_key(token)).model_dump_json().encode()


def routes(engine: Engine) -> list[Route]:
    """Their routes."""
    rollouts = Rollouts(engine)
    experiment = "/v1/experiments/<key>"
    refusals = (400, 404, 409, 413, 422, 503)

    def moving(name: str, operation: Operation) -> Route:
        path = f"{experiment}/rollout/{name}"
        return Route("POST", path, "manage", operation, Reason, StoredExperiment, refusals, body_required=False)

    clear = f"{experiment}/guardrails/clear"
    winner = f"{experiment}/apply-winner"
    return [
        Route("GET", f"{experiment}/guardrails", "read", rollouts.guardrails, None, Checks, (404, 503)),
        Route("POST", clear, "manage", rollouts.clear_trip, ClearTrip, StoredExperiment, refusals),
        Route("GET", f"{experiment}/rollout", "read", rollouts.rollout, None, RolloutReport, (404, 409, 503)),
        moving("promote", rollouts.promote),
        moving("hold", rollouts.hold),
        moving("proceed", rollouts.proceed),
        moving("roll-back", rollouts.roll_back),
        Route("POST", winner, "manage", rollouts.apply_winner, None, StoredExperiment, (404, 409, 422, 503)),
    ]


def _moved(verb: Callable[..., StoredExperiment], body: bytes, token: str | None, key: str) -> bytes:
    reason = Reason.model_validate_json(body).reason if body.strip() else ""
    return verb(key, reason, idempotency_key=_key(token)).model_dump_json().encode()


def _key(token: str | None) -> str | None:
    return None if token is None else idempotency_key(token)
