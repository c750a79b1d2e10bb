"""The command `multiarm flag`: flags of a database, and what they serve."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pydantic_core import from_json

from server.opened import changed, opened
from server.report import aligned
from server.validate import FILE, definition

if TYPE_CHECKING:
    from bandit.flag import Flag

_DB = click.option("--db", default="multiarm.db", show_default=True, type=click.Path(), help="SQLite file.")


@click.group()
def flag() -> None:
    """Create, replace, remove, list and evaluate flags."""


@flag.command()
@FILE
@_DB
def create(file: Path, db: str) -> None:
    """Enter the flag of FILE, JSON or TOML."""
    given = definition(file)
    _say(changed(db, lambda engine: engine.flags.create(given)))


@flag.command()
@FILE
@_DB
def replace(file: Path, db: str) -> None:
    """Define a flag anew, by its key, as in FILE, JSON or TOML.

    Of what FILE does not name, the owner stays, and all else is as in a new flag.
    """
    given = definition(file)
    with opened(db) as engine:
        from bandit.flag import Flag
        from bandit.operating import valid

        new = valid(Flag.model_validate, given)
        kept = {"key", "owner"} - ({"owner"} & given.keys())
        _say(engine.flags.update(new.key, new.model_dump(mode="json", exclude=kept)))


@flag.command()
@click.argument("key")
@_DB
def remove(key: str, db: str) -> None:
    """Remove the flag KEY."""
    with opened(db) as engine:
        engine.flags.remove(key)
    click.echo(f"{key}: removed")


@flag.command(name="list")
@_DB
def every(db: str) -> None:
    """List all flags, by key."""
    with opened(db) as engine:
        found = engine.flags.list()
    head = ["flag", "type", "state", "default", "rules", "experiment", "owner", "name"]
    click.echo(aligned([head, *map(_row, found)]))


@flag.command()
@click.argument("key")
@_DB
def show(key: str, db: str) -> None:
    """Show the definition of the flag KEY as JSON."""
    with opened(db) as engine:
        click.echo(engine.flags.get(key).model_dump_json(indent=2))


@flag.command()
@click.argument("key")
@click.option("--unit", metavar="UNIT", help="Who is served.  [default: nobody in particular]")
@click.option("--attributes", default="{}", metavar="JSON", help='What rules read, as {"country": "DE"}.')
@_DB
def evaluate(key: str, unit: str | None, attributes: str, db: str) -> None:
    """Show what the flag KEY serves, and why.

    Where an experiment decides, its decision counts for nothing, but UNIT keeps the variant.
    """
    with opened(db) as engine:
        found = engine.evaluate(key, unit, _parsed(attributes), defer=True)
    if found.error_details is not None:
        raise click.ClickException(found.error_details)
    click.echo(f"{json.dumps(found.value, ensure_ascii=False)} ({found.variant or 'no variant'}, {found.reason})")


def _parsed(attributes: str) -> Any:
    try:
        return from_json(attributes)
    except ValueError as error:
        raise click.ClickException(f"--attributes: not JSON: {error}") from None


def _row(one: "Flag") -> list[str]:
    default = one.default_variant or "-"
    return [one.key, one.type, _state(one), default, str(len(one.rules)), one.experiment or "-", one.owner, one.name]


def _say(found: "Flag") -> None:
    click.echo(f"{found.key}: {found.type}, {_state(found)}")


def _state(one: "Flag") -> str:
    return "on" if one.enabled else "off"
