"""The engine: every verb of the product, in process."""

import os
import threading
import time
import weakref
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self

from bandit import (
    agenda,
    keys,
    settings,
)
from bandit.alerts import Alerts
from bandit.channels import CHANNEL
from bandit.configuration import Configuration
from bandit.deciding import Deciding
from bandit.flags import Flags, Held
from bandit.health import Health, examine
from bandit.journal import Background, Clock, Ended, GroupCommit, Journal
from bandit.managing import Managing, warm
from bandit.memory import Memory
from bandit.new_file import new_file
from bandit.operating import Managed, find
from bandit.outside import read as read_outside
from bandit.prerequisites import COHORT, FLAG
from bandit.reporting import Reporting
from bandit.running import load
from bandit.shelf import Shelf
from bandit.sqlite import SQLiteStore

if TYPE_CHECKING:
    from bandit.archive import Manifest


class Engine(Deciding, Managing, Reporting):
    """Decides, learns and reports.

    Args:
        path: A SQLite file, created where it is absent; None keeps everything in memory.
        durable: Whether a call returns only when what it did is on the disk. With False a background thread writes
            up to 50 ms later: calls take microseconds, a crash loses what was not written (never a part of a call),
            and the file is this process's alone.
        clock: Seconds since 1970.
        seed: Makes the draws repeatable.
        config: A TOML file of settings; None for the one that MULTIARM_CONFIG names in the environment, if any.

    Raises:
        StoreError: The file cannot be used; the message says why.
        InvalidInput: A setting of `config` or of the environment is unknown, or not allowed.

    One engine may be used by many threads. Several processes may each have a durable engine on one file; after a fork,
    open a new one.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        durable: bool = True,
        clock: Clock = time.time,
        seed: int | None = None,
        config: str | os.PathLike[str] | None = None,
    ) -> None:
        outside = read_outside(config, os.environ)
        durable = durable and path is not None
        self._store = SQLiteStore(path, alone=not durable)
        try:
            self._memory = Memory(self._store, seed, outside)
            settings.read(self._store.reader(), outside)  # what is not understood is found now
            for row, standing in self._store.reader().experiments():
                if row.status == "running":
                    warm(load(row, standing).experiment)
        except BaseException:
            self._store.close()
            raise
        self._clock = clock
        self._journal: Journal = (GroupCommit if durable else Background)(self._memory, clock)
        self.settings = Configuration(self, self._memory)
        self._flags = Flags(self._run, self._store.revision if durable else Held(self._memory), clock)
        self.flags = Shelf(self, FLAG)
        self.keys = keys.Keys(self, self._memory, clock, self._store.revision if durable else None)
        self._claiming = threading.Lock()
        self._ticked_at: float | None = None
        self.alerts = Alerts(self)
        self.channels = Shelf(self, CHANNEL)
        self.cohorts = Shelf(self, COHORT)
        os.register_at_fork(after_in_child=partial(_forked, weakref.ref(self)))

    def tick(self) -> bool:
        """Does what is due by now that nobody asks for; true where there is more.

        A server does this once a second. Any number of processes may: what is done is done in one transaction with the
        record of it, so that it happens once.
        """
        now = self._clock()
        more = self._journal.run(_attend)
        self._memory.attended_at = now  # only where it was kept; else all that may be due is looked at again
        self._journal.settle()
        for key, name in self._journal.run(agenda.reviews) if self._memory.reviews else ():
            review = agenda.REVIEWS[name]
            with self.reading() as reader:
                analysis = settings.read(reader, self._memory.outside).enable_statistical_analysis
                found = review.found(reader, *find(reader, key), self._clock(), analysis=analysis)
            if found is not None:
                self._journal.run(review.act, key, found)
                self._journal.settle()
        self._ticked_at = time.monotonic()
        return more

    def deliver(self, *, commands: bool = False) -> bool:
        """Sends the alerts that are due; true where there may be more.

        A server does this once a second. Any number of processes may: each delivery is one's alone while it is tried.

        Args:
            commands: Whether this process runs the commands of channels.
        """
        from bandit import delivery  # loads what speaks HTTP, which deciding does not need

        with self._claiming:
            return delivery.deliver(self._journal, self.reading, self._clock(), commands=commands)

    def retain(self, archive: str | os.PathLike[str] | None = None) -> bool:
        """Removes the log of an experiment that was archived more than `retention_days` ago; true where one was.

        A server does this once a minute. Its results stay what they are.

        Args:
            archive: A folder into which the log is written as Parquet before.

        Raises:
            InvalidInput: There is no such folder, or PyArrow is missing; nothing was removed.
            StoreError: The log cannot be written there, or the store refuses.
        """
        from bandit import retention

        days = self.settings.read().retention_days
        if days is None:
            return False
        self._journal.flush()
        with self.reading() as reader:
            due = retention.next_due(reader, self._clock() - days * retention.DAY)
            if due is None:
                return False
            if archive is not None:
                retention.archive(reader, due, archive)
        retention.remove(self._removing, self.reading, due.row.id)
        return True

    def _removing(self, function: Callable[..., Managed], *arguments: object) -> Managed:
        """Runs an operation whose effect the next look at the store must see."""
        done = self._journal.run(function, *arguments)
        self._journal.flush()
        return done

    def export(self, path: str | os.PathLike[str]) -> "Manifest":
        """Writes all that is stored into one new file, of one moment and independent of SQLite; see `archive.restore`.

        Raises:
            InvalidInput: There is a file of that name already.
            StoreError: It cannot be written; nothing is left of it.
        """
        from bandit import archive

        self._journal.flush()
        with self.reading() as reader:
            return archive.export(reader, path, self._clock())

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Copies the database of one moment into a new file, which is there when it is complete.

        Raises:
            InvalidInput: There is a file of that name already.
            StoreError: It cannot be written; nothing is left of it.
        """
        self._journal.flush()
        with self._journal.reading(), new_file(path) as made:
            self._store.backup(made)

    def check(self) -> None:
        """Does what a decision needs of the store, without deciding.

        Raises:
            StoreError: The store would refuse a decision.
        """
        self._journal.run(_nothing)

    def health(self) -> Health:
        """How every component is, and why."""
        with self.reading() as reader:
            return examine(reader, self._journal, self.check, self._store.path, self._ticked_at, self._clock())

    def close(self) -> None:
        """Writes what is still to be written and lets go of the store."""
        try:
            self._journal.close()
        finally:
            self._end("this engine is closed")
            self._store.close()

    def _end(self, why: str) -> None:
        self._journal = Ended(why)
        self._flags = Flags(self._run, int, self._clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _attend(memory: Memory, now: float) -> bool:
    """Does what is due, and has the settings at hand for who asks outside of operations."""
    settings.current(memory)
    return agenda.attend(memory, now)


def _nothing(memory: Memory, now: float) -> None:
    """Takes part in a commit and asks for nothing."""


def _forked(engine: "weakref.ref[Engine]") -> None:
    """In a forked child: its copy of an engine has no writer thread, and shares a connection it must not use."""
    if (copy := engine()) is not None:
        copy._end("this engine was opened before a fork; open a new one in this process")
