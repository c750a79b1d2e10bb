"""Shadow experiments: the control is served, and the others decide beside it, so that their outcomes can be told."""

from bandit.answer import answer
from bandit.decision import AnyRequest, Decision
from bandit.errors import InvalidInput
from bandit.exposure import CONTROL, SHADOW, keep, log, wait
from bandit.gate import Gate
from bandit.memory import Memory
from bandit.rows import DecisionRow
from bandit.running import Running


def choose_all(memory: Memory, running: Running, gate: Gate, request: AnyRequest, mask: str, now: float) -> Decision:
    """Decides for every eligible variant at once, and answers with the control's decision.

    Each decision is drawn from one variant alone, so its propensity is 1; the ids follow one another, the control's
    first, which alone has the request's idempotency key.

    Raises:
        InvalidInput: The control is not eligible.
    """
    arms = running.members(mask)
    if running.control not in arms:
        key = running.keys[running.control]
        raise InvalidInput.field("eligible", f"must hold the control {key!r}, which a shadow experiment serves always")
    beside = request
    if request.idempotency_key is not None:
        beside = request.model_copy(update={"idempotency_key": None})
    control = _decide(memory, running, gate, request, running.control, now)
    others = [_decide(memory, running, gate, beside, arm, now) for arm in arms if arm != running.control]
    return answer(running, control, tuple(answer(running, row) for row in others))


def _decide(memory: Memory, running: Running, gate: Gate, request: AnyRequest, arm: int, now: float) -> DecisionRow:
    mask, reason = f"[{arm}]", CONTROL if arm == running.control else SHADOW
    unit = request.unit if running.sticky else None
    held = None if unit is None else memory.seat(running, unit, mask)
    if (seat := gate.unexpired(held, now)) is not None:
        return keep(memory, running, request, seat, reason, now)
    allocation = running.allocations.get(mask) or memory.allocation(running, mask, now)
    probabilities = allocation.probabilities
    row = log(memory, running, request, arm, probabilities[arm], running.epoch, mask, 0, reason, now)
    if not request.defer:
        memory.count(running, row, probabilities, opens=True)
        wait(memory, running, row.id, now)
    if unit is not None:
        memory.give_seat(running, unit, mask, row, instead=held is not None)
    return row
