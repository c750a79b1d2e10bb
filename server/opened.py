"""A database that a command changes, beside whatever servers have it open."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from bandit import Engine

DB = click.option("--db", default="multiarm.db", show_default=True, type=click.Path(), help="SQLite file.")

Done = TypeVar("Done")


@contextmanager
def opened(db: str | None, *, config: str | None = None) -> "Iterator[Engine]":
    """An engine for a command, on a file that must be there; None is on none.

    Raises:
        ClickException: The file is not there or cannot be used, or what was asked is refused.
    """
    if db is not None and not Path(db).exists():
        raise click.ClickException(f"{db}: there is no such file")
    with _engine(db, config) as engine:
        yield engine


def changed(db: str, change: "Callable[[Engine], Done]", *, config: str | None = None) -> Done:
    """What a change gives, on a file that is made where it is absent, and not where the change is refused.

    Raises:
        ClickException: The file cannot be used, or the change is refused.
    """
    if not Path(db).exists():
        with _engine(None, config) as nowhere:
            change(nowhere)
    with _engine(db, config) as engine:
        return change(engine)


@contextmanager
def _engine(db: str | None, config: str | None) -> "Iterator[Engine]":
    from bandit import Engine, MultiarmError
    from bandit.actor import acting

    try:
        with Engine(db, config=config) as engine, acting("command line"):
            yield engine
    except MultiarmError as error:
        raise click.ClickException(error.detail) from None
