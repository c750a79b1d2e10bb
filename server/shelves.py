"""The commands of every kind of document, such as `multiarm flag`: create, update, replace, remove, list and show."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from server.opened import DB, changed, opened
from server.report import aligned
from server.validate import FILE, definition

if TYPE_CHECKING:
    from bandit import Engine

Cell = Callable[[Any], str]


def group(name: str, summary: str, state: Cell, columns: Mapping[str, Cell], show: Cell) -> click.Group:
    """The commands of a kind.

    Args:
        name: What one is called; the engine has all of them under this name and an s.
        summary: What the commands are for.
        state: What is said of one that was changed.
        columns: What is listed of each, by heading.
        show: One as JSON.
    """

    def shelf(engine: "Engine") -> Any:
        return getattr(engine, f"{name}s")

    def say(found: Any) -> None:
        click.echo(f"{found.key}: {state(found)}")

    @DB
    def create(file: Path, db: str) -> None:
        given = definition(file)
        say(changed(db, lambda engine: shelf(engine).create(given)))

    @DB
    def update(key: str, file: Path, db: str) -> None:
        given = definition(file)
        with opened(db) as engine:
            say(shelf(engine).update(key, given))

    @DB
    def replace(file: Path, db: str) -> None:
        given = definition(file)
        with opened(db) as engine:
            from bandit.operating import valid

            new = valid(shelf(engine).kind.model.model_validate, given)
            kept = {"key", "owner"} - ({"owner"} & given.keys())
            say(shelf(engine).update(new.key, new.model_dump(mode="json", exclude=kept)))

    @DB
    def remove(key: str, db: str) -> None:
        with opened(db) as engine:
            shelf(engine).remove(key)
        click.echo(f"{key}: removed")

    @DB
    def every(db: str) -> None:
        with opened(db) as engine:
            found = shelf(engine).list()
        rows = [[cell(one) for cell in columns.values()] for one in found]
        click.echo(aligned([[*columns], *rows]))

    @DB
    def one(key: str, db: str) -> None:
        with opened(db) as engine:
            click.echo(show(shelf(engine).get(key)))

    found, key = click.Group(name, help=summary), click.argument("key")
    for verb, function, arguments, about in (
        ("create", create, [FILE], f"Enter the {name} of FILE, JSON or TOML."),
        ("update", update, [key, FILE], f"Change the {name} KEY: the fields in FILE, JSON or TOML; all others stay."),
        (
            "replace",
            replace,
            [FILE],
            f"Define a {name} anew, by its key, as in FILE, JSON or TOML.\n\n"
            f"Of what FILE does not name, the owner stays, and all else is as in a new {name}.",
        ),
        ("remove", remove, [key], f"Remove the {name} KEY."),
        ("list", every, [], f"List all {name}s, by key."),
        ("show", one, [key], f"Show the definition of the {name} KEY as JSON."),
    ):
        for argument in reversed(arguments):
            function = argument(function)
        found.add_command(click.command(verb, help=about)(function))
    return found
