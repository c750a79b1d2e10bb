"""The commands `multiarm alerts` and `multiarm channel`: what people were told, and by which ways."""

from typing import TYPE_CHECKING, Any

import click

from server.opened import DB, opened
from server.report import moment
from server.shelves import group
from server.watching import Watching

if TYPE_CHECKING:
    from bandit.alerts import AlertAnswer, DeliveryAnswer

channel = group(
    "channel",
    "Create, change, remove and list the channels that alerts go through.",
    lambda one: f"{one.type}, {'on' if one.enabled else 'off'}",
    {
        "channel": lambda one: one.key,
        "type": lambda one: one.type,
        "state": lambda one: "on" if one.enabled else "off",
        "kinds": lambda one: ", ".join(one.kinds) or "all",
        "goes to": lambda one: one.url or " ".join(one.command or ["-"]),
        "owner": lambda one: one.owner,
    },
    lambda one: Watching.channel(one).model_dump_json(indent=2),
)


@click.command()
@DB
@click.option("--kind", metavar="KIND", help="Only those of this kind, such as guardrail or anomaly.")
@click.option("--subject", metavar="KEY", help="Only those about this experiment.")
@click.option("--severity", metavar="NAME", help="Only those that are info, warning or critical.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="The newest so many.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def alerts(*, db: str, as_json: bool, **asked: Any) -> None:
    """Show what people were told, the newest first, and how far each alert is on its way."""
    with opened(db) as engine:
        found = engine.alerts.list(**asked)
    if as_json:
        click.echo(found.model_dump_json(indent=2))
    else:
        click.echo("\n".join(map(_told, found.alerts)) or "there are no alerts")


def _told(one: "AlertAnswer") -> str:
    ways = "".join(f"\n    {kept.channel}: {_way(kept)}" for kept in one.deliveries)
    return f"{moment(one.at)}  {one.severity}  {one.kind} {one.subject}: {one.message}{ways}"


def _way(kept: "DeliveryAnswer") -> str:
    why = f" ({kept.error})" if kept.error else ""
    if kept.delivered_at is not None:
        return f"delivered {moment(kept.delivered_at)}"
    if kept.due_at is None:
        return f"given up after {kept.tries} tries{why}"
    return f"due {moment(kept.due_at)}, tried {kept.tries} times so far{why}"
