"""Which pages in a browser may ask: those of origins in the setting `cors_origins` (Fetch Standard, section 3.2)."""

from collections.abc import Iterable
from typing import Any

from bandit.configuration import Configuration
from server.requests import RESPOND, Environ

_PREFLIGHT = (
    ("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE"),
    ("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, If-None-Match, X-API-Key"),
    ("Access-Control-Max-Age", "600"),
    ("Content-Length", "0"),
)
_EXPOSED = ("Access-Control-Expose-Headers", "ETag, X-Request-Id, Retry-After")
_VARY = ("Vary", "Origin")


def allow_origins(behind: Any, settings: Configuration) -> Any:
    """Puts the answers to browsers before a WSGI application; while no origin is allowed it does nothing.

    A page that is not of an allowed origin gets no header, which is how a browser knows to keep the answer from it.
    """

    def answer(environ: Environ, start_response: Any) -> Iterable[bytes]:
        allowed = settings.latest().cors_origins
        if not allowed:
            found: Iterable[bytes] = behind(environ, start_response)
            return found
        environ.pop(RESPOND, None)  # these headers are put where the answer is returned
        origin = environ.get("HTTP_ORIGIN")
        headers = [_VARY]
        if origin in allowed:
            headers.append(("Access-Control-Allow-Origin", origin))
            if environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
                start_response("204 No Content", [*headers, *_PREFLIGHT])
                return []
            headers.append(_EXPOSED)

        def start(status: str, given: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, [*given, *headers], *more)

        answered: Iterable[bytes] = behind(environ, start)
        return answered

    return answer
