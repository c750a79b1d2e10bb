"""The command `multiarm replay`."""

import contextlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import click
from pydantic import ValidationError

from bandit import Engine, Experiment, InvalidInput, MultiarmError
from policies import POLICIES, Policy
from simulations.evaluation import Evaluation, RowClock, evaluate, experiment
from simulations.interval import Estimate
from simulations.log import Event, Log, read

MOST_ARMS_SHOWN = 5
SURELY_NOT_UNIFORM = 1e-6


class Refused(click.ClickException):
    """What was given cannot be replayed: one line and exit code 2."""

    exit_code = 2


@click.command()
@click.option("--log", "path", required=True, type=click.Path(path_type=Path), help="CSV file with a header, UTF-8.")
@click.option("--arm", required=True, metavar="COLUMN", help="Column of the arm that was shown.")
@click.option("--reward", required=True, metavar="COLUMN", help="Column of what it earned: a number.")
@click.option("--policy", "name", required=True, metavar="NAME", help=f"One of {', '.join(POLICIES)}.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the policy; repeatable.")
@click.option("--propensity", metavar="COLUMN", help="Column of the logged probability, checked to be uniform.")
@click.option("--floor", default=0.0, show_default=True, help="Least probability of an arm; 0: the policy by itself.")
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same replay.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def replay(
    *,
    path: Path,
    arm: str,
    reward: str,
    name: str,
    params: Sequence[str],
    propensity: str | None,
    floor: float,
    seed: int,
    as_json: bool,
) -> None:
    """Say what a policy would have earned on a log of decisions made uniformly at random.

    Row by row the policy chooses; where it chooses the arm that was logged, it is given the logged reward (Li, Chu,
    Langford and Wang 2011). Time is counted in rows: a half_life of 1000 is one of 1000 rows.
    """
    try:
        chosen = policy(name, params)
        log = read(path, arm, reward, propensity)
        definition = experiment(log, chosen, floor=floor)
        clock = RowClock()
        with Engine(clock=clock, seed=seed) as engine, _watched(log) as events:
            result = evaluate(engine, definition, log, clock.follow(events))
    except MultiarmError as error:
        raise Refused(error.detail) from error
    notes = _notes(log, definition)
    if as_json:
        settings = {"log": str(path), "policy": chosen.model_dump(mode="json"), "floor": floor, "seed": seed}
        click.echo(json.dumps({**settings, **asdict(result), "notes": notes}, indent=2))
        return
    click.echo(f"{chosen.name} on {path.name}, {len(log.arms)} arms, seed {seed}\n")
    for line in _report(result):
        click.echo(line)
    for note in notes:
        click.echo(f"\nNote: {note}")


def policy(name: str, params: Sequence[str]) -> Policy:
    """A policy from its name and `NAME=VALUE` texts; a value is a number, `null` or a duration such as `7d`.

    Raises:
        InvalidInput: The policy, one of its parameters or a value is unknown; the message says which are known.
    """
    if name not in POLICIES:
        raise InvalidInput(f"--policy: {name!r} given, must be one of {', '.join(POLICIES)}")
    fields = {field for field in POLICIES[name].model_fields if field != "name"}
    given: dict[str, object] = {}
    for param in params:
        field, equals, text = param.partition("=")
        if not equals:
            raise InvalidInput(f"--param: {param!r} given, must be NAME=VALUE")
        if field not in fields:
            raise InvalidInput(f"--param: {field!r} is not a parameter of {name}: {', '.join(sorted(fields))}")
        given[field] = _value(text)
    try:
        return POLICIES[name].model_validate(given)
    except ValidationError as error:
        raise InvalidInput(f"--param {InvalidInput.of(error).detail}") from error


def _value(text: str) -> float | str | None:
    if text == "null":
        return None
    try:
        return float(text)
    except ValueError:
        return text


@contextlib.contextmanager
def _watched(log: Log) -> Iterator[Iterable[Event]]:
    """The log's events with a progress bar, where there is a terminal to show one."""
    if not sys.stderr.isatty():
        yield log
        return
    with click.progressbar(log, length=len(log), label="Replaying", file=sys.stderr, update_min_steps=100) as events:
        yield events


def _notes(log: Log, definition: Experiment) -> list[str]:
    """What a reader of the result has to know about the log."""
    notes = []
    if log.uniformity() < SURELY_NOT_UNIFORM:
        notes.append(
            f"the arms of this log were not shown equally often (chi-square test, p < {SURELY_NOT_UNIFORM:g}); replay "
            "assumes that they were drawn uniformly, so these figures are biased."
        )
    metric = definition.primary
    if metric.type == "continuous" and metric.lower is not None and metric.upper is not None:
        notes.append(
            f"rewards are not 0 or 1; {definition.resolved_policy.name} learns from them scaled to [0, 1] by the log's "
            f"least and greatest, {metric.lower:g} and {metric.upper:g}."
        )
    return notes


def _report(result: Evaluation) -> Iterator[str]:
    share = result.matched / result.rows
    yield f"rows           {result.rows:,}"
    yield f"matched        {result.matched:,} ({share:.1%}; uniform logging gives 1 in {len(result.arms)} on average)"
    yield f"policy's mean  {_estimate(result.policy_mean)}"
    yield f"log's mean     {_estimate(result.log_mean)}"
    yield f"time           {result.seconds:.1f} s\n"
    width = max(4, *(len(arm.arm[:40]) for arm in result.arms))
    top = sorted(result.arms, key=lambda arm: -arm.weight)[:MOST_ARMS_SHOWN]
    yield f"{'arm':<{width}}  {'weight':>6}  {'matched':>7}  {'mean':>9}"
    for arm in top:
        mean = "" if arm.mean is None else f"{arm.mean:9.4g}"
        yield f"{arm.arm[:40]:<{width}}  {arm.weight:6.3f}  {arm.matched:7,}  {mean}".rstrip()
    if rest := len(result.arms) - len(top):
        yield f"and {rest} more"


def _estimate(found: Estimate) -> str:
    if found.mean is None:
        return "none: no event matched"
    if found.lower is None:
        return f"{found.mean:.4g}, too few events for an interval"
    return f"{found.mean:.4g}, {found.level:.0%} interval {found.lower:.4g} to {found.upper:.4g} ({found.method})"
