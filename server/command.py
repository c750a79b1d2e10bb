"""The command line: `multiarm`, whose subcommands are entry points that are imported only when they are called."""

import json
import os
import sys
import time
from importlib.metadata import entry_points

import click

SUMMARIES = {
    "alerts": "Show what people were told.",
    "audit": "Show who changed what, and when.",
    "backup": "Copy the database, while servers go on writing.",
    "channel": "Manage the channels that alerts go through.",
    "cohort": "Manage cohorts of units.",
    "config": "Show and change settings.",
    "counterfactual": "Estimate what another policy would have earned.",
    "demo": "Watch a bandit learn: a server, simulated users, a minute.",
    "erase": "Forget a unit.",
    "experiment": "Manage experiments: their lives, weights and guardrails.",
    "export": "Write all into one archive, or an experiment's log.",
    "flag": "Manage and evaluate flags.",
    "import": "Read an archive into an empty database.",
    "keys": "Make, list and revoke API keys.",
    "list": "List the experiments of a file.",
    "power": "Compute a sample size, or the effect or power that one has.",
    "replay": "Replay a log of decisions through a policy.",
    "results": "Show what an experiment has shown so far.",
    "rollout": "Show where a canary is, and move, hold or roll it back.",
    "serve": "Answer choose and reward over HTTP.",
    "simulate": "Simulate policies in an environment, many times over.",
    "validate": "Say what is wrong with a definition, and what is unwise.",
    "verify": "Replay the ledger and compare it with the statistics kept.",
}
"""One line for each command, so that listing them imports none."""

_DB = click.option("--db", default="multiarm.db", show_default=True, type=click.Path(), help="SQLite file; only read.")


class Commands(click.Group):
    """A group of the entry points in `multiarm.commands`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Their names."""
        return sorted(entry_points(group="multiarm.commands").names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command, imported now."""
        for found in entry_points(group="multiarm.commands", name=cmd_name):
            command: click.Command = found.load()
            return command
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists them by their summaries."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, SUMMARIES.get(name, "")) for name in self.list_commands(ctx)])


@click.group(cls=Commands)
@click.version_option(package_name="multiarm", prog_name="multiarm")
def main() -> None:
    """A multi-armed bandit decisioning engine."""


@click.command()
@click.argument("key")
@_DB
@click.option("--method", help="Compare by this test or estimator.  [default: what is valid for the data]")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "markdown", "html"]), default="text", show_default=True
)
@click.option("--json", "form", flag_value="json", help="Short for --format json.")
def results(key: str, db: str, method: str | None, form: str) -> None:
    """Show what the experiment KEY has shown so far, and what to make of it."""
    from bandit import outside, settings
    from bandit.results import results as read
    from server.report import FORMATS
    from server.stored import stored

    with stored(key, db) as (reader, row, standing):
        analysis = settings.read(reader, outside.read(None, os.environ)).enable_statistical_analysis
        answer = read(reader, row, standing, 0.0, time.time(), method, analysis=analysis)
    click.echo(FORMATS[form](answer))


@click.command()
@_DB
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def verify(db: str, as_json: bool) -> None:
    """Replay the ledger and compare it with the statistics kept.

    Exits with 0 if they agree, 1 if not, 2 if the file cannot be read.
    """
    from bandit.errors import StoreError
    from bandit.sqlite import SQLiteStore
    from bandit.verify import unreplayed
    from bandit.verify import verify as replay

    try:
        store = SQLiteStore(db, read_only=True)
        try:
            with store.snapshot() as reader:
                differences = [str(difference) for difference in replay(reader)]
                without = unreplayed(reader)
                counts = {name: sum(1 for _ in reader.rows(name)) for name in ("experiments", "decisions", "events")}
        finally:
            store.close()
    except StoreError as error:
        click.echo(f"Error: {error.detail}", err=True)
        sys.exit(2)
    if as_json:
        click.echo(json.dumps({**counts, "differences": differences, "not_replayed": without}))
    else:
        read = ", ".join(f"{count} {name}" for name, count in counts.items())
        click.echo(f"{len(differences)} differences in {read}" if differences else f"ok: {read}")
        if without:
            click.echo(f"not replayed, because their logs were removed: {', '.join(without)}")
        for difference in differences:
            click.echo(difference)
    sys.exit(1 if differences else 0)
