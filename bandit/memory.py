"""The engine's memory: a cache of the store, and the batch that will make the store agree with it."""

import json
import math
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from pydantic_core import to_json

from bandit import covariate
from bandit.assignment import Allocation
from bandit.cache import ALL_EPOCHS, SEEN_BITS, Cache
from bandit.contextual import ContextualLearner, Draw, increments
from bandit.experiment import StoredExperiment
from bandit.rows import Alert, Batch, Change, DecisionRow, DrawRow, EpochRow, ExperimentRow, OutcomeRow, Standing
from bandit.running import EVERYONE, Running
from bandit.store import Store
from bandit.trial import Drawn, Outcome, Record, moments
from policies import COLUMNS
from policies.kernel import Array

Place = TypeVar("Place", bound=tuple[int, ...])


class Outside(NamedTuple):
    """Values of settings that are not in the store, by name."""

    file: Mapping[str, Any] = MappingProxyType({})
    environment: Mapping[str, Any] = MappingProxyType({})


class Memory(Cache):
    """A cache of the store, with the changes that are still to be written to it."""

    def __init__(self, store: Store, seed: int | None = None, outside: Outside = Outside()) -> None:  # noqa: B008
        super().__init__(store)
        # A program that draws its rewards from the same seed must not draw the same numbers.
        own = None if seed is None else f"multiarm {seed}"
        self.random = random.Random(own).random  # noqa: S311 - a draw of variants, not a secret
        self.attended_at = math.inf
        self.reviews: set[tuple[str, str]] = set()
        self.reviewed: dict[int, tuple[int, float]] = {}
        self.looked: dict[int, float] = {}
        self.next_sweep = 0.0
        self.outside = outside
        self.looks: set[int] = set()
        self._begin()

    def _begin(self) -> None:
        """Begins an empty batch."""
        self.batch = Batch()
        self.drawn: dict[tuple[int, int, str | int], Drawn] = {}
        self.models: dict[tuple[int, int, int], Array] = {}
        self.touched: set[Running] = set()

    def reset(self) -> None:
        """Forgets everything that was not committed, and all that was read."""
        self.forget()
        self._begin()
        self.looks.clear()

    def trim(self) -> None:
        """Drops the longest unused of what is cached and written."""
        batch = self.batch
        self.drop(self.unwritten() + len(batch.outcomes) + len(batch.exposures) + len(batch.epochs))

    def unwritten(self) -> int:
        """How many decisions and events, at least, are still to be written."""
        return len(self.batch.decisions) + len(self.batch.events)

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

    def log_draw(
        self, contextual: ContextualLearner, row: DecisionRow, probabilities: list[float], features: Array
    ) -> None:
        """Logs what a decision in a context was drawn from, with what its reward will need if it heads a trial."""
        note = contextual.note(row.variant, features) if row.head == row.id else ()
        self.draws[row.id] = Draw(features, probabilities, note)
        kept = to_json(note).decode() if note else None
        self.batch.draws.append(DrawRow(row.id, to_json(probabilities).decode(), kept))

    def change(self, idempotency_key: str) -> Change | None:
        """The line of the audit log that came with a key."""
        waiting = (change for change in self.batch.changes if change.idempotency_key == idempotency_key)
        return next(waiting, None) or self.store.reader().change(idempotency_key)

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
        self._begin()
        return batch


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
