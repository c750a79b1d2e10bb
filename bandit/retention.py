"""Retention: the log of an experiment that was put away long ago goes, what it has shown stays.

Sums, epochs and so results are kept for good; decisions, draws, events, outcomes and who had which variant are removed,
a few thousand rows a transaction. The experiment says so before the first row is gone, so that nothing that reads logs
takes a part for the whole, and a removal that was interrupted goes on.
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from operator import methodcaller
from pathlib import Path
from typing import Any, NamedTuple

from bandit.memory import Memory
from bandit.new_file import new_file
from bandit.rows import Change, ExperimentRow, Removal, Standing
from bandit.running import load
from bandit.store import Reader

ROWS_AT_ONCE = 5000
DAY = 86_400.0
NAME = "retention"
_LAST = (1 << 63) - 1

Run = Callable[..., Any]
Reading = Callable[[], AbstractContextManager[Reader]]


class Due(NamedTuple):
    """An experiment whose log was kept for long enough, and when it was archived."""

    row: ExperimentRow
    standing: Standing
    archived_at: float


def next_due(reader: Reader, before: float) -> Due | None:
    """The first experiment that was archived before a time and has a log still."""
    for row, standing in reader.experiments():
        if row.status == "archived" and load(row, standing).experiment.log != "removed":
            archived_at = _archived_at(reader, row.key)
            if archived_at is not None and archived_at < before:
                return Due(row, standing, archived_at)
    return None


def archive(reader: Reader, due: Due, folder: str | os.PathLike[str]) -> None:
    """Writes a log, which does not change any more, as Parquet into a folder, unless it is there already.

    Raises:
        InvalidInput: PyArrow is not installed, or there is no such folder.
        StoreError: The file cannot be written.
    """
    from bandit.parquet import write_log

    path = Path(folder) / f"{due.row.key}-{due.archived_at:.0f}.parquet"
    if load(due.row, due.standing).experiment.log == "kept" and not path.exists():
        with new_file(path) as made:
            write_log(reader, due.row, due.standing, made)


def remove(run: Run, reading: Reading, number: int) -> None:
    """Removes the log of an experiment, in many short transactions."""
    run(_begin, number)
    for verb, operation in (("told_of", _remove_events), ("logged", _remove_decisions)):
        after = 0
        while rows := _read(reading, methodcaller(verb, number, after, ROWS_AT_ONCE)):
            run(operation, rows)
            after = rows[-1]
    while seats := _read(reading, methodcaller("seats", number, ROWS_AT_ONCE)):
        run(_remove_seats, seats)
    run(_finish, number)


def _read(reading: Reading, verb: Callable[[Reader], Any]) -> Any:
    with reading() as reader:
        return verb(reader)


def _archived_at(reader: Reader, key: str) -> float | None:
    changes = reader.changes("experiment", key, _LAST, 1_000_000)
    return next((change.at for _, change in changes if change.action == "archive"), None)


def _begin(memory: Memory, number: int, now: float) -> None:
    running = memory.numbered(number)
    if running.experiment.log == "kept":
        memory.replace(running, running.experiment.model_copy(update={"log": "removing", "log_removed_at": now}))


def _remove_events(memory: Memory, numbers: list[int], now: float) -> None:  # noqa: ARG001 - an operation has a time
    memory.batch.removals.append(Removal("events", ("number",), [(number,) for number in numbers]))


def _remove_decisions(memory: Memory, numbers: list[int], now: float) -> None:  # noqa: ARG001
    """With all that hangs on them; windows that have not closed never will, or they would miss their decision."""
    keys: list[tuple[Any, ...]] = [(number,) for number in numbers]
    for table in ("draws", "outcomes", "due"):
        memory.batch.removals.append(Removal(table, ("decision",), keys))
    memory.batch.removals.append(Removal("decisions", ("id",), keys))
    for number in numbers:
        memory.rows.pop(number, None)
        memory.records.pop(number, None)
        memory.draws.pop(number, None)


def _remove_seats(memory: Memory, seats: list[tuple[Any, ...]], now: float) -> None:  # noqa: ARG001
    memory.batch.removals.append(Removal("units", ("experiment", "unit", "eligible"), seats))


def _finish(memory: Memory, number: int, now: float) -> None:
    running = memory.numbered(number)
    experiment = running.experiment
    if experiment.log == "removing":
        memory.replace(running, experiment.model_copy(update={"log": "removed"}))
        status, detail = experiment.status, "its log was kept for long enough; its sums and results stay"
        memory.batch.changes.append(
            Change("experiment", experiment.key, NAME, "remove_log", now, status, status, detail, None)
        )
