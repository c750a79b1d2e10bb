"""What the engine asks of a store: commit a batch atomically, load, query.

The store's transaction is the truth and memory a cache of it. Everything kept is either a row written once
(decisions, events, epochs), the latest version of a row (outcomes, units, experiments), or a sum that increments add
to (statistics, learning, models, allocations), so several processes can share a store: each adds its own.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, NamedTuple, Protocol

TRIALS = -1
"""Stands for the trials where the place of a metric is asked for."""


class DecisionRow(NamedTuple):
    """A decision as it is logged. `head` is the decision that opened the trial this one belongs to."""

    id: int
    experiment: int
    unit: str | None
    variant: int
    propensity: float
    epoch: int
    head: int
    decided_at: float
    exposed_at: float | None
    opened_at: float | None
    eligible: str
    context: str | None
    attributes: str | None
    reason: str
    idempotency_key: str | None


class EventRow(NamedTuple):
    """A line of the reward ledger: what was told of a decision, when, what became of it, and more of it as JSON."""

    decision: int
    metric: int
    kind: str
    value: float | None
    idempotency_key: str | None
    at: float
    status: str
    metadata: str | None = None


class DrawRow(NamedTuple):
    """What a decision in a context was drawn from: probabilities of all arms, and what the policy keeps with it.

    Both are JSON arrays; `note` is None for a policy that keeps nothing.
    """

    decision: int
    probabilities: str
    note: str | None


class OutcomeRow(NamedTuple):
    """What the events of one decision, and of the trial that it heads, add up to for one metric."""

    decision: int
    metric: int
    value: float | None
    total: float
    earned: int
    fallback: float | None


class ExperimentRow(NamedTuple):
    """An experiment's definition and where it stands, written when it is created or changed."""

    id: int
    key: str
    definition: str
    status: str


class Selection(NamedTuple):
    """What experiments must be; None is anything. `text` is a part of key or name, in capitals or not."""

    status: str | None
    type: str | None
    owner: str | None
    tag: str | None
    text: str | None


class Standing(NamedTuple):
    """An experiment's epoch, the changes its learner has seen, and how many of them the epoch's weights reflect."""

    epoch: int
    learned: int
    weighed: int


class EpochRow(NamedTuple):
    """What an epoch drew from, for all arms or for a mask of eligible ones.

    `weights` are the policy's and `probabilities` what followed from them, both JSON arrays over all arms; `null` where
    they depend on the context, and each decision has a `DrawRow`.
    """

    experiment: int
    epoch: int
    eligible: str
    weights: str
    probabilities: str
    started_at: float


class TrialRow(NamedTuple):
    """A trial: the decision that opened it, what its epoch drew from (JSON), and its outcomes, metric by metric."""

    head: DecisionRow
    probabilities: str
    outcomes: list[OutcomeRow]


class Cell(NamedTuple):
    """The trials of a group that one distribution was drawn from, for one arm.

    `group` is the value of an attribute or the number of a span of time, None where neither is known. `metric` is the
    place of the metric whose values, less its origin, are counted and summed; TRIALS counts all trials.
    """

    group: str | float | None
    epoch: int
    eligible: str
    variant: int
    metric: int
    trials: int
    total: float
    squares: float


class Change(NamedTuple):
    """A line of the audit log: what happened to which thing, by whom, when, and from which state.

    `kind` is `experiment` or that of a `Document`.
    """

    kind: str
    key: str
    actor: str
    action: str
    at: float
    before: str
    after: str
    detail: str
    idempotency_key: str | None


class Alert(NamedTuple):
    """Something that people want to know: what happened to which experiment, and more of it as JSON."""

    at: float
    kind: str
    subject: str
    severity: str
    message: str
    body: str


class Delivery(NamedTuple):
    """How far an alert is on its way through a channel: tries so far, when the next one is due, what went wrong last.

    `due_at` is None once it was delivered, or was tried for the last time.
    """

    alert: int
    channel: str
    tries: int
    due_at: float | None
    delivered_at: float | None
    error: str


class Document(NamedTuple):
    """A definition that is not an experiment's: what kind it is, its key, and its JSON; None once it is removed."""

    kind: str
    key: str
    body: str | None


class Amendment(NamedTuple):
    """Rows of a table that are to hold other values; each is new values and then those of the key."""

    table: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Removal(NamedTuple):
    """Rows of a table that are to be gone, by the values of a key."""

    table: str
    key: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Mentions(NamedTuple):
    """Where a text occurs: numbers of experiments, documents, lines of the audit log and alerts by their numbers."""

    experiments: list[int]
    documents: list[Document]
    changes: list[tuple[int, Change]]
    alerts: list[tuple[int, Alert]]


class News(NamedTuple):
    """What others have changed: numbers of experiments, kinds and keys of documents."""

    experiments: list[int]
    documents: list[tuple[str, str]]


@dataclass(slots=True)
class Batch:
    """Everything that one transaction writes.

    `addressed` has for each delivery that begins the place of its alert in `alerts`, and its channel.
    """

    experiments: dict[int, ExperimentRow] = field(default_factory=dict)
    standings: dict[int, Standing] = field(default_factory=dict)
    wakes: dict[int, float | None] = field(default_factory=dict)
    documents: dict[tuple[str, str], Document] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    addressed: list[tuple[int, str]] = field(default_factory=list)
    deliveries: dict[tuple[int, str], Delivery] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    epochs: list[EpochRow] = field(default_factory=list)
    decisions: list[DecisionRow] = field(default_factory=list)
    exposures: dict[int, tuple[float | None, float | None]] = field(default_factory=dict)
    units: list[tuple[int, str, str, int]] = field(default_factory=list)
    draws: list[DrawRow] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    outcomes: dict[tuple[int, int], OutcomeRow] = field(default_factory=dict)
    due: list[tuple[float, int, int]] = field(default_factory=list)
    closed: list[tuple[int, int]] = field(default_factory=list)
    statistics: dict[tuple[int, int, int, int], list[float]] = field(default_factory=dict)
    learning: dict[tuple[int, int, int], list[float]] = field(default_factory=dict)
    models: dict[tuple[int, int, int, int], list[float]] = field(default_factory=dict)
    snapshots: dict[int, tuple[int, int, bytes]] = field(default_factory=dict)
    allocations: dict[tuple[int, int, int], list[float]] = field(default_factory=dict)
    amendments: list[Amendment] = field(default_factory=list)
    removals: list[Removal] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__slots__)


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


class Grouping(NamedTuple):
    """What makes a group of trials: an attribute of the decision, spans of `seconds` since `start`, or nothing."""

    attribute: str | None = None
    seconds: float | None = None
    start: float = 0.0
