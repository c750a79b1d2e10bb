"""A replay of the ledger, held against what the store keeps.

The store adds and subtracts as events arrive; here every trial's outcome is worked out anew from its decisions and
events, summed once, and compared. Counts must agree exactly, sums of floating-point numbers to within their rounding.
Experiments whose log was removed (see `retention`) cannot be replayed; `unreplayed` names them.
"""

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from bandit import covariate
from bandit.contextual import increments
from bandit.exposure import FORCED
from bandit.reward import aggregate, judge
from bandit.rows import DecisionRow, DrawRow, EpochRow, EventRow, OutcomeRow
from bandit.running import Running, load
from bandit.store import Reader
from bandit.trial import Outcome, Record

TOLERANCE = 1e-9

Drawn = dict[tuple[int, int, str], list[float] | None]
Draws = dict[int, DrawRow]


class Difference(NamedTuple):
    """Something kept that the ledger does not give."""

    where: str
    kept: object
    replayed: object

    def __str__(self) -> str:
        return f"{self.where}: kept {self.kept}, the ledger gives {self.replayed}"


class Sums:
    """Sums by place, with the sum of what was added in absolute value, which bounds their rounding."""

    def __init__(self, width: int) -> None:
        self.values: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [0.0] * width)
        self.sizes: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [0.0] * width)

    def add(self, place: tuple[int, ...], delta: list[float]) -> None:
        """Adds to the sums of a place."""
        values, sizes = self.values[place], self.sizes[place]
        for index, part in enumerate(delta):
            values[index] += part
            sizes[index] += abs(part)


def unreplayed(reader: Reader) -> list[str]:
    """The keys of experiments whose log was removed, wholly or in part."""
    loaded = (load(row, standing) for row, standing in reader.experiments())
    return [running.key for running in loaded if running.experiment.log != "kept"]


class _Present:
    """A reader of what can be replayed: without what is left of logs that were removed."""

    def __init__(self, reader: Reader, gone: set[int]) -> None:
        self._reader = reader
        self._gone = gone
        self._decisions = {row[0] for row in reader.rows("decisions") if row[1] in gone} if gone else set()

    def rows(self, table: str) -> Iterator[Sequence[Any]]:
        """See `Reader`."""
        place = {"decisions": 1, "events": 1, "draws": 0, "outcomes": 0}.get(table, 0)
        gone = self._decisions if table in ("events", "draws", "outcomes") else self._gone
        return (row for row in self._reader.rows(table) if row[place] not in gone)


def verify(whole: Reader) -> Iterator[Difference]:
    """Yields every difference between a replay of the ledger and what is kept beside it."""
    experiments = {row.id: load(row, standing) for row, standing in whole.experiments()}
    gone = {number for number, running in experiments.items() if running.experiment.log != "kept"}
    reader = _Present(whole, gone)
    records = {
        row.id: Record(experiments[row.experiment], row)
        for row in (DecisionRow(*values) for values in reader.rows("decisions"))
    }
    drawn = {
        (epoch.experiment, epoch.epoch, epoch.eligible): json.loads(epoch.probabilities)
        for epoch in (EpochRow(*values) for values in reader.rows("epochs"))
    }
    draws = {}
    for row in (DrawRow(*values) for values in reader.rows("draws")):
        if row.decision in records:
            draws[row.decision] = row
        else:
            yield Difference(f"decision {row.decision:016x}", "a draw", "no decision")
    probabilities = _probabilities(records, drawn, draws)
    yield from _draws(records, probabilities)
    yield from _units(reader, records)
    yield from _events(reader, records)
    yield from _outcomes(reader, records)
    kept = {"statistics": Sums(4), "learning": Sums(4), "models": Sums(1), "allocations": Sums(3)}
    yield from _sum(records, probabilities, draws, kept)
    for table, width in (("statistics", 4), ("learning", 3), ("models", 4), ("allocations", 3)):
        yield from _compare(reader, table, width, kept[table], experiments)


