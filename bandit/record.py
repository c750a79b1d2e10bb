"""What is kept of something that happens to an experiment beside its definition: a line of the audit log, an alert."""

from pydantic import BaseModel

from bandit import settings
from bandit.actor import By
from bandit.memory import Memory
from bandit.rows import Alert, Change
from bandit.running import Running


def note(
    memory: Memory, running: Running, action: str, detail: str, now: float, *, by: By, before: str | None = None
) -> None:
    """Adds a line to the audit log; `before` is the status that there was, where it has changed."""
    experiment = running.experiment
    status = experiment.status
    change = Change(
        "experiment",
        experiment.key,
        by.actor.name,
        action,
        now,
        status if before is None else before,
        status,
        detail,
        by.idempotency_key,
    )
    memory.batch.changes.append(change)


def automated(memory: Memory) -> bool:
    """Whether the engine may act by itself on what guardrails, rollouts and stopping rules find."""
    return settings.current(memory).enable_automated_guardrails


def tell(memory: Memory, running: Running, kind: str, severity: str, message: str, body: BaseModel, now: float) -> None:
    """Adds an alert, which is delivered to whoever wants to know."""
    memory.batch.alerts.append(Alert(now, kind, running.key, severity, message, body.model_dump_json()))
