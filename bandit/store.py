"""What the engine asks of a store: commit a batch atomically, load, query.

The store's transaction is the truth and memory a cache of it. Everything kept is either a row written once
(decisions, events, epochs), the latest version of a row (outcomes, units, experiments), or a sum that increments add
to (statistics, learning, models, allocations), so several processes can share a store: each adds its own.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from os import PathLike
from typing import Any, Protocol

from bandit.rows import (
    Alert,
    Batch,
    Cell,
    Change,
    DecisionRow,
    Delivery,
    Document,
    EpochRow,
    ExperimentRow,
    Grouping,
    Mentions,
    News,
    OutcomeRow,
    Selection,
    Standing,
    TrialRow,
)


class Store(Protocol):
    """A place that keeps batches. `path` names it in messages.

    Reads see what was committed; what a transaction has written, only from its end on.

    Raises (all of them):
        StoreError: the store could not do it; nothing was changed.
    """

    def transaction(self) -> AbstractContextManager[None]:
        """Holds the only right to write; commits at the end, or rolls back on an error."""

    def write(self, batch: Batch) -> None:
        """Writes a batch within a transaction."""

    def fill(self, table: str, columns: Sequence[str], rows: Collection[Sequence[Any]]) -> None:
        """Writes rows of a table as they are, within a transaction."""

    def backup(self, path: str | PathLike[str]) -> None:
        """Copies everything of one moment into an empty file."""

    def changed(self) -> News | None:
        """What others have changed since the last call; None where nobody wrote at all."""

    def revision(self) -> int:
        """The number of the last committed change of documents, whoever made it, for any thread at any time."""

    def snapshot(self) -> AbstractContextManager["Reader"]:
        """A reader that sees one moment, whatever is committed meanwhile."""

    def reader(self) -> "Reader":
        """The reader of the decision path."""

    def close(self) -> None:
        """Lets go of the store."""


class Reader(Protocol):
    """What is asked of a store."""

    def experiment(self, key: str) -> tuple[ExperimentRow, Standing] | None:
        """An experiment by its key."""

    def experiments(self) -> list[tuple[ExperimentRow, Standing]]:
        """All experiments, the oldest first."""

    def numbered(self, number: int) -> tuple[ExperimentRow, Standing] | None:
        """An experiment by its number."""

    def select(self, selection: Selection, after: int, most: int) -> list[tuple[ExperimentRow, Standing]]:
        """Experiments with numbers above `after`, the oldest first, `most` at most; -1 for all."""

    def change(self, idempotency_key: str) -> Change | None:
        """The change that was made with a key."""

    def changes(self, kind: str | None, key: str | None, before: int, most: int) -> list[tuple[int, Change]]:
        """Number and line of the audit log, the newest first, of those below `before`; None is any kind, or key."""

    def alerts(
        self, kind: str | None, subject: str | None, severity: str | None, before: int, most: int
    ) -> list[tuple[int, Alert]]:
        """Number and alert, the newest first, of those below `before`; None is any."""

    def alert(self, number: int) -> Alert | None:
        """An alert by its number."""

    def deliveries(self, alerts: Sequence[int]) -> list[Delivery]:
        """The deliveries of alerts, by number and channel."""

    def outbox(self, now: float, most: int, wait: float) -> list[Delivery]:
        """Deliveries that are due by `now`, the earliest first, `most` at most.

        So are those that would have to wait for longer than `wait` seconds, or twice that for each try after the first:
        the clock was set back.
        """

    def awake(self, now: float, most: int) -> list[int]:
        """Experiments that want to be looked at by `now`, the earliest first, `most` at most."""

    def alive(self) -> list[int]:
        """Experiments that something may be due for, be it by a rule that is newer than they are."""

    def documents(self, kind: str) -> list[Document]:
        """All documents of a kind that were not removed, by key."""

    def document(self, kind: str, key: str) -> Document | None:
        """A document that was not removed."""

    def learning(self, experiment: int) -> list[tuple[int, int, list[float]]]:
        """Period, arm and sums of everything a policy has learnt."""

    def models(self, experiment: int) -> list[tuple[int, int, int, float]]:
        """Period, arm, column and total of the sums of features that a policy has not forgotten."""

    def snapshot(self, experiment: int, epoch: int) -> bytes | None:
        """The state that an epoch of a contextual experiment began with, where it is kept."""

    def draw(self, decision: int) -> tuple[str, str, str | None] | None:
        """Context, probabilities and note of a decision that was drawn in a context."""

    def epoch(self, experiment: int, epoch: int, eligible: str) -> EpochRow | None:
        """What an epoch drew from for a mask."""

    def decision(self, number: int) -> DecisionRow | None:
        """A decision by its id."""

    def decided_for(self, unit: str, after: int) -> list[int]:
        """Decisions for a unit, of whatever experiment, whose id is above `after`; looks through all of those."""

    def mentions(self, text: str) -> Mentions:
        """What holds a text, beside decisions and events."""

    def logged(self, experiment: int, after: int, most: int) -> list[int]:
        """Decisions of an experiment with an id above `after`, the least first, `most` at most."""

    def told_of(self, experiment: int, after: int, most: int) -> list[int]:
        """Numbers above `after` of events of an experiment's decisions, the least first, `most` at most."""

    def seats(self, experiment: int, most: int) -> list[tuple[int, str, str]]:
        """Experiment, unit and mask of units that have a variant, `most` at most."""

    def tokens(self, decision: int) -> list[tuple[int, str]]:
        """Number and idempotency key of a decision's events that came with one."""

    def metadata(self, decision: int) -> list[tuple[int, int, str]]:
        """Number, metric and metadata (JSON) of a decision's events that came with some, in their order."""

    def keyed(self, experiment: int, idempotency_key: str) -> DecisionRow | None:
        """The decision that was made with a key."""

    def seat(self, experiment: int, unit: str, eligible: str) -> DecisionRow | None:
        """The decision by which a unit got the variant that it keeps, in general or for a mask."""

    def has_units(self, experiment: int) -> bool:
        """Whether any unit has a variant of an experiment."""

    def outcomes(self, decision: int) -> list[OutcomeRow]:
        """What a decision's events add up to, metric by metric."""

    def keys(self, decision: int) -> list[tuple[int, str]]:
        """Metric and key of a decision's events that came with one."""

    def due(self, now: float, most: int) -> list[tuple[float, int, int]]:
        """When, decision and metric of windows closed by `now`, the earliest first, `most` at most."""

    def last_experiment(self) -> int:
        """The greatest number of an experiment; 0 without any."""

    def last_decision(self) -> int:
        """The greatest id; 0 without decisions."""

    def sizes(self, experiment: int, epoch: int) -> list[tuple[int, float, float, float]]:
        """Variant, decisions, trials and expected trials of an epoch; 0 is all of them."""

    def spread(self, experiment: int, most: int) -> list[tuple[int, float, int, float, float, float]]:
        """Epoch, its start, and variant, decisions, trials and expected trials, of the `most` newest that have any."""

    def sums(self, experiment: int, epoch: int) -> list[tuple[int, int, list[float]]]:
        """Variant, metric and sums of an epoch; 0 is all of them."""

    def sums_since(self, experiment: int, epoch: int) -> list[tuple[int, int, list[float]]]:
        """Variant, metric and sums of an epoch and all that followed."""

    def last_epoch(self, experiment: int, before: float) -> int:
        """The last epoch that began before a time; 0 for none."""

    def trials(self, experiment: int) -> Iterator[TrialRow]:
        """The trials of an experiment that were opened, in the order of their decisions, a few in memory at a time."""

    def told(self, experiment: int, metric: int) -> list[tuple[int, float]]:
        """When the trials of an experiment, by their decision, were last told anything of a metric."""

    def cells(self, experiment: int, by: "Grouping", ranges: Sequence[tuple[float, float, float]]) -> Iterator[Cell]:
        """The trials of an experiment, group by group, from the log.

        Args:
            experiment: Whose trials.
            by: What makes a group.
            ranges: Least value, greatest value and origin of each metric.
        """

    def crossed(self, experiment: int) -> tuple[int, int]:
        """Units that were decided for, and those of them that were given more than one variant."""

    def epochs(self, experiment: int) -> list[EpochRow]:
        """What each epoch drew from, and for each mask, the first epoch first."""

    def distributions(self, experiment: int) -> list[tuple[int, str, str]]:
        """Epoch, mask and probabilities (JSON) of what each epoch drew from, ordered by both."""

    def history(self, experiment: int, metric: int) -> Iterator[tuple[int, int, float, float, float]]:
        """Epoch, variant, count, sum and squares of every epoch that has some; of the trials for TRIALS."""

    def log(self, experiment: int) -> Iterator[TrialRow]:
        """Every decision of an experiment as `trials` has them, in their order, a few in memory at a time."""

    def schema(self) -> int:
        """The version of the tables."""

    def tables(self) -> dict[str, tuple[str, ...]]:
        """The name of every table, with its columns."""

    def rows(self, table: str) -> Iterator[Sequence[Any]]:
        """Every row of a table, for a replay."""
