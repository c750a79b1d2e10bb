"""The command `multiarm counterfactual`: what a log tells about policies that did not run."""

import click

from bandit.counterfactual import Counterfactual, counterfactual
from bandit.target import EXAMPLES, read
from server.report import aligned
from server.stored import stored

_DB = click.option("--db", default="multiarm.db", show_default=True, type=click.Path(), help="SQLite file; only read.")


@click.command(name="counterfactual")
@click.argument("key")
@click.option("--policy", required=True, metavar="NAME:PARAM=VALUE", help=f"Any policy, or JSON: {EXAMPLES}.")
@_DB
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def show(key: str, policy: str, db: str, as_json: bool) -> None:
    """Estimate what another policy would have earned on the experiment KEY.

    From the propensities that are stored with every decision; with what the estimates rest on, and a 95% interval
    where that is enough.
    """
    with stored(key, db) as found:
        answer = counterfactual(*found, read(policy))
    click.echo(answer.model_dump_json(indent=2) if as_json else table(answer, policy))


def table(answer: Counterfactual, policy: str) -> str:
    """A line for the log and one for the interval, one for every estimate with what it rests on, and the notes."""
    head = ["method", "estimate", "effective size", "greatest weight", "mean weight"]
    rows = [
        [
            estimate.method,
            _number(estimate.estimate),
            f"{estimate.effective_sample_size:,.1f}",
            f"{estimate.greatest_weight:.4g}",
            _number(estimate.mean_weight),
        ]
        for estimate in answer.estimates
    ]
    lines = [
        f"{answer.experiment}: {answer.metric} a trial, had {policy} drawn the variants",
        "",
        f"logged    {_number(answer.logged_mean)} in {answer.trials:,} trials",
        f"interval  {_interval(answer)}",
        "",
        aligned([head, *rows]),
        *(f"\nNote: {note}" for note in answer.notes),
    ]
    return "\n".join(lines)


def _interval(answer: Counterfactual) -> str:
    first = answer.estimates[0]
    if first.lower is None:
        return "none, see the notes" if answer.trials else "none"
    return (
        f"{_number(first.lower)} to {_number(first.upper)} for the policy's value ({answer.level:.0%}, at every look)"
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.5g}"
