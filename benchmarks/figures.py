"""A figure: what was measured, beside its peer or its bound, in one run."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    `value` is in `unit`; `bound`, in the same, is the most it should be, or the least where `least` is set. A figure
    with a `peer` is a ratio to what was measured beside it.
    """

    name: str
    value: float
    unit: str
    bound: float | None = None
    least: bool = False
    peer: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the bound holds; None without one."""
        if self.bound is None:
            return None
        return self.value >= self.bound if self.least else self.value <= self.bound

    def json(self) -> dict[str, Any]:
        return {**asdict(self), "met": self.met}


def measured(part: str) -> list[Figure]:
    """What a part of the benchmarks finds."""
    return list(import_module(f"benchmarks.{part}").figures())


def table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table."""
    rows = ["| figure | value | bound | beside |", "|---|---|---|---|"]
    for figure in figures:
        bound = ""
        if figure.bound is not None:
            sign = "at least" if figure.least else "at most"
            bound = f"{sign} {figure.bound:,g}{'' if figure.met else ' (missed)'}"
        rows.append(f"| {figure.name} | {figure.value:,.4g} {figure.unit} | {bound} | {figure.peer} |")
    return "\n".join(rows)


def median_us(call: Callable[[], object], calls: int) -> float:
    """The median time of a call, in microseconds."""
    times = []
    for _ in range(calls):
        begun = time.perf_counter_ns()
        call()
        times.append(time.perf_counter_ns() - begun)
    return statistics.median(times) / 1e3


def beside(calls: dict[str, Callable[[], object]], *, repeats: int, each: int) -> dict[str, float]:
    """Medians of calls that take turns, so that whatever the machine does meanwhile happens to all of them."""
    medians: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            medians[name].append(median_us(call, each))
    return {name: statistics.median(values) for name, values in medians.items()}
