"""How a decision enters the log, and from when it counts."""

from pydantic_core import to_json

from bandit import covariate
from bandit.decision import AnyRequest
from bandit.errors import NotFound
from bandit.memory import Memory
from bandit.rows import DecisionRow, EventRow
from bandit.running import Running
from bandit.trial import Record

FORCED = "forced"
CONTROL = "control"
SHADOW = "shadow"

_new = tuple.__new__  # what a named tuple's own constructor calls, at half its cost


def log(
    memory: Memory,
    running: Running,
    request: AnyRequest,
    variant: int,
    propensity: float,
    epoch: int,
    mask: str,
    head: int,
    reason: str,
    now: float,
) -> DecisionRow:
    """Enters a decision into the batch; it counts from now on unless it is deferred or forced."""
    number = memory.ids.next(now)
    context, attributes, token = request.context, request.attributes, request.idempotency_key
    exposed_at = None if request.defer or reason == FORCED else now
    row = _new(
        DecisionRow,
        (
            number,
            running.id,
            request.unit,
            variant,
            propensity,
            epoch,
            head or number,
            now,
            exposed_at,
            None if head else exposed_at,
            mask,
            None if context is None else to_json(context).decode(),
            None if attributes is None else to_json(attributes).decode(),
            reason,
            token,
        ),
    )
    memory.batch.decisions.append(row)
    if context is not None or attributes is not None:
        # Kept by the store, and of no use in memory but for what rewards will need.
        needed = covariate.kept(running.covariates, attributes) if running.covariates else None
        row = row._replace(context=None, attributes=needed)
    memory.rows[number] = row
    if token is not None:
        memory.answered[running.id, token] = row
    return row


def keep(
    memory: Memory, running: Running, request: AnyRequest, seat: DecisionRow, reason: str, now: float
) -> DecisionRow:
    """Enters another decision for a unit that has its variant, with the propensity of the draw that gave it.

    Where the trial is a unit, it belongs to the one that the unit's first decision opened.
    """
    head = seat.head if running.experiment.trial == "unit" else 0
    probabilities = memory.probabilities(running, seat)
    opened = not head or memory.record(head).opened_at is not None
    row = log(memory, running, request, seat.variant, seat.propensity, seat.epoch, seat.eligible, head, reason, now)
    if (contextual := running.contextual) is not None:
        features = contextual.features.of(request.context or {}, row.variant)
        memory.log_draw(contextual, row, probabilities, features)
    if not request.defer:
        if not opened:
            expose(memory, memory.record(row.id), now)
        else:
            memory.count(running, row, probabilities, opens=not head)
            if not head:
                wait(memory, running, row.id, now)
    return row


def activate(memory: Memory, number: int, now: float) -> str:
    """Makes a deferred decision count from now on; one that counts already is left as it is, and so is a forced one.

    A control's shadows count with it.

    Raises:
        NotFound: The decision is unknown.
        WrongState: Its experiment is archived.
    """
    record = memory.record(number)
    memory.writable(record)
    if record.exposed_at is None and record.row.reason != FORCED:
        for shown in (record, *beside(memory, record)):
            if shown.exposed_at is None:
                expose(memory, shown, now)
                memory.batch.events.append(EventRow(shown.id, -1, "activate", None, None, now, "activated"))
    return "activated"


def beside(memory: Memory, record: Record) -> list[Record]:
    """The shadow decisions that were made with a control's: they have the ids that follow its own."""
    found: list[Record] = []
    while record.row.reason == CONTROL:
        try:
            other = memory.record(record.id + len(found) + 1)
        except NotFound:
            break
        if other.row.reason != SHADOW or other.row.experiment != record.row.experiment:
            break
        found.append(other)
    return found


def expose(memory: Memory, record: Record, now: float) -> None:
    """Counts a decision as shown, opens its trial if nothing has, and credits what it had earned before."""
    head = memory.head(record)
    probabilities = memory.probabilities(record.running, head.row)
    before = head.values()
    first = head.opened_at is None
    if first:
        head.opened_at = now
        wait(memory, record.running, head.id, now)
    if record.exposed_at is None or first:
        record.exposed_at = record.exposed_at or now
        for exposed in (head, record):
            memory.batch.exposures[exposed.id] = (exposed.exposed_at, exposed.opened_at)
            memory.used(exposed)
    for metric, outcome in record.outcomes.items():
        if outcome.value is not None:
            memory.earn(head, metric, outcome.value, 1)
    memory.count(record.running, record.row, probabilities, opens=first)
    memory.credit(head, before)
    memory.touched.add(record.running)


def wait(memory: Memory, running: Running, head: int, now: float) -> None:
    """Notes when the windows of a trial close for the metrics that have a default."""
    for metric, window, _ in running.defaults:
        memory.batch.due.append((now + window, head, metric))
