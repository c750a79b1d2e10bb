"""What to do about an experiment, in one word and with its reasons."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bandit.statistics.comparison import Comparison
from bandit.statistics.finding import Finding, percent
from bandit.statistics.gain import Gain, standing
from bandit.statistics.gates import DEFAULT, Gates
from bandit.statistics.outlook import outlook
from bandit.statistics.ranking import Goal

Decision = Literal["keep_collecting", "ship", "no_difference", "harmful", "not_trustworthy"]


@dataclass(frozen=True, slots=True)
class Contender:
    """A treatment to be decided about.

    Attributes:
        variant: Its key.
        units: How many it has.
        comparison: Of the primary metric with the control's; None where the method refused.
        p_value: Corrected for several treatments; None takes the comparison's own.
    """

    variant: str
    units: float
    comparison: Comparison | None
    p_value: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do.

    Attributes:
        decision: In one word.
        variant: The one to ship, or the worst one that does harm; None otherwise.
        reasons: Why, in plain words, the most important first.
        losing: Variants that are shown to be worse than the control, whatever the decision is.
        more_units: Units, of all variants together, that it would about take to decide; None where it is decided, or
            where no number of them is foreseen to do it.
        more_days: The same in days, at the pace so far.
    """

    decision: Decision
    variant: str | None
    reasons: tuple[str, ...]
    losing: tuple[str, ...] = ()
    more_units: int | None = None
    more_days: int | None = None


def verdict(
    contenders: Sequence[Contender],
    control_units: float,
    days: float,
    findings: Sequence[Finding] = (),
    *,
    goal: Goal = "increase",
    gates: Gates = DEFAULT,
) -> Verdict:
    """Decide from comparisons with the control, or say what is missing.

    It is as valid as the comparisons are: to be looked at before the planned end they have to be sequences, and where
    weights moved, made for adaptively collected data. Harm needs the units but not the days: a week protects from
    shipping what only weekdays like, and harm is not to go on for it. A loss that is certainly smaller than the least
    gain worth having is no harm, but no difference either.

    Args:
        contenders: All treatments that are served.
        control_units: Of the control.
        days: Since it started.
        findings: What the checks of the data have found; a critical one decides.
        goal: Whether greater or lesser values of the metric are better.
        gates: What has to be there.
    """
    critical = [finding for finding in findings if finding.severity == "critical"]
    if critical:
        reasons = tuple(f"{finding.message} {finding.recommendation}" for finding in critical)
        return Verdict("not_trustworthy", None, reasons)
    gains = [
        Gain.of(one.variant, one.comparison, one.units, one.p_value, goal, gates.alpha)
        for one in contenders
        if one.comparison is not None
    ]
    gains.sort(key=standing, reverse=True)
    losing = tuple(gain.variant for gain in gains if gain.worse)
    notes = _notes(contenders, findings)
    sizes = [("control", control_units), *((one.variant, one.units) for one in contenders)]
    units_short, days_short = gates.units_short(sizes), gates.days_short(days)
    decided = None
    if not units_short and gains:
        decided = _decided(gains, len(contenders), gates.minimum_relative_effect, may_ship=not days_short)
    if decided is not None:
        decision, variant, reasons = decided
        return Verdict(decision, variant, reasons + notes, losing)
    undecided = tuple(f"{gain.variant} against control: {gain}." for gain in gains)
    more = outlook(gains, [units for _, units in sizes], days, gates)
    return Verdict(
        decision="keep_collecting",
        variant=None,
        reasons=(*units_short, *days_short, *undecided, more.text, *notes),
        losing=losing,
        more_units=more.units,
        more_days=more.days,
    )


def _decided(
    gains: Sequence[Gain], contenders: int, least: float, *, may_ship: bool
) -> tuple[Decision, str | None, tuple[str, ...]] | None:
    """The decision that the comparisons allow, from gains in descending order."""
    worse = [gain for gain in reversed(gains) if gain.worse]
    if len(worse) == contenders and any(gain.harmful(least) for gain in worse):
        return "harmful", worse[0].variant, tuple(f"{gain.variant} is worse than control: {gain}." for gain in worse)
    if not may_ship:
        return None
    winners = [gain for gain in gains if gain.better and gain.worth_having(least)]
    if winners:
        reasons = [f"{winners[0].variant} is better than control: {winners[0]}."]
        reasons += [f"{gain.variant} is better than control too: {gain}." for gain in winners[1:]]
        reasons += [f"{gain.variant} is worse than control: {gain}." for gain in worse]
        return "ship", winners[0].variant, tuple(reasons)
    if len([gain for gain in gains if gain.worse or gain.too_small(least)]) == contenders:
        return (
            "no_difference",
            None,
            tuple(f"{gain.variant} gains less than {percent(least)}, if anything: {gain}." for gain in gains),
        )
    return None


def _notes(contenders: Sequence[Contender], findings: Sequence[Finding]) -> tuple[str, ...]:
    missing = tuple(
        f"{one.variant} could not be compared with control." for one in contenders if one.comparison is None
    )
    return missing + tuple(finding.message for finding in findings if finding.severity == "warning")
