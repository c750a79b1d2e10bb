"""The commands `multiarm export`, `import` and `backup`: what is stored, in a file, and back."""

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TextIO

import click

from bandit import archive
from bandit.errors import MultiarmError
from bandit.export import open_bandit
from bandit.new_file import new_file
from bandit.sqlite import SQLiteStore
from server.stored import stored

_DB = click.option("--db", default="multiarm.db", show_default=True, type=click.Path(), help="SQLite file; only read.")
_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("key", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["obd", "parquet"]),
    help="Of the log of KEY. obd: Open Bandit Dataset, as CSV; parquet: every decision, needs the extra `research`.",
)
@_DB
@click.option("--out", type=_PATH, metavar="FILE", help="A new file; without it, a CSV is printed.")
def export(key: str | None, form: str | None, db: str, out: Path | None) -> None:
    """Write all that is stored into one archive, or the log of the experiment KEY for other tools.

    The archive is what `multiarm import` reads. It is of one moment, whatever a server writes meanwhile, and holds
    hashes of API keys and secrets of channels: keep it as you keep the database.
    """
    if (key is None) != (form is None):
        raise click.UsageError("KEY and --format belong together; without both, everything is exported")
    if form == "obd":
        _log(key or "", db, out)
    elif out is None:
        raise click.UsageError("--out is missing")
    elif form == "parquet":
        _parquet(key or "", db, out)
    else:
        with _opened_store(db) as store, store.snapshot() as reader:
            manifest = archive.export(reader, out, time.time())
        click.echo(_sizes(manifest), err=True)


@click.command(name="import")
@click.argument("file", type=_PATH)
@click.option("--db", required=True, type=click.Path(), help="SQLite file; new, or of multiarm and empty.")
def restore(file: Path, db: str) -> None:
    """Read the archive FILE into an empty database, all of it or nothing."""
    try:
        manifest = archive.restore(file, db)
    except MultiarmError as error:
        raise click.ClickException(error.detail) from None
    click.echo(_sizes(manifest), err=True)


@click.command()
@_DB
@click.option("--out", required=True, type=_PATH, metavar="FILE", help="A new file.")
def backup(db: str, out: Path) -> None:
    """Copy the database of one moment into a new file, while servers go on writing."""
    with _opened_store(db) as store, new_file(out) as made:
        store.backup(made)


@contextmanager
def _opened_store(db: str) -> Iterator[SQLiteStore]:
    try:
        store = SQLiteStore(db, read_only=True)
        try:
            yield store
        finally:
            store.close()
    except MultiarmError as error:
        raise click.ClickException(error.detail) from None


def _sizes(manifest: archive.Manifest) -> str:
    rows = {table: part.rows for table, part in manifest.tables.items()}
    return ", ".join(f"{rows[table]:,} {table}" for table in ("experiments", "documents", "decisions", "events"))


def _parquet(key: str, db: str, out: Path) -> None:
    from bandit.parquet import write_log

    with stored(key, db) as (reader, row, standing), new_file(out) as made:
        count = write_log(reader, row, standing, made)
    click.echo(f"{count:,} decisions written", err=True)


def _log(key: str, db: str, out: Path | None) -> None:
    with stored(key, db) as found:
        try:
            with _opened(out) as file:
                sizes = open_bandit(*found, file)
        except FileExistsError:
            raise click.ClickException(f"--out: {out} exists already; give a new file") from None
        except BrokenPipeError:
            sys.stderr.close()  # what reads the output has had enough
            return
        except OSError as error:
            raise click.ClickException(f"--out: {out}: {error.strerror or error}") from None
    click.echo(
        f"{sizes['written']:,} trials written; left out: {sizes['unrewarded']:,} without a reward, "
        f"{sizes['repeated']:,} not drawn anew",
        err=True,
    )


def _opened(out: Path | None) -> AbstractContextManager[TextIO]:
    if out is None:
        return nullcontext(sys.stdout)
    return out.open("x", encoding="utf-8", newline="")
