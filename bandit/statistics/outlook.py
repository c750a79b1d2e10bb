"""What it would take to decide an experiment that is not decided yet."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bandit.statistics.gain import Gain
from bandit.statistics.gates import Gates

FOREVER = 1000.0
"""Times as many units as there are, from which the answer is that no number of them will do."""
LEAST = 1.1
"""Times as many units, where all that is missing is a p-value that was corrected."""

HOUR = 1.0 / 24.0
"""Days from which there is a pace."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What it would about take.

    Attributes:
        units: More units, of all variants together; None where no number of them is foreseen to decide it.
        days: More days, at the pace so far; None also where there is no pace yet.
        text: The same in a sentence.
    """

    units: int | None
    days: int | None
    text: str


def outlook(gains: Sequence[Gain], units: Sequence[float], days: float, gates: Gates) -> Outlook:
    """How many more units and days until the gates are passed and the intervals decide, if the estimates stay.

    Args:
        gains: Of the treatments that could be compared, the best first.
        units: Of every variant.
        days: Since the start.
        gates: What has to be there.
    """
    least, total = min(units), sum(units)
    if least <= 0.0:
        short = math.ceil(sum(max(0.0, gates.minimum_units - count) for count in units))
        return Outlook(short, None, f"{short:,} more units are needed, where there are too few.")
    gate = gates.minimum_units / least
    closed = gate <= 1.0 and days >= gates.minimum_days
    if closed and not gains:
        return Outlook(None, None, "There is no comparison by which to foresee what it takes.")
    factor = _factor(gains, gates.minimum_relative_effect) if gains else gate
    times = max(LEAST if closed else 1.0, gate, math.inf if factor is None else factor)
    if times > FOREVER:
        return Outlook(None, None, "No number of units is foreseen to decide it if the estimates stay as they are.")
    span: int | None = math.ceil(max(days * times, gates.minimum_days) - days)
    more = total * (times - 1.0)
    if days >= HOUR:
        more = more or total * (span or 0) / days
    elif times > 1.0:
        span = None
    time = "" if span is None else f", {span:,} more days at the pace so far"
    return Outlook(
        math.ceil(more),
        span,
        f"About {math.ceil(more):,} more units{time}, decide it if the estimates stay as they are.",
    )


def _factor(gains: Sequence[Gain], least: float) -> float | None:
    """How many times the units decide: to ship the best, or to rule out all."""
    if gains[0].worth_having(least):
        return 1.0 if gains[0].better else gains[0].units_factor(least)
    factors = [gain.units_factor(least) for gain in gains if not (gain.worse or gain.too_small(least))]
    return max((math.inf if factor is None else factor for factor in factors), default=1.0)