def _name(experiments: dict[int, Running], number: int) -> str:
    running = experiments.get(number)
    return running.key if running else f"experiment {number}"


def _probabilities(records: dict[int, Record], drawn: Drawn, draws: Draws) -> dict[int, list[float]]:
    """What each decision was drawn from: in a context what was logged with it, else what its epoch drew from."""
    found = {}
    for record in records.values():
        row = record.row
        if record.running.contextual is None:
            found[row.id] = drawn.get((row.experiment, row.epoch, row.eligible)) or []
        else:
            found[row.id] = json.loads(draws[row.id].probabilities) if row.id in draws else []
    return found


def _draws(records: dict[int, Record], probabilities: dict[int, list[float]]) -> Iterator[Difference]:
    """Every propensity is the probability that the decision was drawn with."""
    for record in records.values():
        row = record.row
        expected = probabilities[row.id][row.variant] if probabilities[row.id] else None
        if row.reason == FORCED:
            expected = 1.0
        if row.propensity != expected or row.propensity <= 0.0:
            yield Difference(f"decision {row.id:016x}: propensity", row.propensity, expected)


def _units(reader: _Present, records: dict[int, Record]) -> Iterator[Difference]:
    """Every unit's first decision is one of its own."""
    for experiment, unit, _, head in reader.rows("units"):
        record = records.get(head)
        if record is None or (record.row.experiment, record.row.unit) != (experiment, unit):
            yield Difference(f"unit {unit!r}: decision {head:016x}", "its first", "not one of this unit")


def _events(reader: _Present, records: dict[int, Record]) -> Iterator[Difference]:
    """Replays the events in their order; leaves each decision with its outcome and its time of exposure."""
    events = [EventRow(*values[1:]) for values in reader.rows("events")]
    kept = {record.id: record.exposed_at for record in records.values()}
    for event in events:
        if event.kind == "activate" and event.decision in records:
            records[event.decision].exposed_at = None
    for event in events:
        if event.decision not in records:
            yield Difference(f"decision {event.decision:016x}", "an event", "no decision")
            continue
        status = _apply(records[event.decision], event)
        if status != event.status:
            yield Difference(f"decision {event.decision:016x}: {event.kind} at {event.at}", event.status, status)
    exposures: dict[int, set[float]] = defaultdict(set)
    for number, exposed_at in kept.items():
        record = records[number]
        if exposed_at != record.exposed_at:
            yield Difference(f"decision {number:016x}: exposed at", exposed_at, record.exposed_at)
        if record.head not in records:
            yield Difference(f"decision {number:016x}: trial of {record.head:016x}", "a decision", "none")
            record.head = number
        if record.exposed_at is not None:
            exposures[record.head].add(record.exposed_at)
    for record in records.values():
        times = exposures.get(record.id, {None})
        if record.opened_at not in times:
            yield Difference(f"decision {record.id:016x}: trial opened at", record.opened_at, sorted(times, key=str))


def _apply(record: Record, event: EventRow) -> str:
    if event.kind == "activate":
        record.exposed_at = event.at
        return "activated"
    outcome = record.outcomes.setdefault(event.metric, Outcome())
    metric = record.running.experiment.metrics[event.metric]
    if event.kind == "default":
        outcome.fallback = float(metric.missing) if metric.missing != "wait" else None
        return "applied"
    if event.kind == "retract":
        outcome.value = None
        return "retracted"
    value = float(event.value if event.value is not None else math.nan)
    status = judge(metric, outcome, value, record.exposed_at, event.at)
    if status == "applied":
        outcome.value = aggregate(metric, outcome, value)
    return status


