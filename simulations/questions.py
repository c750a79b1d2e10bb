"""`multiarm simulate power` and `multiarm simulate validity`: questions about experiments that simulation answers."""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click

from bandit import InvalidInput, MultiarmError, spec
from policies import POLICIES
from simulations import simulation
from simulations import study as studying


class Refused(click.ClickException):
    """A question that has no answer: one line and exit code 2."""

    exit_code = 2


class Asked(click.Command):
    """A command whose first argument may be a question, which has options of its own."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context of the question, or of the command itself."""
        if args and args[0] in QUESTIONS:
            return QUESTIONS[args[0]].make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Asks the question whose context this is, or runs the command itself."""
        return super().invoke(ctx) if ctx.command is self else ctx.command.invoke(ctx)


_threads = click.option("--threads", type=click.IntRange(1, 1024), help="Threads to use.  [default: one a core]")
_seed = click.option("--seed", type=click.IntRange(0), metavar="N", default=1, show_default=True)


@click.command()
@click.option("--replications", type=click.IntRange(20), metavar="N", default=2000, show_default=True)
@_seed
@_threads
def validity(replications: int, seed: int, threads: int | None) -> None:
    """Hold every test against its promise, on data collected in every way.

    Prints error, power, coverage and sample size of each, in some minutes. Exits with 1 if a test that is used by
    default errs too often.
    """
    from simulations import ratio_validity
    from simulations.validity import report

    with ThreadPoolExecutor(threads or simulation.cores()) as pool:
        kept = [each(pool, replications, seed, click.echo) for each in (report, ratio_validity.report)]
    sys.exit(0 if all(kept) else 1)


@click.command()
@click.option("--policy", default="thompson_beta", show_default=True, metavar="SPEC", help="What draws.")
@click.option("--means", required=True, metavar="P,P,...", help="Rates of the arms that are to be told apart.")
@click.option("--alpha", type=float, default=0.05, show_default=True, metavar="A", help="Error of the two-sided test.")
@click.option("--power", type=float, default=0.8, show_default=True, metavar="P", help="Chance to find the effect.")
@click.option("--floor", type=float, default=0.01, show_default=True, metavar="P", help="Least probability of an arm.")
@click.option("--batch", type=int, metavar="N", help="Units between weights.  [default: a hundredth of all]")
@click.option("--looks", type=click.Choice(["once", "all"]), default="once", show_default=True, help="When one looks.")
@click.option("--replications", type=int, default=1000, show_default=True, metavar="N", help="Simulated experiments.")
@_seed
@click.option("--import", "own", multiple=True, type=click.Path(path_type=Path), help="File of your own policies.")
@_threads
def power(policy: str, means: str, own: Sequence[Path], threads: int | None, **options: Any) -> None:
    """Simulate how many units a bandit needs to tell an arm from the first.

    It is the arm with the greatest of the means (the least, if the first has the greatest). For example:

    \b
      multiarm simulate power --means .1,.12
      multiarm simulate power --policy ucb1 --means .5,.55,.6 --floor .05 --power .9 --looks all
    """  # noqa: D301 - click reads the character
    from simulations.sample_size import Question, answer, lines

    try:
        for path in own:
            studying.load(path)
        known = POLICIES | studying.own_policies
        question = Question(spec.build(policy, known, "policy"), _numbers(means), **options)
        with ThreadPoolExecutor(threads or simulation.cores()) as pool:
            found = answer(question, pool, lambda text: click.echo(f"Simulating {text}.", err=True))
    except MultiarmError as error:
        raise Refused(error.detail) from error
    arms = "/".join(f"{mean:g}" for mean in question.means)
    click.echo(f"{spec.label(question.policy)}, bernoulli:means={arms}, seed {question.seed}\n")
    for line in lines(found):
        click.echo(line)


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InvalidInput(f"--means: {text!r} given, must be numbers with commas between them") from None


QUESTIONS = {"power": power, "validity": validity}
"""Questions by their names."""
