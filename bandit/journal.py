"""Who writes, and when: group commit for a shared store, or a background writer for a store of one's own.

Both run operations `function(memory, *arguments, now)` one at a time. An operation that raises a MultiarmError has
changed nothing; whatever else goes wrong, the store keeps what it had.
"""

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from bandit import outbox, settings
from bandit.bell import mine, ring
from bandit.errors import MultiarmError, Overloaded, StoreError, StoreUnusable
from bandit.memory import Memory
from bandit.reward import close_windows
from bandit.rows import Batch
from bandit.trips import look

MOST_WAITING = 10_000
LONGEST_WAIT_SECONDS = 2.0
GATHER_SECONDS = 0.0004
SWEEP_SECONDS = 1.0

Result = TypeVar("Result")
Clock = Callable[[], float]
Then = Callable[[Any, BaseException | None], None]
"""Called with what an operation has given, or else with the error that it raised; raises none itself."""

_log = logging.getLogger("multiarm.journal")


class Journal(Protocol):
    """Runs operations and makes the store agree with them."""

    def run(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Runs one operation; when it returns, what it did is kept as surely as this journal keeps anything."""

    def post(self, then: Then, function: Callable[..., Any], *arguments: object) -> None:
        """Runs one operation and calls `then` where `run` would have returned, be it in another thread.

        Raises:
            Overloaded: Too many wait already, or for too long.
        """

    def flush(self) -> None:
        """Waits until everything that was run is in the store, windows that closed by now included."""

    def settle(self) -> None:
        """Sees to it that a reader finds what was run, and windows that have closed as closed."""

    def reading(self) -> AbstractContextManager[object]:
        """Holds off the writer where a snapshot would not."""

    def waiting(self) -> int:
        """How much waits to be written.

        Raises:
            StoreError: The store refuses what was run before.
        """

    def close(self) -> None:
        """Flushes and ends."""


class _Ticket:
    """An operation that waits for its commit: with the bell that its thread sleeps by, or with what comes then."""

    __slots__ = ("arguments", "bell", "done", "error", "function", "leads", "result", "then")

    def __init__(self, function: Callable[..., Any], arguments: tuple[object, ...], then: Then | None = None) -> None:
        self.function = function
        self.arguments = arguments
        self.then = then
        self.bell = mine() if then is None else None
        self.leads = False
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None


class _Undisturbed:
    """Holds back a Ctrl-C until the block is over: a thread that takes part in a commit must take its turn.

    Only the main thread is interrupted, and only it may do this.
    """

    def __enter__(self) -> None:
        self._came = False
        self._handler = signal.getsignal(signal.SIGINT)
        if self._handler is not None:  # None: set by a host that is not Python, and not ours to restore
            signal.signal(signal.SIGINT, self._hold)

    def _hold(self, *_: object) -> None:
        self._came = True

    def __exit__(self, *_: object) -> None:
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
            if self._came:
                signal.raise_signal(signal.SIGINT)


def _tell(ticket: _Ticket) -> None:
    try:
        ticket.then(ticket.result, ticket.error)  # type: ignore[misc]
    except Exception:
        _log.exception("an answer was not given")


class GroupCommit:
    """Runs operations inside a store's transaction and answers when it is on the disk.

    There is no writer thread: of the threads that ask, the first leads. It gathers for at most .4 ms while as many as
    last time are known to come (not at all when it was alone), takes all that wait into one transaction with one
    sync, wakes those who sleep and answers for those who do not, and hands on the lead; or keeps it, where nobody
    sleeps who could take it.
    """

    def __init__(self, memory: Memory, clock: Clock) -> None:
        self._memory = memory
        self._clock = clock
        self._mutex = threading.Lock()
        self._waiting: list[_Ticket] = []
        self._leading = False
        self._expected = 0
        self._arrived = threading.Lock()
        self._arrived.acquire()
        self._gathering = False
        self._begun = 0.0

    def run(self, function: Callable[..., Result], *arguments: object) -> Result:
        """See `Journal`.

        Raises:
            Overloaded: Too many wait already, or for too long.
            StoreError: The transaction could not be committed; nothing in it was done.
        """
        result: Result = self._undisturbed(self._run, _Ticket(function, arguments))
        return result

    def post(self, then: Then, function: Callable[..., Any], *arguments: object) -> None:
        """See `Journal`: no thread sleeps for the operation, so that one can have many under way."""
        self._undisturbed(self._post, _Ticket(function, arguments, then))

    def _undisturbed(self, run: Callable[[_Ticket], Any], ticket: _Ticket) -> Any:
        if threading.get_ident() == threading.main_thread().ident:
            with _Undisturbed():
                return run(ticket)
        return run(ticket)

    def _run(self, ticket: _Ticket) -> Any:
        self._enter(ticket)
        while not (ticket.leads or ticket.done):
            ticket.bell.wait()  # type: ignore[union-attr]
        if not ticket.done:
            self._lead(ticket)
        if ticket.error is not None:
            raise ticket.error
        return ticket.result

    def _post(self, ticket: _Ticket) -> None:
        self._enter(ticket)
        if ticket.leads:
            self._lead(ticket)

    def _enter(self, ticket: _Ticket) -> None:
        """Puts an operation with those that wait, and at their lead where there are none."""
        with self._mutex:
            if len(self._waiting) >= MOST_WAITING:
                raise Overloaded(f"{MOST_WAITING} operations wait for the store already")
            if self._leading and time.monotonic() - self._begun > LONGEST_WAIT_SECONDS:
                raise Overloaded(f"the store has not answered for {LONGEST_WAIT_SECONDS:g} s")
            self._waiting.append(ticket)
            if not self._leading:
                self._begun = time.monotonic()
                self._leading = ticket.leads = True
            if self._gathering and len(self._waiting) >= self._expected:
                self._gathering = False
                self._arrived.release()

    def _lead(self, own: _Ticket) -> None:
        """Commits what waits, until the lead is with another thread or nothing waits."""
        while True:
            self._gather()
            with self._mutex:
                tickets, self._waiting = self._waiting, []
                self._expected = len(tickets)
                self._begun = time.monotonic()
            self._commit(tickets)
            for ticket in tickets:
                ticket.done = True
            woken = [ticket.bell for ticket in tickets if ticket.bell is not None and ticket is not own]
            with self._mutex:
                successor = self._waiting[0] if self._waiting else None
                self._leading = successor is not None
                if successor is not None and successor.bell is not None:
                    successor.leads = True
                    woken.append(successor.bell)
            ring(woken)
            for ticket in tickets:
                if ticket.then is not None:
                    _tell(ticket)
            if successor is None or successor.bell is not None:
                return
            if own.bell is not None:  # its thread waits for what is done by now
                threading.Thread(target=self._lead, args=(successor,), name="multiarm-lead").start()
                return

    def _gather(self) -> None:
        """Waits for as many operations as last time, but not for long."""
        with self._mutex:
            self._gathering = len(self._waiting) < self._expected
        if self._gathering and not self._arrived.acquire(timeout=GATHER_SECONDS):
            with self._mutex:
                if not self._gathering:
                    self._arrived.acquire()
                self._gathering = False

    def _commit(self, tickets: Sequence[_Ticket]) -> None:
        memory = self._memory
        try:
            with memory.store.transaction():
                memory.refresh()
                now = self._clock()
                _sweep(memory, now)
                for ticket in tickets:
                    ticket.error = None
                    try:
                        ticket.result = ticket.function(memory, *ticket.arguments, now)
                    except MultiarmError as error:
                        ticket.error = error
                if memory.looks:
                    look(memory, now)
                if batch := outbox.take(memory):
                    memory.store.write(batch)
            memory.trim()
        except Exception as error:
            memory.reset()
            if len(tickets) > 1 and not isinstance(error, MultiarmError):
                for ticket in tickets:  # a fault of one is not to be the others'
                    self._commit([ticket])
            else:
                for ticket in tickets:
                    ticket.error = error
        except BaseException as error:
            memory.reset()
            for ticket in tickets:
                ticket.error = error

    def flush(self) -> None:
        """See `Journal`: whatever `run` has answered is in the store."""
        while self.run(close_windows):
            pass

    def settle(self) -> None:
        """See `Journal`: reading writes nothing, unless a window has closed and nobody has decided since."""
        with self._memory.store.snapshot() as reader:
            due = reader.due(self._clock(), 1)
        if due:
            self.flush()

    def reading(self) -> AbstractContextManager[object]:
        """See `Journal`."""
        return contextlib.nullcontext()

    def waiting(self) -> int:
        """See `Journal`: operations."""
        return len(self._waiting)

    def close(self) -> None:
        """See `Journal`."""


class Background:
    """Runs operations at once and writes them from a thread of its own, a few milliseconds later.

    A crash loses what was not written, at most twice the setting `flush_size` in decisions and events, and never a part
    of an operation. While the
    store refuses (a full disk), what was run is held, new operations are refused, and writing is tried again.
    """

    def __init__(self, memory: Memory, clock: Clock) -> None:
        self._memory = memory
        self._clock = clock
        self._lock = threading.Lock()
        self._follow_settings()
        self._writing = threading.RLock()  # who holds off the writer may still run operations
        self._held: Batch | None = None
        self._failure: StoreError | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._write_always, name="multiarm-journal", daemon=True)
        self._thread.start()

    def run(self, function: Callable[..., Result], *arguments: object) -> Result:
        """See `Journal`.

        Raises:
            StoreError: What was run before cannot be written.
        """
        memory = self._memory
        if len(memory.batch.decisions) + len(memory.batch.events) > self._most_unwritten:
            self._write()
        with self._lock:
            if self._failure is not None:
                raise type(self._failure)(self._failure.detail)
            memory.serial += 1
            now = self._clock()
            if not memory.next_sweep - SWEEP_SECONDS <= now < memory.next_sweep:
                _sweep(memory, now)
            result = function(memory, *arguments, now)
            if memory.looks:
                look(memory, now)
            return result

    def post(self, then: Then, function: Callable[..., Any], *arguments: object) -> None:
        """See `Journal`."""
        try:
            result, error = self.run(function, *arguments), None
        except Exception as raised:
            result, error = None, raised
        then(result, error)

    def _write_always(self) -> None:
        while not self._closing.wait(self._interval):
            with contextlib.suppress(Exception):
                self._write()
                self._follow_settings()

    def _follow_settings(self) -> None:
        with self._lock:
            now = settings.current(self._memory)
            self._interval, self._most_unwritten = now.flush_interval, now.flush_size

    def _write(self) -> None:
        """Writes what was run until now, or holds it where the store refuses."""
        with self._writing:
            while True:
                if self._held is None:
                    with self._lock:
                        self._held = outbox.take(self._memory)
                if not self._held:
                    self._held = None
                    return
                try:
                    with self._memory.store.transaction():
                        self._memory.store.write(self._held)
                except Exception as error:
                    self._failure = error if isinstance(error, StoreError) else StoreError(f"not written: {error!r}")
                    raise
                self._held = None
                self._failure = None
                with self._lock:
                    self._memory.trim()
                    if self._memory.unwritten() < self._most_unwritten:
                        return

    def flush(self) -> None:
        """See `Journal`."""
        more = True
        while more:
            self._write()
            more = self.run(close_windows)
        self._write()

    def settle(self) -> None:
        """See `Journal`."""
        self.flush()

    def reading(self) -> AbstractContextManager[object]:
        """See `Journal`."""
        return self._writing

    def waiting(self) -> int:
        """See `Journal`: decisions and events."""
        return self._memory.unwritten()

    def close(self) -> None:
        """See `Journal`."""
        self._closing.set()
        self._thread.join()
        self._write()


def _sweep(memory: Memory, now: float) -> None:
    """Closes windows, at most once a second, unless the clock was set back."""
    if not memory.next_sweep - SWEEP_SECONDS <= now < memory.next_sweep:
        memory.next_sweep = now if close_windows(memory, now) else now + SWEEP_SECONDS


class Ended:
    """The journal of an engine that is no more: refuses everything, and says why."""

    def __init__(self, why: str) -> None:
        self._why = why

    def run(self, function: Callable[..., Result], *arguments: object) -> Result:  # noqa: ARG002
        """Raises StoreUnusable, as all else here."""
        raise StoreUnusable(self._why)

    def post(self, then: Then, function: Callable[..., Any], *arguments: object) -> None:  # noqa: ARG002
        """See `run`."""
        raise StoreUnusable(self._why)

    def flush(self) -> None:
        """See `run`."""
        raise StoreUnusable(self._why)

    settle = flush

    def waiting(self) -> int:
        """See `run`."""
        raise StoreUnusable(self._why)

    def reading(self) -> AbstractContextManager[object]:
        """See `run`."""
        raise StoreUnusable(self._why)

    def close(self) -> None:
        """Does nothing: it is over."""
