"""An experiment in a file that a command only reads."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from bandit.errors import MultiarmError
from bandit.sqlite import SQLiteStore
from bandit.store import ExperimentRow, Reader, Standing


@contextmanager
def stored(key: str, db: str) -> Iterator[tuple[Reader, ExperimentRow, Standing]]:
    """A reader of one moment, and the experiment of a key.

    Raises:
        ClickException: The file cannot be read, the experiment is unknown, or what was asked of it cannot be done.
    """
    try:
        store = SQLiteStore(db, read_only=True)
        try:
            with store.snapshot() as reader:
                found = reader.experiment(key)
                if found is None:
                    raise click.ClickException(f"{db}: experiment {key!r} is unknown")
                yield reader, *found
        finally:
            store.close()
    except MultiarmError as error:
        raise click.ClickException(error.detail) from None
