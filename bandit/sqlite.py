"""The store on SQLite: a write-ahead log, a sync for every commit, one multi-row statement for every table written."""

import fcntl
import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from bandit.errors import StoreBusy, StoreError, StoreUnusable
from bandit.reader import BUSY_SECONDS, SQLiteReader, translated
from bandit.rows import Alert, Batch, Change, DecisionRow, Delivery, DrawRow, EpochRow, EventRow, News, OutcomeRow

APPLICATION_ID = 0x6D61726D  # "marm", by which a file is known as ours
SCHEMA = 4  # how many migrations there are
_MOST_ROWS = 64  # of one statement
Place = TypeVar("Place", bound=tuple[int, ...])

_SUMS = ("count", "total", "squares", "weighted")
_SIZES = ("decisions", "trials", "expected")


class SQLiteStore:
    """A `Store` in a file, or in memory.

    Args:
        path: The file; it is created with its parents' permission, its folder must exist. None keeps all in memory.
        alone: Whether to refuse every other process; a background journal needs that, because its memory is ahead of
            the file.
        read_only: Whether only to read; the file must exist.

    Raises:
        StoreBusy: Another process holds the file and one of the two wants to be alone.
        StoreUnusable: The file cannot be opened, is not a multiarm database, is damaged or of a newer version.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, *, alone: bool = False, read_only: bool = False):
        self.path = ":memory:" if path is None else os.fspath(path)
        self._memory = path is None
        self._read_only = read_only
        self._held: int | None = None
        self._version = 0
        self._revisions = self._written = (0, 0)
        self._watches: list[_Watch] = []
        if read_only and not Path(self.path).is_file():
            raise StoreUnusable(f"{self.path}: there is no such file")
        try:
            self._writer = self._connect()
            try:
                self._prepare(alone)
                self._reader = SQLiteReader(self._writer if self._memory else self._connect())
                self._version, self._revisions = self._seen()
            except BaseException:
                self.close()
                raise
        except sqlite3.Error as error:
            raise _opening(self.path, error) from error

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )
        # SQLite's own lower() knows only the letters of ASCII.
        connection.create_function("folded", 1, str.casefold, deterministic=True)
        if self._read_only:
            connection.execute("PRAGMA query_only = ON")
        else:
            connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _prepare(self, alone: bool) -> None:
        """Checks what the file is, takes it, and brings it up to date."""
        (tables,) = self._writer.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application,) = self._writer.execute("PRAGMA application_id").fetchone()
        (schema,) = self._writer.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION_ID and (tables or application or self._read_only):
            raise StoreUnusable(f"{self.path}: a SQLite database, but not one of multiarm; nothing was changed")
        if schema > SCHEMA:
            raise StoreUnusable(
                f"{self.path}: written by a newer version of multiarm (schema {schema}, this one knows {SCHEMA}); "
                "nothing was changed"
            )
        if self._read_only:
            if schema < SCHEMA:
                raise StoreUnusable(
                    f"{self.path}: written by an older version of multiarm (schema {schema}, this one reads {SCHEMA}); "
                    "open it once, as `multiarm serve` does, and it is brought up to date"
                )
            return
        if not self._memory:
            self._hold(alone)
            self._writer.execute("PRAGMA journal_mode = WAL")
        if schema < SCHEMA:
            # Imported only here: sqlite-utils in turn imports pandas where there is one, for 50 MB and .2 s.
            from bandit.migrations import migrate

            with self.transaction():
                migrate(self._writer)
                self._writer.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self._writer.execute(f"PRAGMA user_version = {SCHEMA}")

    def _hold(self, alone: bool) -> None:
        """Shares the file with other processes, or keeps them out, for as long as this process lives."""
        try:
            held = os.open(f"{self.path}-owner", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreUnusable(f"{self.path}: its folder cannot be written ({error.strerror})") from None
        try:
            fcntl.flock(held, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except OSError:
            os.close(held)
            wants = "this one wants it alone for its" if alone else "that one keeps it alone for its"
            raise StoreBusy(f"{self.path}: open in another process, and {wants} background journal") from None
        self._held = held

    def close(self) -> None:
        for connection in {self._writer, getattr(self, "_reader", SQLiteReader(self._writer))._connection}:
            connection.close()
        while self._watches:
            self._watches.pop().close()
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def reader(self) -> SQLiteReader:
        return self._reader

    @contextmanager
    def snapshot(self) -> Iterator[SQLiteReader]:
        if self._memory:
            yield self._reader
            return
        try:
            connection = self._connect()
            connection.execute("BEGIN")
        except sqlite3.Error as error:
            raise translated(error) from error
        try:
            yield SQLiteReader(connection)
        finally:
            connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise translated(error) from error
        self._written = (0, 0)
        try:
            yield
            self._writer.execute("COMMIT")
            self._revisions = _later(self._revisions, self._written)
        except BaseException as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise translated(error) from error
            raise

    def _seen(self) -> tuple[int, tuple[int, int]]:
        (version,) = self._writer.execute("PRAGMA data_version").fetchone()
        return version, (self._latest("experiments"), self._latest("documents"))

    def _latest(self, table: str) -> int:
        (revision,) = self._writer.execute(f"SELECT coalesce(max(revision), 0) FROM {table}").fetchone()
        return int(revision)

    def changed(self) -> News | None:
        """See `Store`. `data_version` moves only when another connection has committed, and costs 2.6 us to read."""
        try:
            (version,) = self._writer.execute("PRAGMA data_version").fetchone()
            if version == self._version:
                return None
            experiments, documents = (
                self._writer.execute(f"SELECT {columns}, revision FROM {table} WHERE revision > ?", (seen,)).fetchall()
                for table, columns, seen in zip(
                    ("experiments", "documents"), ("id", "kind, key"), self._revisions, strict=True
                )
            )
        except sqlite3.Error as error:
            raise translated(error) from error
        self._version = version
        latest = (max((row[-1] for row in rows), default=0) for rows in (experiments, documents))
        self._revisions = _later(self._revisions, (next(latest), next(latest)))
        return News([row[0] for row in experiments], [row[:2] for row in documents])

    def revision(self) -> int:
        """See `Store`. Each call has a connection of its own, so that none sees with another's eyes, nor waits."""
        try:
            try:
                watch = self._watches.pop()
            except IndexError:
                watch = _Watch(self._connect())
            revision = watch.revision()
        except sqlite3.Error as error:
            raise translated(error) from error
        self._watches.append(watch)
        return revision

    def write(self, batch: Batch) -> None:
        self._upsert("experiments", ("id", "key", "definition", "status"), batch.experiments.values(), 1)
        revision = written = 0
        if batch.standings:
            revision = self._latest("experiments") + 1
            for number, standing in batch.standings.items():
                self._writer.execute(
                    "UPDATE experiments SET epoch = ?, learned = ?, weighed = ?, revision = ? WHERE id = ?",
                    (*standing, revision, number),
                )
        if batch.documents:
            written = self._latest("documents") + 1
            rows = [(*document, written) for document in batch.documents.values()]
            self._upsert("documents", ("kind", "key", "body", "revision"), rows, 2)
        self._written = (revision, written)
        if batch.wakes:
            self._writer.executemany(
                "UPDATE experiments SET wake_at = ? WHERE id = ?", [(at, number) for number, at in batch.wakes.items()]
            )
        self._post(batch)
        self._insert("changes", Change._fields, batch.changes)
        self._insert("epochs", EpochRow._fields, batch.epochs, "ON CONFLICT DO NOTHING")
        self._insert("decisions", DecisionRow._fields, batch.decisions)
        if batch.exposures:
            self._writer.executemany(
                "UPDATE decisions SET exposed_at = ?, opened_at = ? WHERE id = ?",
                [(*times, number) for number, times in batch.exposures.items()],
            )
        self._upsert("units", ("experiment", "unit", "eligible", "head"), batch.units, 3)
        self._insert("draws", DrawRow._fields, batch.draws)
        self._insert("events", EventRow._fields, batch.events)
        self._upsert("outcomes", OutcomeRow._fields, batch.outcomes.values(), 2)
        self._insert("due", ("at", "decision", "metric"), batch.due)
        if batch.closed:
            self._writer.executemany("DELETE FROM due WHERE decision = ? AND metric = ?", batch.closed)
        self._add("statistics", ("experiment", "epoch", "variant", "metric"), _SUMS, batch.statistics)
        self._add("learning", ("experiment", "period", "variant"), _SUMS, batch.learning)
        self._add("models", ("experiment", "period", "variant", "place"), ("total",), batch.models)
        self._upsert("snapshots", ("experiment", "epoch", "state"), batch.snapshots.values(), 1)
        self._add("allocations", ("experiment", "epoch", "variant"), _SIZES, batch.allocations)
        for table, columns, key, rows in batch.amendments:
            self._writer.executemany(f"UPDATE {table} SET {_each(columns, '{0} = ?')} WHERE {_all(key)}", rows)
        for table, key, rows in batch.removals:
            self._writer.executemany(f"DELETE FROM {table} WHERE {_all(key)}", rows)

    def fill(self, table: str, columns: Sequence[str], rows: Collection[Sequence[Any]]) -> None:
        self._insert(table, columns, rows)

    def backup(self, path: str | os.PathLike[str]) -> None:
        """See `Store`. The copy is made from one snapshot, so that writers neither wait nor make it begin anew."""
        try:
            connection = self._writer if self._memory else self._connect()
            try:
                connection.execute("PRAGMA query_only = OFF")
                connection.execute("VACUUM INTO ?", (os.fspath(path),))
            finally:
                if not self._memory:
                    connection.close()
        except sqlite3.Error as error:
            raise translated(error) from error

    def _post(self, batch: Batch) -> None:
        """Writes alerts and their deliveries, which begin here or have come further."""
        if batch.alerts:
            (first,) = self._writer.execute("SELECT coalesce(max(number), 0) + 1 FROM alerts").fetchone()
            rows = [(first + place, *alert) for place, alert in enumerate(batch.alerts)]
            self._insert("alerts", ("number", *Alert._fields), rows)
            begun = [
                Delivery(first + place, channel, 0, batch.alerts[place].at, None, "")
                for place, channel in batch.addressed
            ]
            self._insert("deliveries", Delivery._fields, begun)
        self._upsert("deliveries", Delivery._fields, batch.deliveries.values(), 2)

    def _add(
        self,
        table: str,
        key: Sequence[str],
        sums: Sequence[str],
        increments: Mapping[Place, Sequence[float]],
    ) -> None:
        """Adds to the sums of a table, so that what other processes added stays."""
        if increments:
            conflict = f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET " + _each(sums, "{0} = {0} + excluded.{0}")
            self._insert(table, (*key, *sums), [(*at, *row) for at, row in increments.items()], conflict)

    def _upsert(self, table: str, columns: Sequence[str], rows: Collection[Sequence[Any]], key: int) -> None:
        """Writes the latest version of rows whose first `key` columns name them."""
        if rows:
            conflict = f"ON CONFLICT ({', '.join(columns[:key])}) DO UPDATE SET "
            self._insert(table, columns, rows, conflict + _each(columns[key:], "{0} = excluded.{0}"))

    def _insert(self, table: str, columns: Sequence[str], rows: Collection[Sequence[Any]], conflict: str = "") -> None:
        """Inserts rows by as few statements as there can be.

        One statement for many rows is not only faster than many: SQLite gives up the interpreter's lock once a
        statement, and beside a busy thread getting it back may take 5 ms.
        """
        if not isinstance(rows, Sequence):
            rows = list(rows)
        for start in range(0, len(rows), _MOST_ROWS):
            some = rows[start : start + _MOST_ROWS]
            sql = _insertion(table, tuple(columns), len(some), conflict)
            self._writer.execute(sql, list(chain.from_iterable(some)))


