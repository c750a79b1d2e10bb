"""The command `multiarm erase`: a unit is forgotten."""

import click

from server.opened import DB, opened


@click.command()
@click.argument("unit")
@click.option("--kind", metavar="KIND", help="Only as a unit of this kind.  [default: everywhere]")
@DB
def erase(unit: str, kind: str | None, db: str) -> None:
    """Take the name of UNIT, and what tells of it, out of all that is stored, for good.

    What was counted stays counted. Backups and archives made before still have it.
    """
    with opened(db) as engine:
        erased = engine.erase(unit, kind)
    where = f" of {', '.join(erased.experiments)}" if erased.experiments else ""
    click.echo(f"erased from {erased.decisions:,} decisions{where}")
