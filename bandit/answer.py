"""What a caller is told of a decision."""

from bandit.decision import Decision, encode
from bandit.exposure import beside
from bandit.memory import Memory
from bandit.rows import DecisionRow
from bandit.running import Running

_new = tuple.__new__  # what a named tuple's own constructor calls, at half its cost


def answer(running: Running, row: DecisionRow, shadow: tuple[Decision, ...] = ()) -> Decision:
    """A decision that was logged, with those that were made in its shadow."""
    return _new(
        Decision,
        (
            encode(row.id),
            running.key,
            running.keys[row.variant],
            running.configs[row.variant],
            row.propensity,
            row.epoch,
            row.reason,
            shadow,
        ),
    )


def again(memory: Memory, running: Running, row: DecisionRow) -> Decision:
    """The answer that a decision was given before."""
    if running.gate is None or not running.gate.shadow:
        return answer(running, row)
    return answer(running, row, tuple(answer(running, other.row) for other in beside(memory, memory.record(row.id))))


def excluded(running: Running, reason: str) -> Decision:
    """What a unit is answered that takes no part: the control, with no id, as nothing is logged and nothing counts."""
    control = running.control
    return Decision("", running.key, running.keys[control], running.configs[control], 1.0, 0, reason)
