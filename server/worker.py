"""A worker process: an engine of its own, and the application around it."""

import gc
import ipaddress
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.util import Finalize
from typing import Any

from bandit import Engine
from bandit.ticker import Ticker
from server.access import Access
from server.announcement import Place, announce
from server.app import create_app
from server.later import answer_later


def load(
    place: Place,
    *,
    workers: int = 1,
    config: str | None = None,
    access_log: bool = False,
    front: bool = True,
    alert_commands: bool = False,
    archive: str | None = None,
) -> Callable[..., Any]:
    """Opens the database in this process and returns the application.

    A Ctrl-C reaches every process of the terminal; here it is blocked, because the supervisor passes it on as SIGTERM,
    on which everything accepted is answered before the engine is closed. Until Granian handles that, it just ends.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _end_with_parent()
    engine = Engine(place.db, config=config)
    Finalize(None, engine.close, exitpriority=1)
    verbs = (
        (Engine.tick, 1.0),
        (partial(Engine.deliver, commands=alert_commands), 1.0),
        (partial(Engine.retain, archive=archive), 60.0),
    )
    for verb, every in verbs:
        ticker = Ticker(engine, every, verb=verb)
        ticker.start()
        Finalize(None, ticker.stop, exitpriority=2)
    access = Access(engine, workers=workers, loopback=ipaddress.ip_address(place.address).is_loopback)
    app = create_app(engine, access_log=access_log, front=front, authorise=access)
    answer_later()
    announce(place)
    _spare_what_lives_long()
    return app.wsgi_app


def _end_with_parent() -> None:
    """Stops this process when the supervisor is gone, so that it does not hold port and file for nobody."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="multiarm-parent", daemon=True).start()


def _spare_what_lives_long() -> None:
    """Keeps the garbage collector from halting every request for a tenth of a second.

    It would look through all decisions in the cache again and again, although they hold no cycles; so what is loaded is
    exempt, a new object is looked at twice, and all of them only once in 25 million new ones.
    """
    gc.freeze()
    gc.set_threshold(5_000, 5, 1_000)
