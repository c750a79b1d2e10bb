"""The command `multiarm flag`: flags of a database, and what they serve."""

import json
from typing import TYPE_CHECKING, Any

import click
from pydantic_core import from_json

from server.opened import DB, opened
from server.shelves import group

if TYPE_CHECKING:
    from bandit.flag import Flag


def _switch(one: "Flag") -> str:
    return "on" if one.enabled else "off"


def _state(one: "Flag") -> str:
    return f"{one.type}, {_switch(one)}"


flag = group(
    "flag",
    "Create, change, remove, list and evaluate flags.",
    _state,
    {
        "flag": lambda one: one.key,
        "type": lambda one: one.type,
        "state": _switch,
        "default": lambda one: one.default_variant or "-",
        "rules": lambda one: str(len(one.rules)),
        "experiment": lambda one: one.experiment or "-",
        "owner": lambda one: one.owner,
        "name": lambda one: one.name,
    },
    lambda one: one.model_dump_json(indent=2),
)


def _turn(name: str, *, enabled: bool) -> None:
    @flag.command(name, help=f"Turn the flag KEY {'on' if enabled else 'off: it gives its default'}.")
    @click.argument("key")
    @DB
    def turn(key: str, db: str) -> None:
        with opened(db) as engine:
            found = engine.flags.update(key, {"enabled": enabled})
        click.echo(f"{key}: {_state(found)}")


_turn("enable", enabled=True)
_turn("disable", enabled=False)


@flag.command()
@click.argument("key")
@click.option("--unit", metavar="UNIT", help="Who is served.  [default: nobody in particular]")
@click.option("--attributes", default="{}", metavar="JSON", help='What rules read, as {"country": "DE"}.')
@DB
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
