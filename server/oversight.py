"""What is asked of experiments beside their lives: which there are, who changed them, whether they are well planned."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter

from bandit import Engine, StoredExperiment
from bandit.audit import Audit, AuditQuery, Lines
from bandit.effects import Factorial
from bandit.listing import Page, PageQuery
from bandit.model import Model
from bandit.traffic import Traffic, Weights
from bandit.validation import Validation
from server.operations import idempotency_key
from server.route import TAKES_BODY, Route

_DEFINITION: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


class Definition(Model):
    """What might be an experiment: whatever is wrong with it is answered, not refused."""

    model_config = ConfigDict(extra="allow")


class FactorialQuery(Model):
    """Which metric."""

    metric: Annotated[str, Field(max_length=100)] | None = Field(default=None, description="Unset: the primary one.")


class Oversight:
    """The oversight of an engine's experiments.

    Raises (all of them):
        ValidationError: The body is not what it must be.
        MultiarmError: The engine refused.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def experiments(self, body: bytes, token: str | None, **query: Any) -> bytes:  # noqa: ARG002 - all have both
        """List experiments, the oldest first, a page at a time."""
        return self._engine.page(**query).model_dump_json().encode()

    def validate(self, body: bytes, token: str | None) -> bytes:  # noqa: ARG002 - it changes nothing
        """Say what is wrong with a definition, and what is unwise, without creating anything."""
        return self._engine.validate(_DEFINITION.validate_json(body)).model_dump_json().encode()

    def audit(self, body: bytes, token: str | None, **query: Any) -> bytes:  # noqa: ARG002
        """Read who changed what, the newest change first."""
        return self._engine.audit(**query).model_dump_json().encode()

    def experiment_audit(self, body: bytes, token: str | None, key: str, **query: Any) -> bytes:  # noqa: ARG002
        """Read who changed an experiment, the newest change first."""
        self._engine.get(key)
        return self._engine.audit("experiment", key, **query).model_dump_json().encode()

    def rebalance(self, body: bytes, token: str | None, key: str) -> bytes:
        """Set weights of variants, or make them all the same."""
        weights = Weights.model_validate_json(body).weights if body.strip() else None
        token = None if token is None else idempotency_key(token)
        return self._engine.rebalance(key, weights, idempotency_key=token).model_dump_json().encode()

    def traffic(self, body: bytes, token: str | None, key: str) -> bytes:  # noqa: ARG002
        """Read how the units of an experiment are spread over its variants."""
        return self._engine.traffic(key).model_dump_json().encode()

    def factorial(self, body: bytes, token: str | None, key: str, metric: str | None) -> bytes:  # noqa: ARG002
        """Read what the factors of an experiment do, alone and together."""
        return self._engine.factorial(key, metric).model_dump_json().encode()


def routes(engine: Engine) -> list[Route]:
    """The routes of an engine's oversight."""
    oversight = Oversight(engine)
    experiment = "/v1/experiments/<key>"
    read, asked = (404, 503), (404, 422, 503)
    return [
        Route("GET", "/v1/experiments", "read", oversight.experiments, None, Page, (422, 503), asks=PageQuery),
        Route(
            "POST", "/v1/experiments/validate", "read", oversight.validate, Definition, Validation, (*TAKES_BODY, 503)
        ),
        Route("GET", "/v1/audit", "read", oversight.audit, None, Audit, (422, 503), asks=AuditQuery),
        Route("GET", f"{experiment}/audit", "read", oversight.experiment_audit, None, Audit, asked, asks=Lines),
        Route(
            "POST",
            f"{experiment}/rebalance",
            "manage",
            oversight.rebalance,
            Weights,
            StoredExperiment,
            (*TAKES_BODY, 404, 409, 503),
            body_required=False,
        ),
        Route("GET", f"{experiment}/traffic", "read", oversight.traffic, None, Traffic, read),
        Route(
            "GET", f"{experiment}/factorial", "read", oversight.factorial, None, Factorial, asked, asks=FactorialQuery
        ),
    ]
