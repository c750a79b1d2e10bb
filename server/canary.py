"""The command `multiarm rollout`: where a canary of a database is, and people's say in it."""

import time
from collections.abc import Callable, Sequence

import click

from bandit.criterion import CheckResult
from bandit.progress import report
from bandit.rollout import RolloutEvent, RolloutReport
from bandit.running import load
from server.opened import DB, opened
from server.report import aligned, moment
from server.stored import stored


@click.group()
def rollout() -> None:
    """Show where a canary is, move it on, hold it, and roll it back."""


@rollout.command()
@click.argument("key")
@DB
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def status(key: str, db: str, *, as_json: bool) -> None:
    """Show where the canary KEY is, how it is doing, what to do, and how it got there."""
    with stored(key, db) as (reader, row, standing):
        found = report(reader, load(row, standing), time.time())
    click.echo(found.model_dump_json(indent=2) if as_json else _text(found))


def _verb(name: str, method: str, summary: str) -> Callable[..., None]:
    """A command that calls a verb of the engine, and says where the rollout is then."""

    @rollout.command(name, help=summary)
    @click.argument("key")
    @click.option("--reason", default="", metavar="TEXT", help="Why; the history keeps it.")
    @DB
    def move(key: str, reason: str, db: str) -> None:
        with opened(db) as engine:
            getattr(engine, method)(key, reason)
            click.echo(_place(engine.rollout(key)))

    return move


promote = _verb("promote", "promote", "Move the canary KEY on by one step, whatever its criteria say.")
hold = _verb("hold", "hold", "Keep the canary KEY at its step; what trips still rolls it back.")
proceed = _verb("proceed", "proceed", "Let the canary KEY go on, which was held.")
roll_back = _verb("roll-back", "roll_back", "Serve the control of the canary KEY alone from now on, for good.")


def _place(found: RolloutReport) -> str:
    step = f"step {found.step + 1} of {len(found.steps)}"
    return f"{found.experiment}: {found.status}, {step}, the candidate serves {100.0 * found.share:g}%"


def _text(found: RolloutReport) -> str:
    left = f", {found.remaining:.0f} s left of the step" if found.remaining > 0.0 else ""
    parts = [f"{_place(found)}, health {found.health}{left}"]
    if found.criteria:
        parts.append(checks("criterion", found.criteria))
    if found.recommendations:
        parts.append("\n".join(found.recommendations))
    parts.append("\n".join(map(_event, found.history)))
    return "\n\n".join(parts)


def checks(kind: str, found: Sequence[CheckResult]) -> str:
    """What criteria, or guardrails, say, as a table."""
    return aligned([[kind, "metric", "of", "says", "units", "value", "must be"], *map(_row, found)])


def _row(one: CheckResult) -> list[str]:
    value = "-" if one.value is None else f"{one.value:.4g}"
    limit = f"{one.must_be} {one.limit:.4g}"
    return [one.criterion, one.metric, one.variant, one.outcome, str(one.units), value, limit]


def _event(event: RolloutEvent) -> str:
    who, why = (f" by {event.by}" if event.by else ""), (f": {event.reason}" if event.reason else "")
    return f"{moment(event.at)}  {event.action}, {100.0 * event.share:g}%{who}{why}"
