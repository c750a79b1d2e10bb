"""A thread that has an engine do what is due, once a second."""

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from bandit.engine import Engine
from bandit.errors import MultiarmError

_log = logging.getLogger("multiarm.engine")


class Ticker:
    """Calls `Engine.tick`, or another verb, until it is stopped, or the block ends.

    Args:
        engine: Which; it stays the caller's to close, after this has stopped.
        every: Seconds between two calls.
        verb: What to call with the engine; true where it wants to be called again at once.
    """

    def __init__(self, engine: Engine, every: float = 1.0, *, verb: Callable[[Engine], bool] = Engine.tick) -> None:
        self._engine = engine
        self._verb = verb
        self._every = every
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="multiarm-ticker", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends, when a call that is under way is over."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._every):
            try:
                while self._verb(self._engine) and not self._stopping.is_set():
                    pass
            except MultiarmError as error:
                _log.warning("nothing was done by itself", extra={"reason": error.detail})
            except Exception:
                _log.exception("what was due could not be done")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
