"""How every component is, and why: what a person on call looks at first."""

import shutil
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from bandit.errors import MultiarmError
from bandit.journal import MOST_WAITING, Journal
from bandit.model import Model
from bandit.outbox import CLAIM_SECONDS
from bandit.sqlite import SCHEMA
from bandit.store import Reader

State = Literal["ok", "degraded", "failed"]
STATES: tuple[State, ...] = ("ok", "degraded", "failed")

SLOW_SECONDS = 1.0
LATE_SECONDS = (60.0, 3600.0)
"""A delivery that is overdue for so long is degraded, and failed."""
SILENT_SECONDS = (15.0, 120.0)
"""The same of the thread that does what is due."""
FREE_BYTES = (1 << 30, 1 << 26)
"""Less free space is degraded, and failed."""


class Component(Model):
    """A part of the system, and what is wrong with it, or how it is."""

    name: str
    status: State
    reason: str


class Health(Model):
    """The system. `status` is that of the worst component; `schema_version` that of the tables."""

    status: State
    version: str
    schema_version: int
    components: list[Component]


def examine(
    reader: Reader, journal: Journal, write: Callable[[], None], path: str, ticked_at: float | None, now: float
) -> Health:
    """Examines every component.

    Args:
        reader: Of one moment.
        journal: Whose operations wait.
        write: Does what a decision needs of the store.
        path: The database; `:memory:` for none.
        ticked_at: When what is due was last looked at, by the clock `time.monotonic`; None for never.
        now: Seconds since 1970.
    """
    components = [
        _store(write),
        _journal(journal),
        _ticker(ticked_at),
        _deliveries(reader, now),
        _disk(path),
        _schema(reader),
    ]
    worst = max((component.status for component in components), key=STATES.index)
    return Health(status=worst, version=version("multiarm"), schema_version=SCHEMA, components=components)


def _store(write: Callable[[], None]) -> Component:
    begun = time.monotonic()
    try:
        write()
    except MultiarmError as error:
        return Component(name="store", status="failed", reason=error.detail)
    seconds = time.monotonic() - begun
    status: State = "degraded" if seconds > SLOW_SECONDS else "ok"
    return Component(name="store", status=status, reason=f"a transaction takes {1e3 * seconds:.1f} ms")


def _journal(journal: Journal) -> Component:
    waiting = journal.waiting()
    status: State = "degraded" if waiting > MOST_WAITING // 2 else "ok"
    return Component(name="journal", status=status, reason=f"{waiting} operations or rows wait to be written")


def _ticker(ticked_at: float | None) -> Component:
    if ticked_at is None:
        return Component(name="ticker", status="degraded", reason="this process has not done what is due yet")
    seconds = time.monotonic() - ticked_at
    return Component(
        name="ticker", status=_grade(seconds, SILENT_SECONDS), reason=f"did what was due {seconds:.0f} s ago"
    )


def _deliveries(reader: Reader, now: float) -> Component:
    oldest = reader.outbox(now, 1, CLAIM_SECONDS)
    if not oldest:
        return Component(name="deliveries", status="ok", reason="none is due")
    late = max(0.0, now - (oldest[0].due_at or now))
    reason = f"the one that has waited longest, through {oldest[0].channel!r}, was due {late:.0f} s ago"
    return Component(name="deliveries", status=_grade(late, LATE_SECONDS), reason=reason)


def _disk(path: str) -> Component:
    if path == ":memory:":
        return Component(name="disk", status="ok", reason="everything is in memory")
    try:
        free = shutil.disk_usage(Path(path).absolute().parent).free
    except OSError as error:
        return Component(name="disk", status="failed", reason=str(error.strerror))
    low, least = FREE_BYTES
    status: State = "failed" if free < least else "degraded" if free < low else "ok"
    return Component(name="disk", status=status, reason=f"{free / (1 << 30):,.1f} GiB are free")


def _schema(reader: Reader) -> Component:
    schema = reader.schema()
    if schema == SCHEMA:
        return Component(name="schema", status="ok", reason=f"the tables are of version {schema}")
    reason = f"the tables are of version {schema}, and this process knows {SCHEMA}; restart it with the newer version"
    return Component(name="schema", status="failed", reason=reason)


def _grade(value: float, bounds: tuple[float, float]) -> State:
    return "failed" if value > bounds[1] else "degraded" if value > bounds[0] else "ok"
