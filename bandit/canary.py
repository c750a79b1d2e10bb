"""Canaries on their way: a step at a time, when its time is over and its criteria pass, or back at once.

Each move is one transaction with its line in the history, in the audit log, and its alert; so it happens once, whoever
is killed and however many processes look. Time is counted from when a step began, as stored. A clock that jumps ahead
ends one step; one that jumps back makes a step last at most its dwell again.
"""

from collections.abc import Sequence
from typing import Any

from bandit.actor import Actor, By
from bandit.checking import all_found, described
from bandit.criterion import CheckResult, Guardrail
from bandit.errors import WrongState
from bandit.experiment import StoredExperiment
from bandit.lifecycle import repeated, standing
from bandit.memory import Memory
from bandit.record import automated, note, tell
from bandit.rollout import RolloutAction, RolloutState
from bandit.running import Running

EVERY = 1.0
"""Seconds between two looks at a rollout that is under way."""

_BY = By(Actor("rollout"))


def advance(memory: Memory, running: Running, now: float) -> float | None:
    """A duty: looks at the criteria of a running canary, whatever it waits for, and moves it on where it may."""
    rollout, state = running.experiment.rollout, running.experiment.rollout_state
    if rollout is None or state is None or not state.under_way or running.experiment.status != "running":
        return None
    results = criteria(memory, running, now)
    if any(result.outcome == "trips" for result in results):
        tripped(memory, running, next(result for result in results if result.outcome == "trips"), now)
        return None
    if now < state.since:
        _keep(memory, running, state.model_copy(update={"since": now}))
        return now + EVERY
    if state.status == "held" or now - state.since < state.dwell or not automated(memory):
        return now + EVERY
    if all(result.outcome == "passes" for result in results):
        reason = f"it has dwelt {state.dwell:g} s and all {len(results)} criteria pass"
        if rollout.promotion == "automatic":
            _move(memory, running, state, _BY, reason, results, now)
        elif state.status != "waiting":
            waiting = state.model_copy(update={"status": "waiting"}).after("wait", _BY.actor.name, reason, results, now)
            _enter(memory, running, waiting, "wait", "info", f"{reason}; it waits to be promoted", now, _BY)
    elif state.status == "waiting":
        _keep(memory, running, state.model_copy(update={"status": "progressing"}))
    return now + EVERY


def criteria(memory: Memory, running: Running, now: float) -> list[CheckResult]:
    """What the criteria of the present step say."""
    if running.guards is None:
        return []
    found = all_found(running.guards, memory.store.reader(), running, now)
    return [described(one, running.keys) for one in found if not isinstance(one.check.criterion, Guardrail)]


def tripped(memory: Memory, running: Running, result: CheckResult, now: float) -> None:
    """Rolls back because a criterion is known to fail; holds instead where nothing may be done by itself."""
    state = running.experiment.rollout_state
    if state is None or not state.under_way:
        return
    reason = f"criterion {result.criterion!r}, {result.metric} of {result.variant!r}: {result.reason}"
    if automated(memory):
        back = state.rolled_back(_BY.actor.name, reason, [result], now)
        _enter(memory, running, back, "roll_back", "critical", reason, now, _BY)
    elif state.status != "held":
        reason += "; it was held and not rolled back, because enable_automated_guardrails is off"
        held = state.model_copy(update={"status": "held"}).after("hold", _BY.actor.name, reason, [result], now)
        _enter(memory, running, held, "hold", "critical", reason, now, _BY)


def promote(memory: Memory, key: str, reason: str, by: By, now: float) -> StoredExperiment:
    """Moves a rollout on by one step, by hand: whatever its criteria say, which the history keeps.

    Raises:
        NotFound: The experiment is unknown.
        WrongState: It is no canary, does not run, or its rollout is over.
        Forbidden: It belongs to somebody else.
    """
    if again := repeated(memory, by, "promote", key):
        return again
    running, state = _under_way(memory, key, by, "promote")
    return standing(_move(memory, running, state, by, reason, criteria(memory, running, now), now, action="promote"))


def hold(memory: Memory, key: str, reason: str, by: By, now: float) -> StoredExperiment:
    """Keeps a rollout at its step until `proceed` or `promote`; what trips still rolls it back.

    Raises: As `promote`.
    """
    return _set(memory, key, "hold", "held", reason, by, now)


