"""Errors as RFC 9457 problem documents."""

import json
import logging
from typing import NamedTuple

from pydantic import Field, ValidationError
from werkzeug.exceptions import HTTPException

from bandit.errors import InvalidInput, MultiarmError, Unauthorised
from bandit.model import Model

PROBLEM = "application/problem+json"
_log = logging.getLogger("multiarm.server")


class FieldProblem(Model):
    """A wrong field and what is wrong with it."""

    field: str = Field(description="Where it is, as `variants[1].weight`; empty for the whole.")
    message: str


class Problem(Model):
    """Why a request, or an item of a batch, was refused; nothing of it was done."""

    type: str = Field(description="A relative link to the kind of problem, or `about:blank` for one of plain HTTP.")
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = Field(description="Every wrong field, where fields are to blame.")
    request_id: str | None = Field(default=None, description="As in `X-Request-Id`; absent from items of a batch.")


class Refusal(NamedTuple):
    """An error as an HTTP answer."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def refuse(error: BaseException, request_id: str) -> Refusal:
    """The answer to a request that raised `error`; what nobody foresaw is logged and answered without its internals."""
    headers: list[tuple[str, str]] = []
    if isinstance(error, ValidationError):
        error = InvalidInput.of(error)
    if isinstance(error, MultiarmError):
        if isinstance(error, Unauthorised):
            headers.append(("WWW-Authenticate", 'Bearer realm="multiarm"'))
        if error.retry_after is not None:
            headers.append(("Retry-After", str(error.retry_after)))
        return Refusal(error.status, headers, _document(**describe(error), request_id=request_id))
    if isinstance(error, HTTPException) and error.code is not None:
        headers += [(name, value) for name, value in error.get_headers() if name in ("Allow", "Location")]
        return Refusal(error.code, headers, _plain(error.code, error.name, error.description or error.name, request_id))
    _log.error("unexpected error", exc_info=error, extra={"request_id": request_id})
    detail = f"the server failed unexpectedly; its log tells more of request {request_id}"
    return Refusal(500, headers, _plain(500, "Internal Server Error", detail, request_id))


def describe(error: MultiarmError) -> dict[str, object]:
    """An error's members of a problem document."""
    return {
        "type": f"/docs#{type(error).__name__}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "errors": [{"field": field, "message": message} for field, message in error.errors],
    }


def _plain(status: int, title: str, detail: str, request_id: str) -> bytes:
    return _document(type="about:blank", title=title, status=status, detail=detail, errors=[], request_id=request_id)


def _document(**members: object) -> bytes:
    return json.dumps(members).encode()
