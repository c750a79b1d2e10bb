"""The rows of a store, what is made of them when they are read, and the batch that is written at once."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

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


class Grouping(NamedTuple):
    """What makes a group of trials: an attribute of the decision, spans of `seconds` since `start`, or nothing."""

    attribute: str | None = None
    seconds: float | None = None
    start: float = 0.0