def proceed(memory: Memory, key: str, reason: str, by: By, now: float) -> StoredExperiment:
    """Lets a rollout that was held go on as it is defined.

    Raises: As `promote`.
    """
    return _set(memory, key, "proceed", "progressing", reason, by, now)


def roll_back(memory: Memory, key: str, reason: str, by: By, now: float) -> StoredExperiment:
    """Serves the control alone from now on, for good: to try again, clone the experiment.

    Raises:
        NotFound: The experiment is unknown.
        WrongState: It is no canary, has not started or is over, or was rolled back already.
        Forbidden: It belongs to somebody else.
    """
    if again := repeated(memory, by, "roll_back", key):
        return again
    running = memory.experiment(key)
    by.actor.check(running.experiment.owner)
    state, status = running.experiment.rollout_state, running.experiment.status
    if state is None or state.status == "rolled_back" or status not in ("running", "paused"):
        raise WrongState(f"experiment {key!r} has no rollout to roll back: {_stands(running.experiment)}")
    back = state.rolled_back(by.actor.name, reason, criteria(memory, running, now), now)
    return standing(_enter(memory, running, back, "roll_back", "critical", reason, now, by))


def _set(
    memory: Memory, key: str, action: RolloutAction, status: str, reason: str, by: By, now: float
) -> StoredExperiment:
    if again := repeated(memory, by, action, key):
        return again
    running, state = _under_way(memory, key, by, action)
    if (state.status == "held") == (status == "held"):
        raise WrongState(f"the rollout of experiment {key!r} is {state.status}: there is nothing to {action}")
    fresh = state.model_copy(update={"status": status}).after(action, by.actor.name, reason, (), now)
    return standing(_enter(memory, running, fresh, action, "info", reason, now, by))


def _under_way(memory: Memory, key: str, by: By, action: str) -> tuple[Running, RolloutState]:
    running = memory.experiment(key)
    experiment = running.experiment
    by.actor.check(experiment.owner)
    state = experiment.rollout_state
    if state is None or not state.under_way or experiment.status != "running":
        raise WrongState(f"experiment {key!r} has no rollout to {action}: {_stands(experiment)}")
    return running, state


def _stands(experiment: StoredExperiment) -> str:
    if experiment.rollout is None:
        return f"it is of type {experiment.type!r}"
    if experiment.rollout_state is None or experiment.rollout_state.under_way:
        return f"it is {experiment.status}"
    return f"it is {experiment.status}, and its rollout {experiment.rollout_state.status}"


def _move(
    memory: Memory,
    running: Running,
    state: RolloutState,
    by: By,
    reason: str,
    results: Sequence[CheckResult],
    now: float,
    action: RolloutAction = "advance",
) -> Running:
    """To the next step, or from the last one to the end."""
    moved: dict[str, Any]
    if state.step + 1 == len(state.steps):
        action, moved = "promote", {"status": "promoted"}
    else:
        first = running.epoch + 1
        last = state.steps[state.step + 1] >= 100.0  # no control any more: what compares reads the step before too
        moved = {"status": "progressing", "step": state.step + 1, "since": now, "epoch": first}
        moved["watched_since"] = state.epoch if last else first
    fresh = state.model_copy(update=moved).after(action, by.actor.name, reason, results, now)
    return _enter(memory, running, fresh, action, "info", reason, now, by)


def _enter(
    memory: Memory, running: Running, state: RolloutState, action: str, severity: str, reason: str, now: float, by: By
) -> Running:
    """Puts a rollout in a state, in an epoch of its own where that changes the weights, and lets it be known."""
    before = running.experiment.shares
    fresh = _keep(memory, running, state)
    if fresh.experiment.shares != before:
        memory.begin_epoch(fresh, now, anew=True)
    place = f"step {state.step + 1} of {len(state.steps)}, {100.0 * state.share:g}% of the units: {state.status}"
    detail = f"{place}; {reason}" if reason else place
    note(memory, fresh, action, detail, now, by=by)
    tell(memory, fresh, "rollout", severity, detail, state.history[-1], now)
    return fresh


def _keep(memory: Memory, running: Running, state: RolloutState) -> Running:
    return memory.replace(running, running.experiment.model_copy(update={"rollout_state": state}))
