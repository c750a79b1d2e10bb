"""The command `multiarm keys`: API keys of a database, made where it lies."""

import json
from datetime import UTC, datetime
from typing import get_args

import click

from bandit.keys import APIKey, Scope
from server.opened import DB, changed, opened
from server.report import aligned

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


@click.group()
def keys() -> None:
    """Make, list and revoke API keys."""


@keys.command()
@click.option("--scope", type=click.Choice(get_args(Scope)), required=True, help="What the key allows.")
@click.option("--owner", metavar="NAME", required=True, help="Whose it is, and whose things it may manage.")
@click.option("--expires", metavar="DURATION", help="For how long it is good, as 90d.  [default: until revoked]")
@click.option("--rate", type=float, metavar="N", help="Most requests a second.  [default: no limit]")
@DB
@_JSON
def create(scope: str, owner: str, expires: str | None, rate: float | None, db: str, *, as_json: bool) -> None:
    """Make a key and show its token, this once.

    A key for decide may choose and reward, one for read may look; one for manage does both and manages experiments and
    flags of its owner; one for admin manages everybody's, keys and settings.
    """
    asked = {"scope": scope, "owner": owner, "expires": expires, "rate": rate}
    issued = changed(db, lambda engine: engine.keys.create(asked))
    if as_json:
        click.echo(issued.model_dump_json())
    else:
        click.echo(f"The key {issued.id} for {issued.owner} ({issued.scope}). It is not shown again:\n", err=True)
        click.echo(issued.token)


@keys.command(name="list")
@DB
@_JSON
def show(db: str, *, as_json: bool) -> None:
    """List all keys, the oldest first."""
    with opened(db) as engine:
        found, now = engine.keys.list(), datetime.now(UTC).timestamp()
    if as_json:
        click.echo(json.dumps([key.model_dump() for key in found]))
        return
    head = ["id", "owner", "scope", "ends in", "made", "state", "requests/s"]
    click.echo(aligned([head, *(_row(key, now) for key in found)]))


@keys.command()
@click.argument("key", metavar="ID")
@DB
def revoke(key: str, db: str) -> None:
    """Make the key ID worthless, at once and for good."""
    with opened(db) as engine:
        revoked = engine.keys.revoke(key)
    click.echo(f"The key {revoked.id} of {revoked.owner} is revoked.")


def _row(key: APIKey, now: float) -> list[str]:
    if key.revoked_at is not None:
        state = f"revoked {_day(key.revoked_at)}"
    elif key.expires_at is not None:
        state = f"{'expired' if key.expires_at <= now else 'until'} {_day(key.expires_at)}"
    else:
        state = "good"
    rate = "" if key.rate is None else f"{key.rate:g}"
    return [key.id, key.owner, key.scope, key.last_four, _day(key.created_at), state, rate]


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
