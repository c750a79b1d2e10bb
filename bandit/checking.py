"""A criterion held against data: whether it passes, trips, or cannot be told yet."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bandit.criterion import CheckResult, Outcome
from bandit.guards import CUTS, Check, Guards
from bandit.running import Running
from bandit.statistics.limits import Line, Side, beyond, interval
from bandit.statistics.sample import Sample
from bandit.store import Reader

Rows = Sequence[Sequence[float]]
"""Count, sum and sum of squares of each arm, less the origin."""


class Found(NamedTuple):
    """A check of one arm, and the data it was made on."""

    check: Check
    arm: int
    rows: Rows
    penalty: float
    outcome: Outcome


def judged(check: Check, arm: int, rows: Rows, penalty: float = 0.0) -> Found:
    """Whether an arm keeps a limit.

    Args:
        check: The criterion, and what it compares with.
        arm: Which.
        rows: The data.
        penalty: The logarithm of the number by which its alpha is divided because there are other windows.
    """
    outcome: Outcome = "inconclusive"
    if trips(check, arm, rows, penalty):
        outcome = "trips"
    elif _known(check, arm, rows, check.side, _certain(check) + penalty):
        outcome = "passes"
    return Found(check, arm, rows, penalty, outcome)


def trips(check: Check, arm: int, rows: Rows, penalty: float = 0.0) -> bool:
    """Whether an arm is known to break a limit: all that is asked for where it may only trip. See `judged`."""
    return _known(check, arm, rows, _other(check.side), check.goal + penalty)


def _known(check: Check, arm: int, rows: Rows, side: Side, goal: float) -> bool:
    """Whether there are enough data, and as much as `goal` was won against an arm's not being on a side."""
    needed = check.criterion.minimum_units - 0.5
    if rows[arm][0] < needed or (check.criterion.compares and rows[check.control][0] < needed):
        return False
    treatment, control = _samples(check, arm, rows)
    return beyond(treatment, control, _line(check, _limit(check)), side, binary=check.binary) >= goal


def described(found: Found, keys: Sequence[str]) -> CheckResult:
    """What was found, in numbers and words."""
    check, arm, rows, penalty, outcome = found
    criterion = check.criterion
    treatment, control = _samples(check, arm, rows)
    value, ends = _estimate(check, treatment, control, penalty)
    limit = _limit(check)
    lacking = _lacking(check, arm, rows)
    if lacking is not None or value is None:
        reason = lacking or "the control's mean is 0, so that nothing is a part of it"
    else:
        verb = {"trips": "is not", "passes": "is", "inconclusive": "is not yet known to be"}[outcome]
        what = "" if not criterion.compares else " against control"
        span = f"{ends[0]:.4g} to {ends[1]:.4g}"
        reason = f"{value:.4g}{what} ({span}) {verb} {check.side} {limit:.4g}, after {treatment.count:,.0f} units"
    return CheckResult(
        criterion=criterion.key,
        metric=criterion.metric,
        variant=keys[arm],
        outcome=outcome,
        units=round(treatment.count),
        control_units=None if control is None else round(control.count),
        value=value,
        interval=[_finite(ends[0]), _finite(ends[1])],
        must_be=check.side,
        limit=limit,
        reason=reason,
    )


def within(check: Check, reader: Reader, running: Running, now: float) -> tuple[Rows, float]:
    """The data of a check with a window, as the store keeps them, and the penalty for its windows so far.

    Windows begin on a grid of a quarter of their length, and the k-th may trip with a part 1 / (k (k + 1)) of alpha, so
    that all of them together have no more than all of it.
    """
    part = (check.criterion.window or 0.0) / CUTS
    start = running.experiment.started_at or 0.0
    number = max(0, math.ceil((now - start) / part) - CUTS)
    since = reader.last_epoch(running.id, start + number * part) + 1 if number else 0
    rows = [[0.0, 0.0, 0.0] for _ in running.keys]
    for arm, metric, sums in reader.sums_since(running.id, max(since, check.since)):
        if metric == check.metric:
            rows[arm] = sums[:3]
    return rows, math.log((number + 1.0) * (number + 2.0))


def all_found(guards: Guards, reader: Reader, running: Running, now: float) -> Iterator[Found]:
    """Every check of every arm it watches."""
    for check in guards.checks:
        rows, penalty = _data(check, guards, reader, running, now)
        for arm in check.arms:
            yield judged(check, arm, rows, penalty)


def all_tripping(guards: Guards, reader: Reader, running: Running, now: float) -> Iterator[Found]:
    """Those that trip."""
    for check in guards.checks:
        rows, penalty = _data(check, guards, reader, running, now)
        for arm in check.arms:
            if trips(check, arm, rows, penalty):
                yield Found(check, arm, rows, penalty, "trips")


def _data(check: Check, guards: Guards, reader: Reader, running: Running, now: float) -> tuple[Rows, float]:
    if check.criterion.window is not None:
        return within(check, reader, running, now)
    return guards.tallies[check.extent].sums, 0.0


def _samples(check: Check, arm: int, rows: Rows) -> tuple[Sample, Sample | None]:
    return _sample(check, rows[arm]), _sample(check, rows[check.control]) if check.criterion.compares else None


def _sample(check: Check, row: Sequence[float]) -> Sample:
    return Sample.of_sums(row[0], row[1], row[2], check.origin)


def _lacking(check: Check, arm: int, rows: Rows) -> str | None:
    """Why there are too few data."""
    needed = check.criterion.minimum_units
    counts = {"it": rows[arm][0]} | ({"the control": rows[check.control][0]} if check.criterion.compares else {})
    few = [f"{name} has {count:,.0f} values" for name, count in counts.items() if count < needed - 0.5]
    return f"{' and '.join(few)}, and {needed:,} are needed" if few else None


def _limit(check: Check) -> float:
    criterion = check.criterion
    if criterion.threshold is not None:
        return criterion.threshold
    margin = criterion.margin if criterion.margin is not None else criterion.relative_margin or 0.0
    return margin if check.side == "below" else -margin


def _line(check: Check, limit: float) -> Line:
    if check.criterion.threshold is not None:
        return Line(0.0, limit)
    return Line(1.0, limit) if check.criterion.margin is not None else Line(1.0 + limit, 0.0)


def _certain(check: Check) -> float:
    """What has to be won before it passes: a step is no chance to pass more than one."""
    return math.log(len(check.arms) / check.criterion.alpha)


def _estimate(
    check: Check, treatment: Sample, control: Sample | None, penalty: float
) -> tuple[float | None, tuple[float, float]]:
    """The quantity that is limited, and its confidence sequence at the level of a trip."""
    unknown = (-math.inf, math.inf)
    if not treatment.count or (control is not None and not control.count):
        return None, unknown
    lower, upper = check.bounds
    if control is None:
        value, ends = treatment.mean, (lower, upper)
    elif check.criterion.margin is not None:
        value, ends = treatment.mean - control.mean, (lower - upper, upper - lower)
    elif control.mean > 0.0:
        value, ends = treatment.mean / control.mean - 1.0, (-1.0, math.inf)
    else:
        return None, unknown

    def rejected(limit: float, side: Side) -> bool:
        return beyond(treatment, control, _line(check, limit), side, binary=check.binary) >= check.goal + penalty

    return value, interval(rejected, value, *ends)


def _other(side: Side) -> Side:
    return "below" if side == "above" else "above"


def _finite(end: float) -> float | None:
    return end if math.isfinite(end) else None
