"""The engine's memory: a cache of the store, and the batch that will make the store agree with it."""

import json
import math
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError
from pydantic_core import to_json

from bandit import covariate
from bandit.assignment import Allocation
from bandit.contextual import ContextualLearner, Draw, increments
from bandit.decision import Ids
from bandit.errors import InvalidInput, NotFound, StoreUnusable, WrongState
from bandit.experiment import StoredExperiment
from bandit.learner import Cadence
from bandit.running import EVERYONE, Running
from bandit.store import (
    Alert,
    Batch,
    Change,
    DecisionRow,
    DrawRow,
    EpochRow,
    ExperimentRow,
    OutcomeRow,
    Standing,
    Store,
)
from bandit.trial import Drawn, Outcome, Record, moments
from policies import COLUMNS
from policies.kernel import Array

MOST_CACHED = 32_768
SEEN_BITS = 1 << 23
ALL_EPOCHS = 0

Place = TypeVar("Place", bound=tuple[int, ...])


class Outside(NamedTuple):
    """Values of settings that are not in the store, by name."""

    file: Mapping[str, Any] = MappingProxyType({})
    environment: Mapping[str, Any] = MappingProxyType({})


class Memory:
    """A cache of the store and the changes that are still to be written to it.

    Everything here is called by one thread at a time, which in a shared store holds the store's write transaction, so
    what is read is true until it ends.
    """

    def __init__(self, store: Store, seed: int | None = None, outside: Outside = Outside()) -> None:  # noqa: B008
        self.store = store
        # A program that draws its rewards from the same seed must not draw the same numbers.
        own = None if seed is None else f"multiarm {seed}"
        self.random = random.Random(own).random  # noqa: S311 - a draw of variants, not a secret
        self.batch = Batch()
        self.ids = Ids()
        # A bit for every unit given a variant here, at its hash: where it is unset and nobody else writes, a unit is
        # new and need not be looked up. Shared bits cost a look-up, no more.
        self._seen = bytearray(SEEN_BITS >> 3)
        self.alone = True
        self._cadences: dict[int, Cadence] = {}
        self.attended_at = math.inf
        self.reviews: set[tuple[str, str]] = set()
        self.reviewed: dict[int, tuple[int, float]] = {}
        self.looked: dict[int, float] = {}
        self.serial = 0
        self.next_sweep = 0.0
        self.outside = outside
        self.ids.last = store.reader().last_decision()
        self.reset()

    def reset(self) -> None:
        """Forgets everything that was not committed, and all that was cached; ids go on from the last one given."""
        self.batch = Batch()
        self.experiments: dict[str, Running] = {}
        self.by_id: dict[int, Running] = {}
        self.rows: dict[int, DecisionRow] = {}
        self.records: dict[int, Record] = {}
        self.seats: dict[tuple[int, str, str], DecisionRow] = {}
        self.answered: dict[tuple[int, str], DecisionRow] = {}
        self.epochs: dict[tuple[int, int, str], list[float]] = {}
        self.drawn: dict[tuple[int, int, str | int], Drawn] = {}
        self.draws: dict[int, Draw] = {}
        self.models: dict[tuple[int, int, int], Array] = {}
        self.touched: set[Running] = set()
        self.looks: set[int] = set()
        self.documents: dict[str, Mapping[str, Any]] = {}
        self.outdated: dict[str, tuple[Mapping[str, Any], set[str]]] = {}
        self.settings: tuple[Mapping[str, Any], Any] | None = None

    def refresh(self) -> None:
        """Catches up with what other processes committed; called at the start of a transaction."""
        self.serial += 1
        news = self.store.changed()
        if news is None:
            return
        self.alone = False
        self.ids.last = max(self.ids.last, self.store.reader().last_decision())
        for kind, key in news.documents:
            if (known := self.documents.pop(kind, None)) is not None:
                self.outdated[kind] = (known, set())
            if kind in self.outdated:
                self.outdated[kind][1].add(key)
        if news.experiments:
            self.rows.clear()
            self.records.clear()
            self.seats.clear()
            self.answered.clear()
        for number in news.experiments:
            if running := self.by_id.pop(number, None):
                del self.experiments[running.key]

    def unwritten(self) -> int:
        """How many decisions and events, at least, are still to be written."""
        return len(self.batch.decisions) + len(self.batch.events)

    def trim(self) -> None:
        """Drops the longest unused of what is cached and written."""
        batch = self.batch
        slack = self.unwritten() + len(batch.outcomes) + len(batch.exposures) + len(batch.epochs)
        caches: tuple[tuple[dict[Any, Any], int], ...] = (
            (self.rows, MOST_CACHED),
            (self.records, MOST_CACHED),
            (self.seats, MOST_CACHED),
            (self.answered, MOST_CACHED),
            (self.epochs, MOST_CACHED // 64),
            (self.draws, MOST_CACHED // 4),
        )
        for cache, most in caches:
            # Many at a time: to find a dict's first key is to pass all deleted ones.
            if len(cache) > slack + most + most // 16:
                for key in list(islice(cache, len(cache) - most - slack)):
                    del cache[key]

    def experiment(self, key: str) -> Running:
        """The experiment of a key.

        Raises:
            NotFound: There is none.
        """
        running = self.experiments.get(key)
        if running is None:
            found = self.store.reader().experiment(key)
            if found is None:
                raise NotFound(f"experiment {key[:100]!r} is unknown")
            running = self.enter(*found)
        return running

    def enter(self, row: ExperimentRow, standing: Standing) -> Running:
        """Takes an experiment from the store into memory."""
        running = load(row, standing)
        reader = self.store.reader()
        running.inherited = reader.has_units(row.id)
        running.cadence = self._cadence(running)
        for period, arm, sums in reader.learning(row.id):
            running.learner.add(period, arm, sums)
        if running.costs is not None and running.cost is not None:
            origin = running.origins[running.cost]
            for arm, metric, sums in reader.sums(row.id, ALL_EPOCHS):
                if metric == running.cost:
                    running.costs.add(arm, sums[0], sums[1] + sums[0] * origin)
        if running.guards is not None:
            running.guards.load(partial(reader.sums_since, row.id))
        logged = reader.epoch(row.id, standing.epoch, EVERYONE) if standing.epoch else None
        if running.contextual is not None:
            running.contextual.restore(reader.models(row.id))
            if logged is not None:
                running.adopt(standing.epoch, running.base, logged.started_at)
                running.contextual.resume(reader.snapshot(row.id, standing.epoch), logged.started_at)
        elif logged is not None:
            running.adopt(standing.epoch, json.loads(logged.weights), logged.started_at)
        self.experiments[row.key] = self.by_id[row.id] = running
        return running

    def replace(self, running: Running, experiment: StoredExperiment) -> Running:
        """Puts a changed definition in the place of an experiment, with what it has learnt; new arms know nothing."""
        fresh = Running(running.id, experiment)
        new = len(fresh.keys) - len(running.keys) if running.epoch else 0
        fresh.learner.inherit(running.learner)
        fresh.learned, fresh.weighed = running.learned, running.weighed
        fresh.inherited = running.inherited
        if fresh.costs is not None and running.costs is not None:
            fresh.costs.inherit(running.costs)
        if fresh.guards is not None:
            fresh.guards.inherit(running.guards)
        fresh.cadence = self._cadence(fresh)
        fresh.adopt(running.epoch, running.weights + [0.0] * new, 0.0)
        definition = experiment.model_dump_json(exclude={"epoch"})
        self.batch.experiments[running.id] = ExperimentRow(running.id, experiment.key, definition, experiment.status)
        self.batch.wakes[running.id] = 0.0
        self.experiments[experiment.key] = self.by_id[running.id] = fresh
        self.touched.discard(running)
        self.touched.add(fresh)
        for record in self.records.values():
            if record.running is running:
                record.running = fresh
        return fresh

    def _cadence(self, running: Running) -> Cadence:
        """An experiment's compute budget, which being read anew does not fill up."""
        cadence = self._cadences.get(running.id)
        if cadence is None or cadence.budget != running.cadence.budget:
            cadence = self._cadences[running.id] = running.cadence
        return cadence

    def begin_epoch(self, running: Running, now: float, *, anew: bool = False) -> None:
        """Recomputes an experiment's weights; where they changed, or `anew`, that begins an epoch."""
        if running.recompute(now, anew=anew):
            if running.contextual is None:
                self._log_allocation(running, EVERYONE, now)
            else:
                self.batch.epochs.append(EpochRow(running.id, running.epoch, EVERYONE, "null", "null", now))
                if running.every or running.frozen:  # else its state is that of the sums
                    state = running.contextual.snapshot.tobytes()
                    self.batch.snapshots[running.id] = (running.id, running.epoch, state)
        self.touched.add(running)
        if running.learner.since:
            self._note_changes(running, now)

    def _note_changes(self, running: Running, now: float) -> None:
        """Notes, and tells, once, what the alarm has found."""
        alarm, status = running.experiment.alarm, running.experiment.status
        for arm, span in running.learner.since.items():
            token = f"alarm {running.id} {arm} {span}"
            if alarm is None or token in running.noted:
                continue
            running.noted.add(token)
            if self.change(token) is None:
                since = datetime.fromtimestamp(span * alarm.span, UTC).isoformat(timespec="seconds")
                done = "what it earned before is forgotten" if alarm.restart else "nothing was forgotten"
                detail = f"the rewards of {running.keys[arm]!r} have changed about {since}; {done}"
                key = running.key
                self.batch.changes.append(
                    Change("experiment", key, "alarm", "alarm", now, status, status, detail, token)
                )
                body = {"variant": running.keys[arm], "since": span * alarm.span, "forgotten": alarm.restart}
                self.batch.alerts.append(Alert(now, "anomaly", key, "warning", detail, to_json(body).decode()))

    def allocation(self, running: Running, mask: str, now: float) -> Allocation:
        """What the current epoch draws from for a mask, logged when it is first asked for.

        Where the epoch's weights leave the eligible arms nothing (an index policy puts all on one arm, which may have
        been paused since), the policy is asked about those arms alone.
        """
        place = (running.id, running.epoch, mask)
        if logged := self.store.reader().epoch(*place):
            allocation = running.allocate(mask, json.loads(logged.weights))
            self.epochs[place] = allocation.probabilities
            return allocation
        return self._log_allocation(running, mask, now)

    def _log_allocation(self, running: Running, mask: str, now: float) -> Allocation:
        weights, members = running.configured(mask), running.members(mask)
        if sum(weights[arm] for arm in members) <= 0.0:
            weights = running.learner.weights(now, members)
        allocation = running.allocate(mask, weights)
        probabilities = allocation.probabilities
        place = (running.id, running.epoch, mask)
        self.batch.epochs.append(EpochRow(*place, to_json(weights).decode(), to_json(probabilities).decode(), now))
        self.epochs[place] = probabilities
        return allocation

    def probabilities(self, running: Running, row: DecisionRow) -> list[float]:
        """What a decision, of whatever epoch, was drawn from."""
        if running.contextual is not None:
            return self.draw(row).probabilities
        place = (row.experiment, row.epoch, row.eligible)
        probabilities = self.epochs.get(place)
        if probabilities is None:
            found = self.store.reader().epoch(*place)
            if found is None:
                raise StoreUnusable(f"epoch {row.epoch} of experiment {row.experiment} is missing from the store")
            probabilities = self.epochs[place] = json.loads(found.probabilities)
        return probabilities

    def log_draw(
        self, contextual: ContextualLearner, row: DecisionRow, probabilities: list[float], features: Array
    ) -> None:
        """Logs what a decision in a context was drawn from, with what its reward will need if it heads a trial."""
        note = contextual.note(row.variant, features) if row.head == row.id else ()
        self.draws[row.id] = Draw(features, probabilities, note)
        kept = to_json(note).decode() if note else None
        self.batch.draws.append(DrawRow(row.id, to_json(probabilities).decode(), kept))

    def draw(self, row: DecisionRow) -> Draw:
        """What a decision in a context was drawn from."""
        draw = self.draws.get(row.id)
        if draw is None:
            found = self.store.reader().draw(row.id)
            contextual = self.numbered(row.experiment).contextual
            if found is None or contextual is None:
                raise StoreUnusable(f"what decision {row.id:016x} was drawn from is missing from the store")
            draw = self.draws[row.id] = contextual.read(row.variant, *found)
        return draw

    def change(self, idempotency_key: str) -> Change | None:
        """The line of the audit log that came with a key."""
        waiting = (change for change in self.batch.changes if change.idempotency_key == idempotency_key)
        return next(waiting, None) or self.store.reader().change(idempotency_key)

    def record(self, number: int) -> Record:
        """The decision of an id.

        Raises:
            NotFound: There is none.
        """
        record = self.records.get(number)
        if record is None and (fresh := self.rows.pop(number, None)):
            record = self.records[number] = Record(self.numbered(fresh.experiment), fresh)
        if record is None:
            reader = self.store.reader()
            row = reader.decision(number)
            if row is None:
                raise NotFound(f"decision '{number:016x}' is unknown")
            record = self.records[number] = Record(self.numbered(row.experiment), row, stored=True)
            for kept in reader.outcomes(number):
                outcome = record.outcomes[kept.metric] = Outcome()
                _, _, outcome.value, outcome.total, outcome.earned, outcome.fallback = kept
        return record

    def head(self, record: Record) -> Record:
        """The decision that opened the trial of a decision, which may be itself."""
        return record if record.head == record.id else self.record(record.head)

    def tokens(self, record: Record) -> set[tuple[int, str]]:
        """Metric and idempotency key of the events that a decision has had."""
        if record.tokens is None:
            record.tokens = set(self.store.reader().keys(record.id)) if record.stored else set()
        return record.tokens

    def keyed(self, running: Running, idempotency_key: str) -> DecisionRow | None:
        """The decision that was made with a key."""
        row = self.answered.get((running.id, idempotency_key))
        return row or self.store.reader().keyed(running.id, idempotency_key)

    def writable(self, record: Record) -> None:
        """Checks that a decision's outcome may still change.

        Raises:
            WrongState: Its experiment is archived.
        """
        experiment = record.running.experiment
        if experiment.status == "archived":
            raise WrongState(f"experiment {experiment.key!r} is archived: its outcomes are final")

    def seat(self, running: Running, unit: str, mask: str) -> DecisionRow | None:
        """The decision by which a unit got its variant, in general or for a mask; None for one never seen."""
        place = (running.id, unit, mask)
        if self.alone and not running.inherited:
            bit = hash(place) & (SEEN_BITS - 1)
            if not self._seen[bit >> 3] >> (bit & 7) & 1:
                return None
        seat = self.seats.get(place)
        if seat is None:
            seat = self.store.reader().seat(*place)
            if seat is not None:
                self.seats[place] = seat
        return seat

    def give_seat(self, running: Running, unit: str, mask: str, row: DecisionRow, *, instead: bool) -> None:
        """Makes a decision the one by which a unit has its variant, in general or for a mask, `instead` of another."""
        place = (running.id, unit, mask)
        bit = hash(place) & (SEEN_BITS - 1)
        self._seen[bit >> 3] |= 1 << (bit & 7)
        self.batch.units.append((*place, row.id))
        self.seats[place] = row
        if instead:
            self.touched.add(running)

    def outcome(self, record: Record, metric: int) -> Outcome:
        """What a decision's events add up to for a metric; empty where there were none."""
        outcome = record.outcomes.get(metric)
        if outcome is None:
            outcome = record.outcomes[metric] = Outcome()
        return outcome

    def earn(self, head: Record, metric: int, value: float, decisions: int) -> None:
        """Adds to what a trial's decisions have earned, and to how many of them have; notes it for the batch."""
        outcome = self.outcome(head, metric)
        outcome.earned += decisions
        outcome.total = outcome.total + value if outcome.earned else 0.0
        self.keep(head, metric)

    def keep(self, record: Record, metric: int) -> None:
        """Notes an outcome for the batch."""
        outcome = record.outcomes[metric]
        self.batch.outcomes[record.id, metric] = OutcomeRow(
            record.id, metric, outcome.value, outcome.total, outcome.earned, outcome.fallback
        )
        self.used(record)

    def used(self, record: Record) -> None:
        """Notes a decision as lately changed: the last to be dropped from memory, and news to other processes."""
        self.touched.add(record.running)
        if self.records.pop(record.id, None) is not None:
            self.records[record.id] = record

    def credit(self, head: Record, before: dict[int, float]) -> None:
        """Moves the sums by the difference between what a trial had earned and what it has."""
        after = head.values()
        if after == before:
            return
        running, row = head.running, head.row
        guards = running.guards
        for metric in after if before.keys() <= after.keys() else before.keys() | after.keys():
            old, new = before.get(metric), after.get(metric)
            if old != new:
                delta = moments(old, new, running.origins[metric], row.propensity)
                add(self.batch.statistics, (running.id, row.epoch, row.variant, metric), delta)
                if guards is not None and guards.add(metric, row.epoch, row.variant, delta):
                    self.looks.add(running.id)
        for metric, known in head.covariates.items():
            old, new = before.get(metric), after.get(metric)
            if old != new:
                delta = moments(old, new, running.origins[metric], row.propensity)
                for at, more in covariate.increments(metric, known, delta):
                    add(self.batch.statistics, (running.id, row.epoch, row.variant, at), more)
        if running.ratios:
            gone, come = running.products(before), running.products(after)
            for ratio in gone.keys() | come.keys():
                delta = moments(gone.get(ratio), come.get(ratio), 0.0, row.propensity)
                add(self.batch.statistics, (running.id, row.epoch, row.variant, ratio), delta)
        if running.cost is not None and running.costs is not None:
            old, new = before.get(running.cost), after.get(running.cost)
            if old != new:
                running.costs.add(row.variant, (new is not None) - (old is not None), (new or 0.0) - (old or 0.0))
                running.learned += 1
        learner = running.learner
        old, new = learner.objective.reward(before), learner.objective.reward(after)
        if old != new:
            period, growth = learner.place(row.decided_at) if running.periodic else (0, 1.0)
            place = (running.id, period, row.variant)
            if running.contextual is not None:
                change = running.contextual.change(self.draw(row), old, new, row.propensity, growth)
                learner.add(period, row.variant, change)
                self.models[place] = self.models.get(place, 0.0) + change
                delta = change[:COLUMNS].tolist()
            else:
                delta = moments(old, new, 0.0, row.propensity)
                if growth != 1.0:
                    delta = [growth * part for part in delta]
                learner.add(period, row.variant, delta)
            running.learned += 1
            add(self.batch.learning, place, delta)
        self.touched.add(running)

    def count(self, running: Running, row: DecisionRow, probabilities: list[float], *, opens: bool) -> None:
        """Counts an exposed decision that was drawn from `probabilities`, and the trial if it opens one."""
        place = (running.id, row.epoch, row.eligible if running.contextual is None else row.id)
        drawn = self.drawn.get(place)
        if drawn is None:
            drawn = self.drawn[place] = Drawn(probabilities)
        drawn.decisions[row.variant] += 1
        if opens:
            drawn.trials[row.variant] += 1

    def take(self) -> Batch:
        """The batch, complete, and an empty one in its place."""
        batch = self.batch
        for (experiment, epoch, _), drawn in self.drawn.items():
            opened = sum(drawn.trials)
            for arm, probability in enumerate(drawn.probabilities):
                if probability > 0.0:
                    for place in ((experiment, epoch, arm), (experiment, ALL_EPOCHS, arm)):
                        sizes = batch.allocations.setdefault(place, [0.0, 0.0, 0.0])
                        sizes[0] += drawn.decisions[arm]
                        sizes[1] += drawn.trials[arm]
                        sizes[2] += opened * probability
        for (experiment, period, arm), change in self.models.items():
            for column, total in increments(change):
                batch.models[experiment, period, arm, column] = [total]
        for (experiment, _, arm, metric), delta in list(batch.statistics.items()):
            add(batch.statistics, (experiment, ALL_EPOCHS, arm, metric), delta)
        for running in self.touched:
            batch.standings[running.id] = Standing(running.epoch, running.learned, running.weighed)
        self.batch, self.drawn, self.models, self.touched = Batch(), {}, {}, set()
        return batch

    def numbered(self, number: int) -> Running:
        """The experiment of a number.

        Raises:
            NotFound: There is none.
        """
        running = self.by_id.get(number)
        if running is None:
            found = self.store.reader().numbered(number)
            if found is None:
                raise NotFound(f"experiment {number} is unknown")
            running = self.experiment(found[0].key)
        return running


def parse(row: ExperimentRow, standing: Standing) -> StoredExperiment:
    """The definition of an experiment from its row, with the epoch it is in.

    Raises:
        StoreUnusable: It is not one that this version understands.
    """
    try:
        return StoredExperiment.model_validate({**json.loads(row.definition), "epoch": standing.epoch})
    except ValidationError as error:
        detail = InvalidInput.of(error).detail
        raise StoreUnusable(f"experiment {row.key!r} is kept in a form that is not understood: {detail}") from error


def load(row: ExperimentRow, standing: Standing) -> Running:
    """An experiment from its row, with nothing learnt yet; errors as of `parse`."""
    running = Running(row.id, parse(row, standing))
    running.learned, running.weighed = standing.learned, standing.weighed
    return running


def add(sums: dict[Place, list[float]], place: Place, delta: Sequence[float]) -> None:
    """Adds the COLUMNS numbers of `delta` to the sums at a place."""
    row = sums.get(place)
    if row is None:
        sums[place] = [*delta]
    else:
        row[0] += delta[0]
        row[1] += delta[1]
        row[2] += delta[2]
        row[3] += delta[3]
