"""The command `multiarm experiment`: experiments of a database, and their life."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bandit import traffic as traffics
from bandit.progress import guardrails as watched
from bandit.running import load
from server.canary import checks
from server.inventory import every
from server.opened import DB, changed, opened
from server.report import aligned, moment
from server.stored import stored
from server.validate import FILE, definition

if TYPE_CHECKING:
    from bandit import StoredExperiment
    from bandit.criterion import Checks

TRANSITIONS = {
    "start": "Start the draft KEY: from now on it decides.",
    "pause": "Pause the experiment KEY: rewards still count.",
    "resume": "Resume the experiment KEY, which was paused.",
    "complete": "End the experiment KEY as planned; rewards still count.",
    "archive": "Put away the experiment KEY: its outcomes are final.",
}
"""What moves an experiment on and needs nothing but its key, by the name of the engine's verb."""

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


@click.group()
def experiment() -> None:
    """Create, change, list, start, pause and end experiments, and see how they do."""


experiment.add_command(every)


@experiment.command()
@FILE
@DB
def create(file: Path, db: str) -> None:
    """Enter the experiment of FILE, JSON or TOML, as a draft."""
    given = definition(file)
    _say(changed(db, lambda engine: engine.create(given)))


@experiment.command()
@click.argument("key")
@FILE
@DB
def update(key: str, file: Path, db: str) -> None:
    """Change the experiment KEY: the fields in FILE, JSON or TOML; all others stay.

    What may not change any more, once it has started, is refused by name.
    """
    given = definition(file)
    with opened(db) as engine:
        _say_all(engine.update(key, given))


@experiment.command()
@click.argument("key")
@click.argument("new_key")
@DB
def clone(key: str, new_key: str, db: str) -> None:
    """Enter the draft NEW_KEY, defined as KEY is, without its data."""
    with opened(db) as engine:
        _say(engine.clone(key, new_key))


@experiment.command()
@click.argument("key")
@DB
def show(key: str, db: str) -> None:
    """Show the experiment KEY, and its status, as JSON."""
    with opened(db) as engine:
        click.echo(engine.get(key).model_dump_json(indent=2))


@experiment.command()
@click.argument("key")
@click.option("--reason", default="", metavar="TEXT", help="Why; the experiment and the audit log keep it.")
@DB
def stop(key: str, reason: str, db: str) -> None:
    """End the experiment KEY early; rewards still count."""
    with opened(db) as engine:
        _say(engine.stop(key, reason))


def _verb(name: str, summary: str) -> click.Command:
    @click.command(name, help=summary)
    @click.argument("key")
    @DB
    def move(key: str, db: str) -> None:
        with opened(db) as engine:
            _say(getattr(engine, name)(key))

    return move


for _name, _summary in TRANSITIONS.items():
    experiment.add_command(_verb(_name, _summary))


def _weights(context: click.Context, parameter: click.Parameter, given: Sequence[str]) -> Mapping[str, float]:
    """What `short=3` and the like say."""
    weights: dict[str, float] = {}
    for one in given:
        variant, _, weight = one.partition("=")
        try:
            number = float(weight)
        except ValueError:
            raise click.BadParameter(
                f"{one!r} is not a variant and its weight, as short=3", context, parameter
            ) from None
        if variant in weights:
            raise click.BadParameter(f"{variant!r} is given twice", context, parameter)
        weights[variant] = number
    return weights


@experiment.command()
@click.argument("key")
@click.argument("weights", nargs=-1, metavar="[VARIANT=WEIGHT]...", callback=_weights)
@DB
def rebalance(key: str, weights: Mapping[str, float], db: str) -> None:
    """Set weights of variants of the experiment KEY; those of the others stay.

    Without any, all that are served weigh the same from now on.
    """
    with opened(db) as engine:
        _say_all(engine.rebalance(key, weights or None))


@experiment.command()
@click.argument("key")
@DB
def apply_winner(key: str, db: str) -> None:
    """Give all units to the winner that a stopping rule of the experiment KEY has found."""
    with opened(db) as engine:
        _say_all(engine.apply_winner(key))


@experiment.command()
@click.argument("key")
@DB
@_JSON
def traffic(key: str, db: str, *, as_json: bool) -> None:
    """Show how the units of the experiment KEY are spread over its variants, and how they were expected to be."""
    with stored(key, db) as found:
        answer = traffics.traffic(*found)
    if as_json:
        click.echo(answer.model_dump_json(indent=2))
        return
    rows = [
        [one.key, str(one.decisions), str(one.units), f"{one.expected_units:.1f}", f"{one.probability:.4f}"]
        for one in answer.variants
    ]
    click.echo(aligned([["variant", "decisions", "units", "expected", "drawn now with"], *rows]))


@experiment.command()
@click.argument("key")
@DB
@_JSON
def guardrails(key: str, db: str, *, as_json: bool) -> None:
    """Show what every guardrail of the experiment KEY says, and what has tripped and was not cleared."""
    with stored(key, db) as (reader, row, standing):
        found = watched(reader, load(row, standing), time.time())
    click.echo(found.model_dump_json(indent=2) if as_json else _watched(found))


@experiment.command()
@click.argument("key")
@click.argument("guardrail")
@DB
def clear_trip(key: str, guardrail: str, db: str) -> None:
    """Clear what GUARDRAIL of the experiment KEY has tripped, and end what was done for it."""
    with opened(db) as engine:
        _say_all(engine.clear_trip(key, guardrail))


@experiment.command()
@click.argument("key")
@DB
@_JSON
def quality(key: str, db: str, *, as_json: bool) -> None:
    """Show what is odd about the data of the experiment KEY, from its log, and what to do about it."""
    with opened(db) as engine:
        found = engine.quality(key)
    if as_json:
        click.echo(found.model_dump_json(indent=2))
        return
    lines = [f"{one.severity}: {one.message}\n    {one.recommendation}" for one in found.findings]
    click.echo("\n".join(lines) or "nothing is odd")


def _watched(found: "Checks") -> str:
    lines = [f"{moment(trip.at)}  {trip.reason}; done: {trip.action}" for trip in found.trips]
    table = [checks("guardrail", found.results)] if found.results else []
    return "\n".join([*table, *lines]) or "it has no guardrails"


def _say(found: "StoredExperiment") -> None:
    click.echo(f"{found.key}: {found.status}")


def _say_all(found: "StoredExperiment") -> None:
    """How an experiment is now, with the weights in force and what has tripped."""
    weights = [f"{one.key} {share:g}" for one, share in zip(found.variants, found.shares, strict=True)]
    tripped = [f"tripped: {trip.criterion} of {trip.variant}" for trip in found.trips]
    click.echo("; ".join([f"{found.key}: {found.status}", f"weights {', '.join(weights)}", *tripped]))
