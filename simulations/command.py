"""The command `multiarm simulate`."""

import math
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from bandit import InvalidInput, MultiarmError, spec
from policies import POLICIES
from simulations import block, identification, loop, output, published, simulation, summary
from simulations import study as studying
from simulations.environments import ENVIRONMENTS
from simulations.feedback import FEEDBACK
from simulations.questions import Asked
from simulations.simulation import Outcome, execute
from simulations.study import Study

INTERRUPTED = 130
ALLOWED = ("seed", "replications")
"""Options of a published study."""
SLOW = 0.5
"""Seconds of compiling that somebody who waits should hear about."""


class Refused(click.ClickException):
    """What was given cannot be simulated: one line and exit code 2."""

    exit_code = 2


def _whole(_context: click.Context, option: click.Parameter, given: str | None) -> int | None:
    """A whole number, which may be written as 1e6."""
    try:
        return None if given is None else int(given)
    except ValueError:
        pass
    try:
        number = float(str(given))
    except ValueError:
        number = math.nan
    if not number.is_integer():
        raise Refused(f"--{option.name}: {given!r} is not a whole number")
    return int(number)


def _specs(known: Sequence[str]) -> str:
    return f"One of {', '.join(known)}; parameters follow a colon: name:parameter=1,other=2."


@click.command(cls=Asked)
@click.argument("study", required=False, metavar="[STUDY]")
@click.option("--policy", "policies", multiple=True, metavar="SPEC", help=f"Repeatable. {_specs(list(POLICIES))}")
@click.option("--environment", metavar="SPEC", help=_specs(list(ENVIRONMENTS)))
@click.option("--means", metavar="P,P,...", help="Short for --environment bernoulli with these probabilities.")
@click.option("--feedback", multiple=True, metavar="SPEC", help=f"When rewards are seen. {_specs(list(FEEDBACK))}")
@click.option("--horizon", callback=_whole, metavar="N", help="Decisions in a replication.  [default: 10000]")
@click.option("--replications", callback=_whole, metavar="N", help="Independent repetitions.  [default: 200]")
@click.option("--seed", type=int, metavar="N", help="The same seed, the same numbers.  [default: 0]")
@click.option("--risk", type=float, metavar="R", help="Stop when the best arm is known at this risk; count decisions.")
@click.option("--through", type=click.Choice(["kernels", "engine"]), help="What decides.  [default: kernels]")
@click.option("--out", type=click.Path(path_type=Path), metavar="FOLDER", help="New folder for the results.")
@click.option("--import", "own", multiple=True, type=click.Path(path_type=Path), help="File of your own classes.")
@click.option("--threads", type=click.IntRange(1, 1024), help="Threads to use.  [default: one a core]")
@click.option("--executor", metavar="dask://HOST:PORT", help="Run on a Dask cluster instead of here.")
def simulate(
    study: str | None,
    own: Sequence[Path],
    out: Path | None,
    risk: float | None,
    threads: int | None,
    executor: str | None,
    **options: Any,
) -> None:
    """Simulate policies in an environment, many times over.

    STUDY is a TOML file with the same settings as the options, the study.json of an earlier run, or the name of a
    published study that is run and compared with its publication. Without --out nothing is written.

    \b
    Two questions have options of their own:
      multiarm simulate power --help     how many units a bandit needs
      multiarm simulate validity --help  which tests hold on data of a bandit
    """  # noqa: D301 - click reads the character
    try:
        if study is not None and not study.endswith((".toml", ".json")):
            own_settings = options | {"risk": risk}
            if given := [
                f"--{name}" for name, value in own_settings.items() if value not in (None, ()) and name not in ALLOWED
            ]:
                raise InvalidInput(f"{study}: a published study has its own settings, given {', '.join(given)}")
            with _workers(threads, executor, own) as workers:
                published.report(study, workers, options["replications"], options["seed"])
            return
        for path in own:
            studying.load(path)
        definition = _study(study, options)
        if risk is not None:
            if out is not None:
                raise InvalidInput("--out: given with --risk, whose table is all there is")
            _identify(definition, risk, threads, executor, own)
            return
        if out is not None:
            output.free(out)
        with _workers(threads, executor, own) as workers:
            outcome = _run(definition, workers)
    except MultiarmError as error:
        raise Refused(error.detail) from error
    except KeyboardInterrupt:
        click.echo("\nInterrupted before a replication was finished: nothing to show.", err=True)
        sys.exit(INTERRUPTED)
    _show(outcome, out)
    if outcome.interrupted:
        sys.exit(INTERRUPTED)


def _study(path: str | None, options: dict[str, Any]) -> Study:
    """The study of the file, its settings replaced by those options that were given."""
    given = {} if path is None else studying.read(Path(path))
    means = options.pop("means")
    if means is not None:
        if options["environment"] is not None:
            raise InvalidInput("--means: given together with --environment, which it is short for")
        options["environment"] = {"name": "bernoulli", "means": [_number(mean) for mean in means.split(",")]}
    fields = {name: value for name, value in options.items() if value not in (None, ())}
    for name in own if isinstance(own := given.pop("import", []), list) else [own]:
        studying.load(Path(path or "").parent / str(name))
    given |= fields
    for name, option in (("policies", "--policy"), ("environment", "--environment or --means")):
        if name not in given:
            raise InvalidInput(f"{option}: missing; for example --policy thompson_beta --means .1,.2")
    return studying.study(given)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidInput(f"--means: {text!r} given, must be numbers with commas between them") from None


@contextmanager
def _workers(threads: int | None, address: str | None, own: Sequence[Path]) -> Iterator[Executor]:
    if address is not None:
        from simulations.cluster import connect

        with connect(address, own) as cluster:
            yield cluster
        return
    with ThreadPoolExecutor(threads or simulation.cores()) as pool:
        yield pool


def _run(study: Study, workers: Executor) -> Outcome:
    if study.through == "kernels":
        seconds = loop.prepare(block.kernels(study))
        if seconds > SLOW:
            click.echo(f"Compiled in {seconds:.1f} s; kept for the next time.", err=True)
    if not sys.stderr.isatty():
        return execute(study, workers)
    # click's bar ends its line in a finally, so an interruption leaves the terminal as it should be.
    with click.progressbar(length=study.replications, label="Simulating", file=sys.stderr) as bar:
        return execute(study, workers, bar.update)


def _identify(study: Study, risk: float, threads: int | None, address: str | None, own: Sequence[Path]) -> None:
    with _workers(threads, address, own) as workers:
        found = identification.identify(study, risk, workers)
    click.echo(_heading(study, study.replications, f", risk {risk:g}"))
    for line in summary.identified(found):
        click.echo(line)


def _heading(study: Study, replications: int, more: str = "") -> str:
    wrappers = "".join(f", {spec.label(wrapper)}" for wrapper in study.feedback)
    return (
        f"{spec.label(study.environment)}{wrappers}, horizon {study.horizon:,}, {replications:,} replications, "
        f"seed {study.seed}{more}\n"
    )


def _show(outcome: Outcome, out: Path | None) -> None:
    study = outcome.study
    if outcome.interrupted:
        click.echo(f"Interrupted: {len(outcome.replications):,} of {study.replications:,} replications.", err=True)
    click.echo(_heading(study, len(outcome.replications)))
    for line in summary.table(outcome):
        click.echo(line)
    if out is None:
        return
    try:
        names = output.write(outcome, out)
    except OSError as error:
        raise Refused(f"--out: {out}: {error.strerror or error}") from error
    click.echo(f"\nWrote {', '.join(names)} to {out}")
    if not output.drawable():
        click.echo(f"Note: {output.ADVICE}")
