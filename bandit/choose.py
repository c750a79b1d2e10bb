"""A decision: who takes part, who keeps what they had, and one draw from exactly the weights that are logged."""

from collections.abc import Callable

import numpy as np

from bandit import covariate, settings
from bandit.answer import again, answer, excluded
from bandit.assignment import rendezvous
from bandit.decision import AnyRequest, ChooseRequest, Decision
from bandit.documents import all_of
from bandit.errors import InvalidInput, WrongState
from bandit.exposure import FORCED, keep, log, wait
from bandit.gate import Gate, held_out
from bandit.memory import Memory
from bandit.prerequisites import COHORT
from bandit.rows import DecisionRow
from bandit.running import EVERYONE, Running
from bandit.settings import Settings
from bandit.shadow import choose_all
from bandit.turns import turn

_ADVICE = {"draft": "start it first", "paused": "resume it first"}

Keep = Callable[[Memory, Running, AnyRequest, DecisionRow, str, float], DecisionRow]
"""What a unit is answered that has its variant, by the decision that gave it."""


def choose(memory: Memory, request: AnyRequest, now: float, keep: Keep = keep) -> Decision:
    """Decides, and notes the decision in the batch.

    Args:
        memory: Of the engine.
        request: For whom, and with what in view.
        now: Seconds since 1970.
        keep: Answers a unit that has its variant; by default with another decision, which is logged.

    Raises:
        NotFound: The experiment is unknown.
        WrongState: It is not running.
        InvalidInput: An eligible variant is unknown, or none has a weight, or the context is not of the declared
            features, or the unit is of other kinds, or a covariate among the attributes is not a number.
    """
    running = memory.experiments.get(request.experiment) or memory.experiment(request.experiment)
    experiment = running.experiment
    if request.units is not None:  # of a ChooseRequest
        request = _of_kind(running, request)
    if request.idempotency_key is not None and (row := memory.keyed(running, request.idempotency_key)):
        if row.unit != request.unit:
            raise WrongState(f"idempotency key {request.idempotency_key!r} was used before, for unit {row.unit!r}")
        return again(memory, running, row)
    if experiment.status != "running":
        advice = _ADVICE.get(experiment.status, "it decides no more")
        raise WrongState(f"experiment {experiment.key!r} is {experiment.status}: {advice}")
    if running.covariates and request.attributes is not None:
        covariate.check(running.covariates, request.attributes)
    mask = EVERYONE if request.eligible is None else running.mask(request.eligible)
    gate, everywhere = running.gate, settings.current(memory)
    if gate is not None or everywhere.holdout or not everywhere.enable_experiments:
        outside = _outside(memory, running, request, everywhere, now)
        if outside is not None:
            return outside
    if gate is not None:
        if gate.shadow:
            return choose_all(memory, running, gate, request, mask, now)
        if gate.segmented:
            mask = _of_segment(memory, running, gate, request, mask, now)
    contextual = running.contextual
    if contextual is not None:
        arms = running.members(mask)
        vector = contextual.features.vector(request.context, arms)
    unit = request.unit if running.sticky else None
    held = None if unit is None else memory.seat(running, unit, EVERYONE)
    seat = held if gate is None else gate.unexpired(held, now)
    place, reassigned = EVERYONE, seat is not None
    if seat is not None:
        members = running.members(mask)
        if mask and seat.variant not in members:
            held, place = memory.seat(running, unit or "", mask), mask
            seat = held if gate is None else gate.unexpired(held, now)
        if seat is not None and not running.hashed and seat.variant in members:
            return answer(running, keep(memory, running, request, seat, "sticky", now))

    if running.serial != memory.serial:
        running.serial = memory.serial
        if running.stale(now):
            memory.begin_epoch(running, now)
    if contextual is None:
        allocation = running.allocations.get(mask) or memory.allocation(running, mask, now)
    else:
        allocation = running.distribution(mask, contextual.weigh(arms, vector))
    if unit is not None and running.hashed:
        variant = rendezvous(experiment.salt, unit, running.marks, np.array(allocation.probabilities))
        reason = "hashed"
        if seat is not None and seat.variant == variant:
            return answer(running, keep(memory, running, request, seat, "sticky", now))
    elif gate is not None and gate.turns and not mask:
        variant, reason = turn(memory, running), "round_robin"
    else:
        variant, by_holdout = allocation.draw(memory.random)
        reason = "holdout" if by_holdout else "drawn"
    if reassigned:
        reason = "reassigned"

    probabilities = allocation.probabilities
    row = log(memory, running, request, variant, probabilities[variant], running.epoch, mask, 0, reason, now)
    if contextual is not None:
        memory.log_draw(contextual, row, probabilities, contextual.features.part(vector, arms, variant))
    if not request.defer:
        memory.count(running, row, probabilities, opens=True)
        if running.defaults:
            wait(memory, running, row.id, now)
    if unit is not None:
        memory.give_seat(running, unit, place, row, instead=held is not None)
    return answer(running, row)


def _of_kind(running: Running, request: ChooseRequest) -> ChooseRequest:
    """The request with the unit of the kind that the experiment assigns.

    Raises:
        InvalidInput: It is not among those given.
    """
    units, kind = request.units or {}, running.experiment.unit_kind
    if kind not in units:
        given = ", ".join(map(repr, units)) or "none"
        raise InvalidInput.field("units", f"{running.key!r} assigns a unit of kind {kind!r}, given {given}")
    return request.model_copy(update={"unit": units[kind], "units": None})


def _outside(
    memory: Memory, running: Running, request: AnyRequest, everywhere: Settings, now: float
) -> Decision | None:
    """What a unit is answered that takes no part, or whose variant is forced; None for every other."""
    if not everywhere.enable_experiments:
        return excluded(running, "experiments_off")
    gate, unit = running.gate, request.unit
    if gate is not None:
        key = gate.forced.get(unit) if gate.forced and unit is not None else None
        if key is not None and (request.eligible is None or key in request.eligible):
            arm = running.arms[key]
            row = log(memory, running, request, arm, 1.0, running.epoch, EVERYONE, 0, FORCED, now)
            return answer(running, row)
        cohorts = all_of(memory, COHORT) if gate.conditional else {}
        if reason := gate.refusal(unit, request.attributes or {}, cohorts, now):
            return excluded(running, reason)
    return excluded(running, "held_out") if held_out(unit, everywhere.holdout) else None


def _of_segment(memory: Memory, running: Running, gate: Gate, request: AnyRequest, mask: str, now: float) -> str:
    segment = gate.segment(request.unit, request.attributes or {}, all_of(memory, COHORT), now)
    return mask if segment is None else running.narrowed(mask, segment)
