"""The whole system in one file, and back: every table as lines of JSON in a zip, with their counts and digests.

An archive holds all that is stored, hashes of API keys and secrets of channels among it, so that the system it is
imported into answers as this one does. Only its owner may read the file; keep it as you keep the database.
"""

import base64
import binascii
import contextlib
import hashlib
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import IO, Annotated, Any

from pydantic import Field, ValidationError

from bandit.errors import InvalidInput, MultiarmError, WrongState
from bandit.memory import load
from bandit.model import Model
from bandit.new_file import new_file
from bandit.sqlite import SCHEMA, SQLiteStore
from bandit.store import Reader

FORMAT = 1
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
        InvalidInput: The archive is damaged, not one of these, or of another version; nothing was changed.
        WrongState: The database is not empty; nothing was changed.
        StoreError: The database cannot be used.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = _manifest(archive, path)
            with _empty(db) as store, store.transaction():
                for table, part in manifest.tables.items():
                    _fill(store, archive, table, part, path)
                for row, standing in store.reader().experiments():
                    load(row, standing)
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, _zlib_error()) as error:
        if isinstance(error, MultiarmError):
            raise
        raise _damaged(path, str(error) or type(error).__name__) from error
    return manifest
