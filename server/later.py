"""Requests that hold no thread while what they did is being kept.

Granian calls a WSGI application in a thread of its own for each request, and answers with what the call returns.
Underneath it takes the answer from any thread and at any time, by an object that only its wrapper around the
application sees. So here the wrapper is wrapped, and each request has that way to be answered: a thread that has read
a choose or a reward goes on to the next request, and the thread that leads the commit answers for all that were in it.

This needs an inner name of Granian. Where a version of it has none, all requests go the ordinary way, and wait.
"""

from collections.abc import Callable
from typing import Any

from granian.server import mp

from server.requests import RESPOND, AnsweredLater, Environ

SEAM = "_wsgi_call_wrap"


def answer_later() -> None:
    """Lets requests of this process's server, which is still to be started, be answered later."""
    wrap = getattr(mp, SEAM, None)
    if wrap is None:
        return

    def wrapped(application: Callable[..., Any], *options: Any) -> Callable[[Any, Environ], None]:
        at_once = wrap(application, *options)

        def answer(protocol: Any, environ: Environ) -> None:
            environ[RESPOND] = protocol.response_bytes
            try:
                at_once(protocol, environ)
            except AnsweredLater as done:
                done.__traceback__ = None  # whose frames hold the exception, so that only the collector would free them

        return answer

    setattr(mp, SEAM, wrapped)
