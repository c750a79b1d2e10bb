"""The command `multiarm power`: a sample size, or the effect or power that one has."""

from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

import click
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from bandit.errors import InvalidInput
from bandit.plan import plan
from bandit.sample_size import SampleSize, SampleSizeRequest
from server.report import aligned

FOR_A_BANDIT = "This is for a fixed split. For a bandit, whose weights move, simulate it: multiarm simulate power"


class Refused(click.ClickException):
    """A question that has no answer: one line and exit code 2."""

    exit_code = 2


def _asked(command: Callable[..., None]) -> Callable[..., None]:
    """Adds an option for each field of the request, with the field's name, words and default."""
    for name, field in reversed(SampleSizeRequest.model_fields.items()):
        default = "" if field.default is None else f"  [default: {field.default}]"
        option = click.option(
            f"--{name.replace('_', '-')}", name, metavar=_metavar(field), help=f"{field.description}{default}"
        )
        command = option(command)
    return command


def _metavar(field: FieldInfo) -> str:
    kinds = [field.annotation, *get_args(field.annotation)]
    for kind in kinds:
        if get_origin(kind) is Literal:
            return "|".join(get_args(kind))
    return "N" if int in kinds else "NUMBER"


@click.command()
@_asked
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def power(*, as_json: bool, **given: Any) -> None:
    r"""Compute a sample size, or the effect or power that one has.

    Of effect, power and sample size, give two: the third is the answer. With an effect alone, power is .8. For example:

    \b
      multiarm power --baseline .1 --treatment .12 --traffic 1000
      multiarm power --baseline .1 --sample-size-per-variant 5000
      multiarm power --metric-type continuous --sd 20 --effect 2 --variants 3
    """
    try:
        request = SampleSizeRequest.model_validate_strings({k: v for k, v in given.items() if v is not None})
        answer = plan(request)
    except ValidationError as error:
        raise Refused(InvalidInput.of(error).detail) from None
    except InvalidInput as error:
        raise Refused(error.detail) from None
    click.echo(answer.model_dump_json(indent=2) if as_json else table(answer))


def table(answer: SampleSize) -> str:
    """The answer in a line, and what it holds for."""
    between = "" if answer.baseline is None else f" from {answer.baseline:g} to {answer.treatment:g}"
    relative = "" if answer.relative_effect is None else f" ({answer.relative_effect:+.2%})"
    each = "" if answer.correction is None else f" ({answer.alpha_per_comparison:.4g} each, {answer.correction})"
    margin = f", margin {answer.margin:g}" if answer.margin else ""
    lines = [
        _headline(answer),
        "",
        f"{answer.metric_type}{between}, effect {answer.effect:+.6g}{relative}{margin}",
        f"{answer.alternative}, alpha {answer.alpha:g}{each}, power {answer.power:.4g}, formula {answer.formula}",
        "",
        aligned(_rows(answer)),
    ]
    if answer.boundary is not None:
        heights = " ".join("-" if z is None else f"{z:.4f}" for z in answer.boundary)
        inflation = "" if answer.inflation is None else f"; {answer.inflation:.4f} times the units of one look"
        statistic = "|z|" if answer.alternative == "two-sided" else "z"
        lines += ["", f"{answer.looks} looks, equally spaced; stop when {statistic} reaches {heights}{inflation}"]
    lines += ["", *(f"Note: {warning}" for warning in answer.warnings), FOR_A_BANDIT]
    return "\n".join(lines)


def _headline(answer: SampleSize) -> str:
    if answer.solved_for == "power":
        return f"Power: {answer.power:.4f}"
    if answer.solved_for == "effect":
        return f"Least effect found with power {answer.power:g}: {answer.effect:+.6g}"
    days = "" if answer.duration_days is None else f", in {answer.duration_days:,} days"
    return f"Units needed: {answer.total:,}{days}"


def _rows(answer: SampleSize) -> list[list[str]]:
    control, *treatments = answer.sample_sizes
    many = f" x {len(treatments)}" if len(treatments) > 1 else ""
    rows = [
        ["", "units", "exact"],
        ["control", f"{control:,}", f"{answer.sample_size_exact:,.3f}"],
        [f"treatment{many}", f"{treatments[0]:,}", f"{answer.sample_size_exact * answer.ratio:,.3f}"],
        ["total", f"{answer.total:,}", f"{answer.total_exact:,.3f}"],
    ]
    if answer.duration_days is not None and answer.duration_exact is not None:
        rows.append(["days", f"{answer.duration_days:,}", f"{answer.duration_exact:,.3f}"])
    return rows
