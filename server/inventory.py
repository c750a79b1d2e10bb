"""The commands `multiarm list` and `multiarm audit`: which experiments a file has, and who changed what in it."""

from typing import Any, get_args

import click

from bandit import listing
from bandit.audit import AuditLine, AuditQuery, read
from bandit.experiment import Status, Type
from server.report import aligned, moment
from server.stored import reading

_DB = click.option("--db", default="multiarm.db", show_default=True, type=click.Path(), help="SQLite file; only read.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


@click.command("list")
@_DB
@click.option("--status", type=click.Choice(get_args(Status)), help="Only those with this status.")
@click.option("--type", type=click.Choice(get_args(Type)), help="Only those of this type.")
@click.option("--owner", help="Only those of this owner.")
@click.option("--tag", help="Only those with this tag.")
@click.option("--text", help="Only those with this in their key or name.")
@_JSON
def every(*, db: str, as_json: bool, **filters: Any) -> None:
    """List the experiments of a file, the oldest first."""
    with reading(db) as reader:
        found = listing.every(reader, listing.Query.model_validate(filters))
    if as_json:
        click.echo(listing.Page(experiments=found, next=None).model_dump_json(indent=2))
        return
    rows = [[one.key, one.status, one.type, one.owner, moment(one.started_at), one.name] for one in found]
    click.echo(aligned([["experiment", "status", "type", "owner", "started", "name"], *rows]))


@click.command()
@click.argument("key", required=False)
@_DB
@click.option("--kind", help="Only what was changed of this kind, such as experiment or flag.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="The newest so many.")
@_JSON
def audit(*, key: str | None, db: str, kind: str | None, limit: int, as_json: bool) -> None:
    """Show who changed what, the newest change first; of KEY, or of everything."""
    with reading(db) as reader:
        found = read(reader, AuditQuery(kind=kind, key=key, limit=limit))
    if as_json:
        click.echo(found.model_dump_json(indent=2))
        return
    click.echo("\n".join(map(_told, found.changes)) or "nothing was changed")


def _told(line: AuditLine) -> str:
    """A line in words."""
    who = f" by {line.actor}" if line.actor else ""
    states = f", {line.before} -> {line.after}" if line.before != line.after and line.before else ""
    fields = "".join(f"\n    {name}: {one.before!r} -> {one.after!r}" for name, one in line.fields.items())
    detail = f": {line.detail}" if line.detail else ""
    return f"{moment(line.at)}  {line.kind} {line.key}  {line.action}{who}{states}{detail}{fields}"
