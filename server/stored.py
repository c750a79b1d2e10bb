"""What is in a file that a command only reads."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from pydantic import ValidationError

from bandit.errors import InvalidInput, MultiarmError
from bandit.rows import ExperimentRow, Standing
from bandit.sqlite import SQLiteStore
from bandit.store import Reader


@contextmanager
def reading(db: str) -> Iterator[Reader]:
    """A reader of one moment of a file.

    Raises:
        ClickException: It cannot be read, or what is asked of it is not allowed or cannot be done.
    """
    try:
        store = SQLiteStore(db, read_only=True)
        try:
            with store.snapshot() as reader:
                yield reader
        finally:
            store.close()
    except ValidationError as error:
        raise click.UsageError(InvalidInput.of(error).detail) from None
    except MultiarmError as error:
        raise click.ClickException(error.detail) from None


@contextmanager
def stored(key: str, db: str) -> Iterator[tuple[Reader, ExperimentRow, Standing]]:
    """As `reading`, with the experiment of a key.

    Raises:
        ClickException: As `reading`, or the experiment is unknown.
    """
    with reading(db) as reader:
        found = reader.experiment(key)
        if found is None:
            raise click.ClickException(f"{db}: experiment {key!r} is unknown")
        yield reader, *found