def _outcomes(reader: _Present, records: dict[int, Record]) -> Iterator[Difference]:
    """Adds up each trial's decisions, and holds the outcomes kept against them."""
    for record in records.values():
        if record.exposed_at is not None:
            head = records[record.head]
            for metric, outcome in record.outcomes.items():
                if outcome.value is not None:
                    total = head.outcomes.setdefault(metric, Outcome())
                    total.total += outcome.value
                    total.earned += 1
    replayed = {
        (record.id, metric): outcome for record in records.values() for metric, outcome in record.outcomes.items()
    }
    nothing = Outcome()
    kept = {(row.decision, row.metric): row for row in (OutcomeRow(*values) for values in reader.rows("outcomes"))}
    for place in sorted(kept.keys() | replayed.keys()):
        row = kept.get(place, OutcomeRow(*place, None, 0.0, 0, None))
        outcome = replayed.get(place, nothing)
        have = (row.value, row.earned, row.fallback)
        want = (outcome.value, outcome.earned, outcome.fallback)
        exact = have[1:] == want[1:] and (have[0] is None) == (want[0] is None)
        near = math.isclose(row.value or 0.0, outcome.value or 0.0, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        if not (exact and near and math.isclose(row.total, outcome.total, rel_tol=TOLERANCE, abs_tol=1e-6)):
            yield Difference(f"decision {place[0]:016x}: outcome of metric {place[1]}", have, want)


def _sum(
    records: dict[int, Record], probabilities: dict[int, list[float]], draws: Draws, kept: dict[str, Sums]
) -> Iterator[Difference]:
    """Sums every trial's outcome once."""
    for record in records.values():
        row, running = record.row, record.running
        if record.exposed_at is not None:
            for epoch_number in (row.epoch, 0):
                kept["allocations"].add((row.experiment, epoch_number, row.variant), [1.0, 0.0, 0.0])
        if record.opened_at is None:
            continue
        for epoch_number in (row.epoch, 0):
            kept["allocations"].add((row.experiment, epoch_number, row.variant), [0.0, 1.0, 0.0])
            for arm, probability in enumerate(probabilities[row.id]):
                if probability > 0.0:
                    kept["allocations"].add((row.experiment, epoch_number, arm), [0.0, 0.0, probability])
        earned = record.values()
        for metric, value in (earned | running.products(earned)).items():
            moments = _moments(value - running.experiment.metrics[metric].origin, row.propensity)
            kept["statistics"].add((row.experiment, row.epoch, row.variant, metric), moments)
            kept["statistics"].add((row.experiment, 0, row.variant, metric), moments)
            if metric in record.covariates:
                for place, delta in covariate.increments(metric, record.covariates[metric], moments):
                    kept["statistics"].add((row.experiment, row.epoch, row.variant, place), delta)
                    kept["statistics"].add((row.experiment, 0, row.variant, place), delta)
        reward = running.learner.objective.reward(earned)
        if reward is not None:
            period, growth = running.learner.place(row.decided_at)
            moments = [growth * part for part in _moments(reward, row.propensity)]
            kept["learning"].add((row.experiment, period, row.variant), moments)
            if running.contextual is not None and row.id in draws:
                try:
                    draw = running.contextual.read(row.variant, row.context or "{}", *draws[row.id][1:])
                except (KeyError, TypeError, ValueError):
                    yield Difference(f"decision {row.id:016x}: context", row.context, "the declared features")
                    continue
                change = running.contextual.change(draw, None, reward, row.propensity, growth)
                for column, total in increments(change):
                    kept["models"].add((row.experiment, period, row.variant, column), [total])


def _moments(value: float, propensity: float) -> list[float]:
    return [1.0, value, value * value, value / propensity]


def _compare(
    reader: _Present, table: str, width: int, replayed: Sums, experiments: dict[int, Running]
) -> Iterator[Difference]:
    """Holds a table of sums, whose first `width` columns are the place, against the replayed ones."""
    kept = {tuple(values[:width]): list(values[width:]) for values in reader.rows(table)}
    for place in sorted(kept.keys() | replayed.values.keys()):
        want = replayed.values[place]
        have = kept.get(place, [0.0] * len(want))
        bounds = [TOLERANCE * (size + 1.0) for size in replayed.sizes[place]]
        if any(abs(a - b) > bound for a, b, bound in zip(have, want, bounds, strict=True)):
            yield Difference(f"{_name(experiments, place[0])}: {table} {place[1:]}", have, want)
