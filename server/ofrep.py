"""Flags over the OpenFeature Remote Evaluation Protocol 0.3.0, for any OpenFeature SDK.

Where the specification, its examples and real clients disagree: `variant` and `reason` are in every success, `key` and
`errorCode` in every failure; `value` is left out where the default in the code is meant; reasons are those of the
specification and everything else is in `metadata`, which is flat; with the attribute `multiarm.defer` in the context, a
decision waits until it is tracked.
"""

import json
from hashlib import sha256
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from bandit import Engine
from bandit.errors import InvalidInput, MalformedInput
from bandit.evaluation import Evaluation
from bandit.model import Model
from bandit.remote_flags import DEFER
from server.metrics import Metrics
from server.operations import idempotency_key
from server.problems import Refusal, refuse
from server.route import Reply, Route

PREFIX = "/ofrep/"

_STATUS = {"FLAG_NOT_FOUND": 404}


class EvaluationContext(BaseModel):
    """Who is served, and whatever attributes rules read."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, JsonValue]

    targeting_key: Annotated[str, Field(max_length=256)] | None = Field(
        default=None, alias="targetingKey", description="Who is served."
    )
    defer: bool | None = Field(default=None, alias=DEFER, description="Whether a decision waits until it is tracked.")


class EvaluationRequest(BaseModel):
    """In which context to evaluate."""

    model_config = ConfigDict(strict=True)

    context: EvaluationContext | None = None


class FlagEvaluation(Model):
    """What a flag gives."""

    key: str
    reason: str
    variant: str = Field(description="Empty where there is no value.")
    metadata: dict[str, bool | str | float]
    value: JsonValue = Field(default=None, description="Absent: the default in the code is meant.")


class FlagFailure(Model):
    """Why there is no evaluation."""

    key: str = Field(default="", description="Absent where it is about no flag.")
    error_code: str = Field(alias="errorCode")
    error_details: str = Field(alias="errorDetails")


class FlagEvaluations(Model):
    """What all flags give, each for itself."""

    flags: list[FlagEvaluation | FlagFailure]
    metadata: dict[str, bool | str | float]


class OFREP:
    """The protocol's operations.

    Raises (all of them):
        ValidationError: The body is not what it must be.
        MultiarmError: The engine refused.
    """

    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        self._engine = engine
        self._metrics = metrics

    def evaluate_flag(self, body: bytes, token: str | None, key: str) -> Reply:
        """Evaluate a flag, as OpenFeature asks it; a decision of an experiment counts."""
        context = _context(body)
        attributes = context.__pydantic_extra__
        unit, token = context.targeting_key or None, None if token is None else idempotency_key(token)
        found = self._engine.evaluate(key, unit, attributes, defer=context.defer, idempotency_key=token)
        self._metrics.flag(found.reason)
        status = _STATUS.get(found.error_code, 400) if found.error_code else 200
        return Reply(_written(_item(found)), status)

    def evaluate_flags(self, body: bytes, token: str | None, match: str | None) -> Reply:  # noqa: ARG002
        """Evaluate all flags, as OpenFeature asks it; nothing of it counts."""
        context = _context(body)
        found = self._engine.evaluate_all(context.targeting_key or None, context.__pydantic_extra__)
        self._metrics.flags(evaluation.reason for evaluation in found)
        answer = _written({"flags": [_item(evaluation) for evaluation in found], "metadata": {}})
        tag = _tag(context, answer)
        headers = [("ETag", tag)]
        return Reply(b"", 304, headers) if _matches(match, tag) else Reply(answer, 200, headers)


def routes(engine: Engine, metrics: Metrics) -> list[Route]:
    """The routes of the protocol."""
    ofrep = OFREP(engine, metrics)
    path, refusals = f"{PREFIX}v1/evaluate/flags", (400, 413, 500, 503)
    return [
        Route(
            "POST",
            f"{path}/<key>",
            "decide",
            ofrep.evaluate_flag,
            EvaluationRequest,
            FlagEvaluation,
            (*refusals, 404),
            refuses=FlagFailure,
        ),
        Route(
            "POST",
            path,
            "decide",
            ofrep.evaluate_flags,
            EvaluationRequest,
            FlagEvaluations,
            refusals,
            refuses=FlagFailure,
            conditional=True,
        ),
    ]


def refuse_flag(error: Exception, request_id: str, key: str | None) -> Refusal:
    """The answer to a request of the protocol that raised `error`, in the protocol's form."""
    status, headers, document = refuse(error, request_id)
    status = 400 if status == 422 else status
    members = {} if key is None else {"key": key}
    code = "PARSE_ERROR" if isinstance(error, MalformedInput) else _code(error)
    details = json.loads(document)["detail"]
    return Refusal(status, headers, _written({**members, "errorCode": code, "errorDetails": details}))


def _code(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "PARSE_ERROR" if isinstance(InvalidInput.of(error), MalformedInput) else "INVALID_CONTEXT"
    return "INVALID_CONTEXT" if isinstance(error, InvalidInput) else "GENERAL"


def _context(body: bytes) -> EvaluationContext:
    return EvaluationRequest.model_validate_json(body).context or EvaluationContext()


def _item(found: Evaluation) -> dict[str, Any]:
    """An evaluation as the protocol has it."""
    if found.error_code is not None:
        return {"key": found.key, "errorCode": found.error_code, "errorDetails": found.error_details}
    item = {"key": found.key, "reason": found.reason, "variant": found.variant or "", "metadata": found.metadata}
    return item if found.variant is None else {**item, "value": found.value}


def _tag(context: EvaluationContext, answer: bytes) -> str:
    """A tag that changes with what is answered, the weights' epoch included, and with the context."""
    asked = json.dumps(context.model_dump(mode="json"), sort_keys=True).encode()
    return f'"{sha256(asked + answer).hexdigest()[:32]}"'


def _matches(match: str | None, tag: str) -> bool:
    """Whether an `If-None-Match` names a tag: it is `*`, or a list in which tags may be weak."""
    if match is None:
        return False
    return match.strip() == "*" or tag in [given.strip().removeprefix("W/") for given in match.split(",")]


def _written(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
