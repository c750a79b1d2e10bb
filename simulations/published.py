"""Published figures beside ours.

A study is a module of `simulations.studies`. Its docstring says what was published where, and why a figure may differ;
`REPLICATIONS` is how many it takes unless told otherwise; `figures(executor, replications, seed)` yields the figures.
"""

import importlib
import math
import pkgutil
from concurrent.futures import Executor
from dataclasses import dataclass
from types import ModuleType

import click
import numpy as np

from bandit import InvalidInput
from policies.kernel import Array
from simulations import studies

FAR = 4.0
"""Standard errors that two honest results hardly ever differ by."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number, as published and as found here, each with its standard error (0 where it has none)."""

    what: str
    published: float
    published_se: float
    found: float
    se: float

    @property
    def distance(self) -> float:
        """The difference in standard errors of the difference."""
        error = math.hypot(self.published_se, self.se)
        difference = self.found - self.published
        return difference / error if error > 0.0 else math.copysign(math.inf, difference) if difference else 0.0


def mean(what: str, published: float, published_se: float, values: Array) -> Figure:
    """The figure that is the mean of `values`, shape (replications,)."""
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return Figure(what, published, published_se, float(np.mean(values)), error)


def names() -> list[str]:
    """The studies, as they are typed."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(studies.__path__))


def find(name: str) -> ModuleType:
    """The module of a study.

    Raises:
        InvalidInput: There is none of that name.
    """
    if name not in names():
        raise InvalidInput(
            f"{name!r}: must be a .toml file, a study.json or one of the published studies {', '.join(names())}"
        )
    return importlib.import_module(f"{studies.__name__}.{name.replace('-', '_')}")


def report(name: str, executor: Executor, replications: int | None, seed: int | None) -> None:
    """Runs a study and prints its figures as they come.

    Raises:
        InvalidInput: The study is unknown or the number of replications or the seed is not allowed.
    """
    study = find(name)
    replications = study.REPLICATIONS if replications is None else replications
    seed = 1 if seed is None else seed
    if replications < 2 or seed < 0:
        raise InvalidInput(
            f"--replications must be 2 or more and --seed 0 or more for a published study, given {replications}, {seed}"
        )
    click.echo(f"{(study.__doc__ or '').strip()}\n\n{replications:,} replications, seed {seed}\n")
    click.echo(f"{'':44}  {'published':>20}  {'here':>20}  {'distance':>8}")
    far = 0
    for figure in study.figures(executor, replications, seed):
        beyond = abs(figure.distance) > FAR
        far += beyond
        click.echo(
            f"{figure.what:<44}  {_with_error(figure.published, figure.published_se):>20}  "
            f"{_with_error(figure.found, figure.se):>20}  {figure.distance:>+7.1f}{'*' if beyond else ' '}"
        )
    verdict = "every figure is" if not far else f"{far} marked * are not"
    click.echo(f"\nDistance in standard errors of the difference; {verdict} within {FAR:g}.")


def _with_error(value: float, error: float) -> str:
    digits = 1 if abs(value) >= 1000 else 2 if abs(value) >= 10 else 4
    text = f"{value:,.{digits}f}"
    return f"{text} +- {error:,.{digits}f}" if error else text
