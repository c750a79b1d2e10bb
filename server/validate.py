"""The command `multiarm validate`: what is wrong with a definition in a file, and what is unwise about it."""

import os
import time
import tomllib
from pathlib import Path
from typing import Any

import click
from pydantic_core import from_json

from bandit import settings
from bandit.actor import current
from bandit.errors import MultiarmError
from bandit.outside import read
from bandit.validation import Remark, Validation, in_store, validate
from server.stored import reading

FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.command("validate")
@FILE
@click.option("--db", type=click.Path(), help="SQLite file whose settings, keys and cohorts count; only read.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@click.pass_context
def command(context: click.Context, *, file: Path, db: str | None, as_json: bool) -> None:
    """Say what is wrong with the definition of an experiment in FILE, JSON or TOML, and what is unwise.

    Exits with 0 if it would be taken, 1 if not, 2 if a file cannot be read. Nothing is created.
    """
    try:
        found = _validated(definition(file), db)
    except click.ClickException as error:
        error.show()
        context.exit(2)
    click.echo(found.model_dump_json(indent=2) if as_json else _text(found))
    context.exit(1 if found.errors else 0)


def _validated(given: dict[str, Any], db: str | None) -> Validation:
    try:
        outside = read(None, os.environ)
        if db is None:
            return validate(given, time.time(), settings.merged(outside, {}))
    except MultiarmError as error:
        raise click.ClickException(error.detail) from None
    with reading(db) as reader:
        found = validate(given, time.time(), settings.read(reader, outside))
        return in_store(found, given, reader, current())


def definition(file: Path) -> dict[str, Any]:
    """What a file of JSON or TOML defines.

    Raises:
        FileError: It cannot be read, or is no object.
    """
    try:
        text = file.read_text(encoding="utf-8")
        given = tomllib.loads(text) if file.suffix.lower() == ".toml" else from_json(text)
    except (OSError, ValueError, RecursionError) as error:  # the last of TOML, nested too deep
        raise click.FileError(str(file), f"it cannot be read as JSON or TOML: {error}") from None
    if not isinstance(given, dict):
        raise click.FileError(str(file), "it is not an object with fields")
    return given


def _text(found: Validation) -> str:
    lines = [*_lines("error", found.errors), *_lines("warning", found.warnings)]
    if found.sample_size is not None:
        lines.append(f"a fixed split needs {found.sample_size.sample_size_per_variant:,} units of each variant")
    return "\n".join(lines or ["nothing is wrong with it"])


def _lines(severity: str, remarks: list[Remark]) -> list[str]:
    return [f"{severity}: {remark.field}{': ' if remark.field else ''}{remark.message}" for remark in remarks]
