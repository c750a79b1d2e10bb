"""The command `multiarm experiment`: experiments of a database, and their life."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from server.inventory import every
from server.opened import changed, opened
from server.validate import FILE, definition

if TYPE_CHECKING:
    from bandit import StoredExperiment

TRANSITIONS = {
    "start": "Start the draft KEY: from now on it decides.",
    "pause": "Pause the experiment KEY: rewards still count.",
    "resume": "Resume the experiment KEY, which was paused.",
    "complete": "End the experiment KEY as planned; rewards still count.",
    "archive": "Put away the experiment KEY: its outcomes are final.",
}
"""What moves an experiment on and needs nothing but its key, by the name of the engine's verb."""

_DB = click.option("--db", default="multiarm.db", show_default=True, type=click.Path(), help="SQLite file.")


@click.group()
def experiment() -> None:
    """Create, list, start, pause and end experiments."""


experiment.add_command(every)


@experiment.command()
@FILE
@_DB
def create(file: Path, db: str) -> None:
    """Enter the experiment of FILE, JSON or TOML, as a draft."""
    given = definition(file)
    _say(changed(db, lambda engine: engine.create(given)))


@experiment.command()
@click.argument("key")
@click.argument("new_key")
@_DB
def clone(key: str, new_key: str, db: str) -> None:
    """Enter the draft NEW_KEY, defined as KEY is, without its data."""
    with opened(db) as engine:
        _say(engine.clone(key, new_key))


@experiment.command()
@click.argument("key")
@_DB
def show(key: str, db: str) -> None:
    """Show the experiment KEY, and its status, as JSON."""
    with opened(db) as engine:
        click.echo(engine.get(key).model_dump_json(indent=2))


@experiment.command()
@click.argument("key")
@click.option("--reason", default="", metavar="TEXT", help="Why; the experiment and the audit log keep it.")
@_DB
def stop(key: str, reason: str, db: str) -> None:
    """End the experiment KEY early; rewards still count."""
    with opened(db) as engine:
        _say(engine.stop(key, reason))


def _transition(name: str, summary: str) -> click.Command:
    @click.command(name, help=summary)
    @click.argument("key")
    @_DB
    def move(key: str, db: str) -> None:
        with opened(db) as engine:
            _say(getattr(engine, name)(key))

    return move


for _name, _summary in TRANSITIONS.items():
    experiment.add_command(_transition(_name, _summary))


def _say(found: "StoredExperiment") -> None:
    click.echo(f"{found.key}: {found.status}")
