"""Guardrails at work: looked at as rewards arrive and on a timer, and what is done when one trips.

A trip, what is done about it, the line in the audit log and the alert are one transaction. A trip is latched: whatever
arrives later, it stays until a person clears it, and then the guardrail reads what is decided from then on.
"""

import logging
import math
from collections.abc import Iterable
from typing import Any

from bandit import canary
from bandit.actor import Actor, By
from bandit.checking import Found, all_tripping, described, trips
from bandit.criterion import Action, Guardrail, Trip
from bandit.errors import WrongState
from bandit.experiment import StoredExperiment
from bandit.guards import CUTS
from bandit.lifecycle import repeated, standing
from bandit.memory import Memory
from bandit.record import automated, note, tell
from bandit.running import Running

LIVE = ("running", "paused")
SOONEST, LATEST = 5.0, 60.0
"""Seconds between two looks on the timer, which is for windows and for what grew too little to be looked at."""

_BY = By(Actor("guardrail"))
_log = logging.getLogger("multiarm.engine")


def look(memory: Memory, now: float) -> None:
    """Looks at the arms whose sums have grown, and acts on what trips.

    A fault in looking is logged and holds: the rewards that led to it are kept.
    """
    numbers, memory.looks = memory.looks, set()
    for number in numbers:
        running = memory.by_id.get(number)
        if running is not None and running.guards is not None and running.experiment.status in LIVE:
            try:
                found = _ripe(running)
            except Exception:
                _log.exception("a guardrail could not be looked at", extra={"experiment": running.key})
            else:
                act(memory, number, found, now)


def _ripe(running: Running) -> list[Found]:
    """What the arms that have grown trip; control's growth alone is left to the timer."""
    if running.guards is None:
        return []
    found = []
    for check in running.guards.checks:
        if check.criterion.window is None:
            tally = running.guards.tallies[check.extent]
            found += [
                Found(check, arm, tally.sums, 0.0, "trips")
                for arm in tally.ripe
                if arm in check.arms and trips(check, arm, tally.sums)
            ]
    for tally in running.guards.tallies.values():
        tally.looked()
    return found


def watch(memory: Memory, running: Running, now: float) -> float | None:
    """A duty: looks at everything that is watched of a running experiment."""
    experiment = running.experiment
    if running.guards is None or not experiment.guardrails or experiment.status not in LIVE:
        return None
    windows = [guardrail.window for guardrail in experiment.guardrails if guardrail.window is not None]
    if windows and experiment.status == "running":
        _cut(memory, running, min(windows), now)
    act(memory, running.id, list(all_tripping(running.guards, memory.store.reader(), running, now)), now)
    if experiment.rollout_state is not None and experiment.rollout_state.under_way:
        return now + canary.EVERY
    return now + min(max(min(windows, default=math.inf) / 20.0, SOONEST), LATEST)


def _cut(memory: Memory, running: Running, window: float, now: float) -> None:
    """Begins an epoch with each part of the shortest window, for trials are kept by epoch."""
    part = window / CUTS
    start = running.experiment.started_at or 0.0
    last = start + (now - start) // part * part
    logged = memory.store.reader().epoch(running.id, running.epoch, "")
    if logged is not None and logged.started_at < last:
        memory.begin_epoch(running, now, anew=True)


def act(memory: Memory, number: int, found: Iterable[Found], now: float) -> None:
    """Does what guardrails and criteria that trip ask for, once each."""
    for one in found:
        running = memory.by_id[number]
        experiment = running.experiment
        if experiment.status not in LIVE:
            return
        if not isinstance(one.check.criterion, Guardrail):
            canary.tripped(memory, running, described(one, running.keys), now)
        elif not any(
            trip.criterion == one.check.criterion.key and trip.variant == running.keys[one.arm]
            for trip in experiment.trips
        ):
            _trip(memory, running, one.check.criterion, one, now)


def _trip(memory: Memory, running: Running, guardrail: Guardrail, found: Found, now: float) -> None:
    """Records a trip and does what the guardrail asks for."""
    experiment, result = running.experiment, described(found, running.keys)
    action, why = _possible(experiment, guardrail.action, result.variant, automatic=automated(memory))
    detail = f"guardrail {guardrail.key!r}, {result.metric} of {result.variant!r}: {result.reason}{why}"
    trip = Trip(**{**dict(result), "reason": detail}, wanted=guardrail.action, action=action, at=now)
    update: dict[str, Any] = {"trips": [*experiment.trips, trip]}
    if action == "stop":
        update |= {"status": "stopped", "ended_at": now, "stop_reason": detail}
    if action == "roll_back" and experiment.rollout_state is not None:
        update["rollout_state"] = experiment.rollout_state.rolled_back("guardrail", detail, [result], now)
    fresh = memory.replace(running, experiment.model_copy(update=update))
    if action in ("pause_arm", "freeze_weights", "roll_back"):
        memory.begin_epoch(fresh, now, anew=True)
    note(memory, fresh, "trip" if action == "alert" else action, detail, now, by=_BY, before=experiment.status)
    tell(memory, fresh, "guardrail", "warning" if action == "alert" else "critical", detail, trip, now)


def _possible(experiment: StoredExperiment, action: Action, variant: str, *, automatic: bool) -> tuple[Action, str]:
    """What is done of what a guardrail asks for, and why not all of it."""
    if action == "alert":
        return action, ""
    if not automatic:
        return "alert", f"; {action} was not done, because enable_automated_guardrails is off"
    if action == "pause_arm":
        served = [one.key for one, share in zip(experiment.variants, experiment.shares, strict=True) if share > 0.0]
        if served == [variant]:
            return "alert", "; pause_arm was not done, because no other variant is served"
    return action, ""


def clear_trip(memory: Memory, key: str, guardrail: str, by: By, now: float) -> StoredExperiment:
    """Clears what a guardrail has tripped, and ends what was done for it; it reads what is decided from now on.

    Raises:
        NotFound: The experiment is unknown.
        WrongState: The guardrail has not tripped.
        Forbidden: The experiment belongs to somebody else.
    """
    if again := repeated(memory, by, "clear_trip", key):
        return again
    running = memory.experiment(key)
    experiment = running.experiment
    by.actor.check(experiment.owner)
    kept = [trip for trip in experiment.trips if trip.criterion != guardrail]
    if len(kept) == len(experiment.trips):
        tripped = ", ".join(sorted({repr(trip.criterion) for trip in kept})) or "none"
        raise WrongState(
            f"guardrail {guardrail[:100]!r} of experiment {key!r} has not tripped; those that have: {tripped}"
        )
    since = {**experiment.guarded_since, guardrail: running.epoch + 1}
    running = memory.replace(running, experiment.model_copy(update={"trips": kept, "guarded_since": since}))
    memory.begin_epoch(running, now, anew=True)
    note(memory, running, "clear_trip", guardrail, now, by=by)
    return standing(running)
