"""The short way to the operations that are asked for most.

Of a bare Flask request four fifths go into Flask itself. So choices and rewards, single and in batches, are answered
before it, by the same functions that its routes call, and everything else falls through.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol

from bandit.actor import Actor, enter, leave
from bandit.journal import Then
from server.logs import log_request
from server.metrics import Metrics
from server.problems import PROBLEM, refuse
from server.requests import RESPOND, STARTED, AnsweredLater, Environ, Respond, identify, read_body
from server.route import Scope

Application = Callable[[Environ, Any], Iterable[bytes]]


class Authorise(Protocol):
    """Says who asks, and raises an error where a request may not use a scope."""

    def __call__(self, environ: Environ, scope: Scope, *, rechecked: bool = False) -> Actor:
        """See `Access`, which is the one there is."""


class Hot(NamedTuple):
    """An operation of scope `decide` in its steps: reads body and idempotency key, runs or posts, tells the answer."""

    read: Callable[[bytes, str | None], Any]
    run: Callable[[Any], Any]
    post: Callable[[Any, Then], None]
    tell: Callable[[Any], bytes]


JSON = "application/json"


class Front:
    """The short way, before a WSGI application.

    Args:
        behind: What answers all else.
        hot: The operations by the path that is posted to.
        metrics: What counts the requests.
        authorise: Raises where the caller may not decide.
        most: Bytes of a body.
        access_log: Whether to log every request, and not only those that fail.
    """

    def __init__(
        self,
        behind: Application,
        hot: Mapping[str, Hot],
        *,
        metrics: Metrics,
        authorise: Authorise,
        most: int,
        access_log: bool,
    ) -> None:
        self._behind = behind
        self._hot = hot
        self._metrics = metrics
        self._authorise = authorise
        self._most = most
        self._access_log = access_log

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answers as a WSGI application."""
        path: str = environ["PATH_INFO"]
        hot = self._hot.get(path)
        if hot is None or environ["REQUEST_METHOD"] != "POST":
            return self._behind(environ, start_response)
        environ[STARTED] = time.perf_counter()
        if RESPOND in environ:
            self.hold(environ, path)
        try:
            before = enter(self._authorise(environ, "decide", rechecked=True))
            try:
                result, error = hot.run(self._read(hot, environ)), None
            finally:
                leave(before)
        except Exception as raised:
            result, error = None, raised
        status, headers, body = self._answer(path, environ, result, error)
        start_response("200 OK" if status == 200 else f"{status} {HTTPStatus(status).phrase}", headers)
        return [body]

    def hold(self, environ: Environ, path: str) -> None:
        """Has a request answered as soon as it is kept, by its RESPOND, without a thread that waits for that.

        Args:
            environ: Of a request to one of the operations, whichever way it has come.
            path: Of the operation; the request's may begin with more slashes, which Flask takes for one.

        Raises:
            AnsweredLater: Always.
        """
        hot = self._hot[path]
        respond: Respond = environ[RESPOND]

        def then(result: Any, error: BaseException | None) -> None:
            respond(*self._answer(path, environ, result, error))

        try:
            before = enter(self._authorise(environ, "decide", rechecked=True))
            try:
                hot.post(self._read(hot, environ), then)
            finally:
                leave(before)
        except Exception as error:
            then(None, error)
        raise AnsweredLater

    def _read(self, hot: Hot, environ: Environ) -> Any:
        return hot.read(read_body(environ, self._most), environ.get("HTTP_IDEMPOTENCY_KEY"))

    def _answer(
        self, path: str, environ: Environ, result: Any, error: BaseException | None
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Status, headers and body, which are counted and, where they should, logged."""
        request_id = identify(environ)
        if error is None:
            status, headers, body = 200, [("Content-Type", JSON)], self._hot[path].tell(result)
        else:
            status, headers, body = refuse(error, request_id)
            headers.append(("Content-Type", PROBLEM))
        headers += (("Content-Length", str(len(body))), ("X-Request-Id", request_id))
        seconds = time.perf_counter() - environ[STARTED]
        self._metrics.request("POST", path, status, seconds)
        if self._access_log or status != 200:
            log_request(request_id, "POST", path, status, seconds)
        return status, headers, body
