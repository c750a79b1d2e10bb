"""What settings say of guardrails and rollouts."""

from bandit.memory import Memory

STEPS = (1.0, 5.0, 25.0, 50.0, 100.0)
DWELL = 3600.0


def automated(memory: Memory) -> bool:  # noqa: ARG001
    """Whether the engine may act by itself on what guardrails, rollouts and stopping rules find."""
    return True


def canary(memory: Memory) -> tuple[list[float], float]:  # noqa: ARG001
    """Steps in percent, and dwell in seconds, of rollouts that do not give theirs."""
    return list(STEPS), DWELL
