"""The whole system in one file, and back: every table as lines of JSON in a zip, with their counts and digests.

An archive holds all that is stored, hashes of API keys and secrets of channels among it, so that the system it is
imported into answers as this one does. Only its owner may read the file; keep it as you keep the database.
"""

import base64
import contextlib
import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import IO, Annotated, Any

from pydantic import Field, ValidationError

from bandit.errors import InvalidInput, MultiarmError, WrongState
from bandit.model import Model
from bandit.new_file import new_file
from bandit.rows import ExperimentRow, Standing
from bandit.running import load
from bandit.sqlite import SCHEMA, SQLiteStore
from bandit.store import Reader

FORMAT = 1
OLDEST_SCHEMA = 3
ADDED = {("events", "metadata"): 4}
"""Columns that came later, with their schema; what is read from an archive of an older one has nothing there."""
MANIFEST = "manifest.json"
MOST_MANIFEST_BYTES = 1 << 20
MOST_LINE_BYTES = 1 << 26
ROWS_AT_ONCE = 2000


class Part(Model):
    """A table: its columns, how many rows it has, and the SHA-256 of its lines as they are without compression."""

    columns: list[str]
    rows: Annotated[int, Field(ge=0)]
    sha256: str


class Manifest(Model):
    """What an archive holds. `format` is the version of this layout, `schema_version` that of the tables."""

    format: int
    schema_version: int
    version: str
    created_at: float
    tables: dict[str, Part]


def export(reader: Reader, path: str | os.PathLike[str], now: float) -> Manifest:
    """Writes everything of one moment into a new file, which is there when it is complete.

    Args:
        reader: Of that moment; rows are read in a stream.
        path: The file; there must be none.
        now: Seconds since 1970.

    Raises:
        InvalidInput: There is a file of that name already.
        StoreError: It cannot be written.
    """
    tables: dict[str, Part] = {}
    with (
        new_file(path) as made,
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, allowZip64=True, compresslevel=3) as archive,
    ):
        for table, columns in reader.tables().items():
            with archive.open(_name(table), "w", force_zip64=True) as file:
                tables[table] = _write(reader, table, columns, file)
        manifest = Manifest(
            format=FORMAT, schema_version=SCHEMA, version=version("multiarm"), created_at=now, tables=tables
        )
        archive.writestr(MANIFEST, manifest.model_dump_json(indent=1))
    return manifest


def _write(reader: Reader, table: str, columns: tuple[str, ...], file: IO[bytes]) -> Part:
    digest, count = hashlib.sha256(), 0
    for row in reader.rows(table):
        line = json.dumps(dict(zip(columns, map(_plain, row), strict=True))).encode() + b"\n"
        file.write(line)
        digest.update(line)
        count += 1
    return Part(columns=list(columns), rows=count, sha256=digest.hexdigest())


