"""What an engine knows of its store: read when first asked for, kept until others change it or it is long unused."""

import json
from collections.abc import Mapping
from functools import partial
from itertools import islice
from typing import Any

from bandit.contextual import Draw
from bandit.decision import Ids
from bandit.errors import NotFound, StoreUnusable, WrongState
from bandit.learner import Cadence
from bandit.rows import DecisionRow, ExperimentRow, Standing
from bandit.running import EVERYONE, Running, load
from bandit.store import Store
from bandit.trial import Outcome, Record

MOST_CACHED = 32_768
SEEN_BITS = 1 << 23
ALL_EPOCHS = 0


class Cache:
    """A cache of the store.

    Everything here is called by one thread at a time, which in a shared store holds the store's write transaction, so
    what is read is true until it ends.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.ids = Ids()
        self.ids.last = store.reader().last_decision()
        # A bit for every unit given a variant here, at its hash: where it is unset and nobody else writes, a unit is
        # new and need not be looked up. Shared bits cost a look-up, no more.
        self._seen = bytearray(SEEN_BITS >> 3)
        self.alone = True
        self._cadences: dict[int, Cadence] = {}
        self.serial = 0
        self.forget()

    def forget(self) -> None:
        """Forgets all that was read; ids go on from the last one given."""
        self.experiments: dict[str, Running] = {}
        self.by_id: dict[int, Running] = {}
        self.rows: dict[int, DecisionRow] = {}
        self.records: dict[int, Record] = {}
        self.seats: dict[tuple[int, str, str], DecisionRow] = {}
        self.answered: dict[tuple[int, str], DecisionRow] = {}
        self.epochs: dict[tuple[int, int, str], list[float]] = {}
        self.draws: dict[int, Draw] = {}
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

    def drop(self, slack: int) -> None:
        """Drops the longest unused, but for as many of each kind as there are unwritten: `slack`."""
        caches: tuple[tuple[dict[Any, Any], int], ...] = (
            (self.rows, MOST_CACHED),
            (self.records, MOST_CACHED // 2),  # three times as large, and seldom rewarded again
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

    def _cadence(self, running: Running) -> Cadence:
        """An experiment's compute budget, which being read anew does not fill up."""
        cadence = self._cadences.get(running.id)
        if cadence is None or cadence.budget != running.cadence.budget:
            cadence = self._cadences[running.id] = running.cadence
        return cadence

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
