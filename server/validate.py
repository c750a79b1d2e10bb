"""The command `multiarm validate`: what is wrong with a definition in a file, and what is unwise about it."""

import json
import time
import tomllib
from pathlib import Path
from typing import Any

import click

from bandit.validation import Remark, Validation, validate


@click.command("validate")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@click.pass_context
def command(context: click.Context, *, file: Path, as_json: bool) -> None:
    """Say what is wrong with the definition of an experiment in FILE, JSON or TOML, and what is unwise.

    Exits with 0 if it would be taken, 1 if not, 2 if the file cannot be read. Nothing is created.
    """
    found = validate(_read(file), time.time())
    click.echo(found.model_dump_json(indent=2) if as_json else _text(found))
    context.exit(1 if found.errors else 0)


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        given = tomllib.loads(text) if file.suffix.lower() == ".toml" else json.loads(text)
    except (OSError, ValueError) as error:
        raise click.FileError(str(file), f"it cannot be read as JSON or TOML: {error}") from None
    if not isinstance(given, dict):
        raise click.FileError(str(file), "it is not an object with the fields of an experiment")
    return given


def _text(found: Validation) -> str:
    lines = [*_lines("error", found.errors), *_lines("warning", found.warnings)]
    if found.sample_size is not None:
        lines.append(f"a fixed split needs {found.sample_size.sample_size_per_variant:,} units of each variant")
    return "\n".join(lines or ["nothing is wrong with it"])


def _lines(severity: str, remarks: list[Remark]) -> list[str]:
    return [f"{severity}: {remark.field}{': ' if remark.field else ''}{remark.message}" for remark in remarks]
