"""What starts and ends experiments at their times."""

import json

from bandit import lifecycle
from bandit.actor import Actor, By
from bandit.errors import MultiarmError
from bandit.experiment import StoredExperiment
from bandit.lifecycle import Action
from bandit.memory import Memory
from bandit.rows import Alert
from bandit.running import Running

SCHEDULE = By(Actor("schedule"))


def keep(memory: Memory, running: Running, now: float) -> float | None:
    """Starts a draft, or completes what runs, when its time has come; a `Duty`.

    A start that is refused is noted and alerted once; another `start_at`, or a start by hand, is another try.
    """
    experiment = running.experiment
    if experiment.status == "draft":
        if experiment.start_at is None or experiment.start_at == experiment.refused_start_at:
            return None
        if now < experiment.start_at:
            return experiment.start_at
        try:
            _step(memory, experiment, "start", now)
        except MultiarmError as error:
            _refused(memory, running, error, now)
    elif experiment.status in ("running", "paused") and (end := lifecycle.end(experiment)) is not None:
        if now < end:
            return end
        _step(memory, experiment, "complete", now)
    return None


def _step(memory: Memory, experiment: StoredExperiment, action: Action, now: float) -> None:
    reached = lifecycle.transition(memory, experiment.key, action, "", SCHEDULE, now).status
    _alert(memory, experiment.key, "info", f"experiment {experiment.key!r} is {reached}, as scheduled", action, now)


def _refused(memory: Memory, running: Running, error: MultiarmError, now: float) -> None:
    experiment = running.experiment
    refused = experiment.model_copy(update={"refused_start_at": experiment.start_at})
    running = memory.replace(running, refused)
    lifecycle.note(memory, running, "start_refused", experiment.status, error.detail, SCHEDULE, now)
    message = f"experiment {experiment.key!r} could not be started as scheduled: {error.detail}"
    _alert(memory, experiment.key, "warning", message, "start_refused", now)


def _alert(memory: Memory, key: str, severity: str, message: str, action: str, now: float) -> None:
    memory.batch.alerts.append(Alert(now, "schedule", key, severity, message, json.dumps({"action": action})))
