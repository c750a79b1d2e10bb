"""The decisions of experiments behind flags: one that counts, and those that a page full of flags foresees."""

from collections.abc import Sequence
from hashlib import sha256

from pydantic_core import to_json

from bandit.choose import choose
from bandit.decision import AnyRequest, ChooseRequest, Decision
from bandit.errors import InvalidInput, MultiarmError
from bandit.memory import Memory
from bandit.rows import DecisionRow
from bandit.running import Running
from bandit.settings import current


class NeedsUnit(InvalidInput):
    """A flag cannot be decided without knowing for whom."""


def decide(memory: Memory, request: ChooseRequest, now: float) -> Decision:
    """Decides for one flag, with the features of the experiment from the request's attributes.

    Raises:
        NeedsUnit: No unit is given, and units keep their variant.
        MultiarmError: As `choose`.
    """
    running = memory.experiment(request.experiment)
    if running.sticky and request.unit is None:
        raise NeedsUnit.field("unit", f"the experiment {request.experiment!r} needs one")
    return choose(memory, _in_context(running, request), now)


def foresee(
    memory: Memory, requests: Sequence[ChooseRequest], now: float
) -> list[tuple[Decision | MultiarmError, int]]:
    """What several flags would be decided, with nothing that counts: evaluation is no exposure.

    A unit that has its variant keeps it, and is told of the decision that gave it. Else a decision is made that waits
    to be activated, and the next time is the same: for a unit that keeps its variant always, else for as long as the
    experiment's epoch and the attributes are.

    Returns:
        For each request a decision or why there is none, and the epoch that the experiment is in.
    """
    return [_foreseen(memory, request, now) for request in requests]


def _foreseen(memory: Memory, request: ChooseRequest, now: float) -> tuple[Decision | MultiarmError, int]:
    try:
        running = memory.experiment(request.experiment)
        if request.unit is None:
            raise NeedsUnit.field("unit", f"the experiment {request.experiment!r} needs one")
        told_again = _keeps(running, request.unit)
        request = _in_context(running, request)
        if not told_again:
            request = request.model_copy(update={"idempotency_key": _token(memory, running, request)})
        decision = choose(memory, request, now, keep=_as_it_is)
    except MultiarmError as error:
        return error, 0
    return decision, memory.experiment(request.experiment).epoch


def _as_it_is(
    memory: Memory,  # noqa: ARG001
    running: Running,  # noqa: ARG001
    request: AnyRequest,  # noqa: ARG001
    seat: DecisionRow,
    reason: str,  # noqa: ARG001
    now: float,  # noqa: ARG001
) -> DecisionRow:
    """The decision by which a unit has its variant."""
    return seat


def _keeps(running: Running, unit: str) -> bool:
    """Whether a unit keeps its variant by a decision that can be told again."""
    gate = running.gate
    return running.sticky and (gate is None or not (gate.shadow or unit in gate.forced))


def _in_context(running: Running, request: ChooseRequest) -> ChooseRequest:
    """The request with the features that the experiment's policy reads, which a flag is given among its attributes."""
    attributes = request.attributes or {}
    features = {
        feature.key: attributes[feature.key] for feature in running.experiment.features if feature.key in attributes
    }
    return request.model_copy(update={"context": features}) if running.experiment.features else request


def _token(memory: Memory, running: Running, request: ChooseRequest) -> str:
    """What makes a decision the same again where a unit keeps none: all that it follows from but chance and time."""
    everywhere = current(memory)
    known = [running.epoch, request.unit, request.attributes, everywhere.holdout, everywhere.enable_experiments]
    return f"flags {sha256(to_json([*known, running.experiment])).hexdigest()[:40]}"
