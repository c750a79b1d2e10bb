"""What every request has, whichever route answers it: an id, a body of limited size, and a way to be answered."""

import random
import re
from collections.abc import Callable
from typing import Any

from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

Environ = dict[str, Any]

MOST_BODY_BYTES = 1 << 20
REQUEST_ID = "multiarm.request_id"
STARTED = "multiarm.started"
RESPOND = "multiarm.respond"

Respond = Callable[[int, list[tuple[str, str]], bytes], None]
"""What a request has as RESPOND where it may be answered later: called with status, headers and body, in any thread."""

_sane = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}").fullmatch


class AnsweredLater(BaseException):
    """No error: a request is answered by its RESPOND, be it already, and not by who was called with it."""


def identify(environ: Environ) -> str:
    """The request's id: the caller's `X-Request-Id` if it is a sane token, else a new one."""
    known: str | None = environ.get(REQUEST_ID)
    if known is None:
        given = environ.get("HTTP_X_REQUEST_ID")
        known = given if given is not None and _sane(given) else f"{random.getrandbits(64):016x}"
        environ[REQUEST_ID] = known
    return known


def read_body(environ: Environ, most: int) -> bytes:
    """Reads the body.

    Raises:
        RequestEntityTooLarge: It has more than `most` bytes.
        BadRequest: It ended before it was complete.
    """
    declared: str = environ.get("CONTENT_LENGTH") or ""
    if declared.isdigit():
        length = int(declared)
        if length > most:
            raise _too_large(most, f", given {length}")
    elif declared:
        raise BadRequest(f"Content-Length: {declared[:20]!r} given, must be a number of bytes")
    elif environ.get("wsgi.input_terminated"):
        length = most + 1  # of unknown length: read to the end, or to where it is too long
    else:
        return b""
    try:
        body: bytes = environ["wsgi.input"].read(length)
    except OSError as error:
        raise BadRequest("the body ended before it was complete") from error
    if len(body) > most:
        raise _too_large(most, "")
    if declared and len(body) < length:
        raise BadRequest(f"the body ended after {len(body)} of {length} bytes")
    return body


def _too_large(most: int, given: str) -> RequestEntityTooLarge:
    return RequestEntityTooLarge(f"a body may have at most {most} bytes{given}")
