"""The command `multiarm config`: the settings of a database, and where each comes from."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bandit.errors import MultiarmError
from server.opened import DB, changed, opened

if TYPE_CHECKING:
    from bandit import Engine
    from bandit.configuration import Listed

_CONFIG = click.option("--config", type=click.Path(), help="TOML file.  [default: MULTIARM_CONFIG, or none]")


@click.group()
def config() -> None:
    """Show and change settings.

    A value comes from the environment (MULTIARM_ and the name in capitals), else from what was set and is stored with
    the data, else from a TOML file, else it is the default.
    """


@config.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@DB
@_CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def show(names: Sequence[str], db: str, config: str | None, *, as_json: bool) -> None:
    """Show settings, all if none is named: value, where it comes from, what it is."""
    with opened(db if Path(db).exists() else None, config=config) as engine:
        _check(names)
        found = [one for one in engine.settings.list() if not names or one.name in names]
    if as_json:
        click.echo(json.dumps([one.model_dump() for one in found]))
    else:
        rows = [(one.name, json.dumps(one.value), one.source) for one in found]
        wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row, one in zip(rows, found, strict=True):
            cells = (cell.ljust(width) for cell, width in zip(row, wide, strict=True))
            click.echo("  ".join([*cells, one.description]))


@config.command(name="set")
@click.argument("name")
@click.argument("value")
@DB
@_CONFIG
def change(name: str, value: str, db: str, config: str | None) -> None:
    """Store VALUE for the setting NAME: true or false, a number, a text, or a list as in TOML."""
    from bandit.outside import parse

    def store(engine: "Engine") -> "Listed":
        _check([name])
        return engine.settings.update({name: parse(name, value)})

    _say(changed(db, store, config=config), [name])


@config.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@DB
@_CONFIG
def reset(names: Sequence[str], db: str, config: str | None) -> None:
    """Forget what is stored of the settings named, or of all."""
    with opened(db, config=config) as engine:
        found = engine.settings.reset(*names)
    _say(found, names)


@config.command(name="export")
@DB
@_CONFIG
@click.option("--out", type=click.Path(), help="File to write.  [default: standard output]")
def write(db: str, config: str | None, out: str | None) -> None:
    """Write every setting that is not at its default as TOML, for `import` or `--config`."""
    import tomli_w

    with opened(db, config=config) as engine:
        text = tomli_w.dumps({one.name: one.value for one in engine.settings.list() if one.value != one.default})
    if out is None:
        click.echo(text, nl=False)
    else:
        try:
            Path(out).write_text(text, encoding="utf-8")
        except OSError as error:
            raise click.ClickException(f"{out}: {error.strerror}") from None


@config.command(name="import")
@click.argument("file", type=click.Path())
@DB
@_CONFIG
def read(file: str, db: str, config: str | None) -> None:
    """Store every setting of a TOML file, or none where one is refused."""
    from bandit.outside import from_file

    try:
        values = from_file(Path(file))
    except MultiarmError as error:
        raise click.ClickException(error.detail) from None
    _say(changed(db, lambda engine: engine.settings.update(values), config=config), list(values))


def _check(names: Sequence[str]) -> None:
    from bandit.configuration import check_names

    check_names(dict.fromkeys(names))


def _say(found: "Listed", names: Sequence[str]) -> None:
    """Shows what the settings named are now."""
    for one in found:
        if one.name in names:
            click.echo(f"{one.name} = {json.dumps(one.value)} ({one.source})")
