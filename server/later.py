"""Requests that hold no thread while what they did is being kept.

Granian calls a WSGI application in a thread of its own for each request, and answers with what the call returns.
Underneath it takes the answer from any thread and at any time, by an object that only its wrapper around the
application sees. So here the wrapper is wrapped: a thread that has read a choose or a reward goes on to the next
request, and the thread that leads the commit answers for all that were in it.

This needs an inner name of Granian. Where a version of it has none, all requests go the ordinary way, and wait.
"""

from collections.abc import Callable
from typing import Any

from granian.server import mp

from server.front import Later
from server.requests import Environ

SEAM = "_wsgi_call_wrap"


def answer_later(later: Later) -> None:
    """Asks `later` first for each request of this process's server, which is still to be started."""
    wrap = getattr(mp, SEAM, None)
    if wrap is None:
        return

    def wrapped(application: Callable[..., Any], *options: Any) -> Callable[[Any, Environ], None]:
        at_once = wrap(application, *options)

        def answer(protocol: Any, environ: Environ) -> None:
            if not later(environ, protocol.response_bytes):
                at_once(protocol, environ)

        return answer

    setattr(mp, SEAM, wrapped)