@cache
def _insertion(table: str, columns: tuple[str, ...], rows: int, conflict: str) -> str:
    """The statement that inserts so many rows; a connection keeps it prepared as long as it is the same string."""
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * rows)} {conflict}"


class _Watch:
    """A connection that only looks whether documents were changed, by whomever."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._version = self._revision = -1

    def revision(self) -> int:
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            found = self._connection.execute("SELECT coalesce(max(revision), 0) FROM documents").fetchone()
            self._version, self._revision = version, int(found[0])
        return self._revision

    def close(self) -> None:
        self._connection.close()


def _later(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return max(one[0], other[0]), max(one[1], other[1])


def _opening(path: str, error: sqlite3.Error) -> StoreError:
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith("SQLITE_NOTADB"):
        return StoreUnusable(f"{path}: not a SQLite database; nothing was changed")
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")):
        folder = Path(path).absolute().parent
        why = "its folder does not exist" if not folder.is_dir() else "it or its folder cannot be written"
        return StoreUnusable(f"{path}: cannot be opened, {why}")
    if name.startswith("SQLITE_CORRUPT"):
        return StoreUnusable(f"{path}: damaged ({error}); nothing was changed")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreBusy(f"{path}: held by another process for more than {BUSY_SECONDS:g} s")
    return StoreError(f"{path}: {error}")


def _each(columns: Sequence[str], form: str) -> str:
    return ", ".join(form.format(column) for column in columns)


def _all(columns: Sequence[str]) -> str:
    return " AND ".join(f"{column} = ?" for column in columns)
