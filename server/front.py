"""The short way to the two operations that are asked for most.

Of a bare Flask request four fifths go into Flask itself. So `POST /v1/choose` and `POST /v1/reward` are answered before
it, by the same operations that its routes call, and everything else falls through.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Protocol

from bandit.actor import Actor, enter, leave
from server.logs import log_request
from server.metrics import Metrics
from server.problems import PROBLEM, refuse
from server.requests import Environ, identify, read_body
from server.route import Scope

Application = Callable[[Environ, Any], Iterable[bytes]]


class Authorise(Protocol):
    """Says who asks, and raises an error where a request may not use a scope."""

    def __call__(self, environ: Environ, scope: Scope, *, rechecked: bool = False) -> Actor:
        """See `Access`, which is the one there is."""


JSON = "application/json"


def answer_first(
    behind: Application,
    hot: Mapping[str, Callable[..., Any]],
    *,
    metrics: Metrics,
    authorise: Authorise,
    most: int,
    access_log: bool,
) -> Application:
    """Puts the short way before a WSGI application.

    Args:
        behind: What answers all else.
        hot: The operations, of scope `decide`, by the path that is posted to.
        metrics: What counts the requests.
        authorise: Raises where the caller may not decide.
        most: Bytes of a body.
        access_log: Whether to log every request, and not only those that fail.
    """

    def answer(environ: Environ, start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        operation = hot.get(path)
        if operation is None or environ["REQUEST_METHOD"] != "POST":
            return behind(environ, start_response)
        started = time.perf_counter()
        request_id = identify(environ)
        status = 200
        try:
            before = enter(authorise(environ, "decide", rechecked=True))
            try:
                body = operation(read_body(environ, most), environ.get("HTTP_IDEMPOTENCY_KEY"))
            finally:
                leave(before)
            line, headers = "200 OK", [("Content-Type", JSON)]
        except Exception as error:
            status, headers, body = refuse(error, request_id)
            line = f"{status} {HTTPStatus(status).phrase}"
            headers.append(("Content-Type", PROBLEM))
        headers += (("Content-Length", str(len(body))), ("X-Request-Id", request_id))
        start_response(line, headers)
        seconds = time.perf_counter() - started
        metrics.request("POST", path, status, seconds)
        if access_log or status != 200:
            log_request(request_id, "POST", path, status, seconds)
        return [body]

    return answer