def restore(path: str | os.PathLike[str], db: str | os.PathLike[str]) -> Manifest:
    """Reads an archive into a database that is new or empty, in one transaction.

    Args:
        path: The archive.
        db: The SQLite file; no other process may have it open.

    Raises:
        InvalidInput: The archive is damaged, not one of these, or of a version that is not read; nothing was changed.
        WrongState: The database is not empty; nothing was changed.
        StoreError: The database cannot be used.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = _manifest(archive, path)
            with _empty(db) as store, store.transaction():
                known = {
                    table: tuple(name for name in columns if ADDED.get((table, name), 0) <= manifest.schema_version)
                    for table, columns in store.reader().tables().items()
                }
                if {table: tuple(part.columns) for table, part in manifest.tables.items()} != known:
                    raise _damaged(path, "its tables are not those of its version")
                for table, part in manifest.tables.items():
                    _fill(store, archive, table, part, path)
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be read: {error.strerror or error}") from error
    except MultiarmError:
        raise
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        LookupError,
        ValueError,
    ) as error:
        raise _damaged(path, str(error) or type(error).__name__) from error
    return manifest


@contextlib.contextmanager
def _empty(db: str | os.PathLike[str]) -> Iterator[SQLiteStore]:
    """The store in a file that is new or empty; where the block fails, a file that was not there is gone again."""
    new = not Path(db).exists()
    store = SQLiteStore(db, alone=True)
    try:
        if used := [table for table in store.reader().tables() if any(True for _ in store.reader().rows(table))]:
            raise WrongState(f"{db}: has {', '.join(used)}; an archive goes into a new or empty database")
        yield store
    except BaseException:
        store.close()
        for file in ("", "-wal", "-shm", "-owner") if new else ():
            Path(f"{os.fspath(db)}{file}").unlink(missing_ok=True)
        raise
    store.close()


def _manifest(archive: zipfile.ZipFile, path: str | os.PathLike[str]) -> Manifest:
    """The manifest, when this version can read what it describes."""
    if MANIFEST not in archive.namelist():
        raise InvalidInput(f"{path}: not an archive of multiarm, it has no {MANIFEST}")
    with archive.open(MANIFEST) as file:
        text = file.read(MOST_MANIFEST_BYTES)
    try:
        given = json.loads(text)
        versions = {name: given[name] for name in ("format", "schema_version")}
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, f"its {MANIFEST} cannot be read") from error
    for name, oldest, known in (("format", FORMAT, FORMAT), ("schema_version", OLDEST_SCHEMA, SCHEMA)):
        _check_version(path, name, versions[name], oldest, known)
    try:
        manifest = Manifest.model_validate(given)
    except ValidationError as error:
        raise _damaged(path, InvalidInput.of(error).detail) from error
    if sorted(archive.namelist()) != sorted([MANIFEST, *map(_name, manifest.tables)]):
        raise _damaged(path, f"it does not hold the parts that its {MANIFEST} names")
    return manifest


def _check_version(path: str | os.PathLike[str], name: str, given: object, oldest: int, known: int) -> None:
    if not isinstance(given, int):
        raise _damaged(path, f"{name} is {given!r}")
    if oldest <= given <= known:
        return
    if given > known:
        which = f"newer version of multiarm ({name} {given}, this one knows {known})"
        raise InvalidInput(f"{path}: written by a {which}; nothing was changed")
    read = known if oldest == known else f"{oldest} to {known}"
    which = f"older version of multiarm ({name} {given}, this one reads {read})"
    raise InvalidInput(
        f"{path}: written by an {which}; nothing was changed: import it with that version, open the database with this "
        "one, and export it anew"
    )


def _fill(store: SQLiteStore, archive: zipfile.ZipFile, table: str, part: Part, path: str | os.PathLike[str]) -> None:
    """Reads a table, and holds it against its count and digest."""
    columns = tuple(part.columns)
    digest, count = hashlib.sha256(), 0
    rows: list[list[Any]] = []
    with archive.open(_name(table)) as file:
        while line := file.readline(MOST_LINE_BYTES):
            digest.update(line)
            row = json.loads(line)
            if not isinstance(row, dict) or tuple(row) != columns:
                raise _damaged(path, f"line {count + 1} of {table!r} is no row")
            if table == "experiments":  # what this version does not understand is not imported
                load(
                    ExperimentRow(*(row[name] for name in ExperimentRow._fields)),
                    Standing(*(row[name] for name in Standing._fields)),
                )
            rows.append([_cell(value) for value in row.values()])
            count += 1
            if len(rows) == ROWS_AT_ONCE:
                store.fill(table, columns, rows)
                rows = []
    store.fill(table, columns, rows)
    if (count, digest.hexdigest()) != (part.rows, part.sha256):
        raise _damaged(path, f"{table!r} has {count} rows that are not the {part.rows} which were written")


def _damaged(path: str | os.PathLike[str], why: str) -> InvalidInput:
    return InvalidInput(f"{path}: damaged or not an archive of multiarm: {why}; nothing was changed")


def _name(table: str) -> str:
    return f"{table}.jsonl"


def _plain(value: object) -> object:
    """A value as JSON; bytes as an object with their base64."""
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _cell(value: object) -> object:
    """What `_plain` has made JSON of."""
    if isinstance(value, Mapping):
        return base64.b64decode(value["base64"], validate=True)
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise ValueError(f"{value!r} is no cell")
