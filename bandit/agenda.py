"""What the engine does by itself when its time has come: each experiment says when it wants to be looked at again.

The time is kept beside the experiment, so that ten thousand that want nothing cost nothing, and a restart in the middle
of anything goes on where it was. A duty does its work and the record of it in the transaction that it is called in, and
finds nothing to do where another process was first.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from bandit import conclusion, mismatch, schedule
from bandit.canary import advance
from bandit.memory import Memory
from bandit.running import Running
from bandit.trips import watch

MOST_AT_ONCE = 100

Duty = Callable[[Memory, Running, float], float | None]
"""Does what is due for an experiment by `now`, and returns when it wants to be called next; None for never.

Whatever changes the experiment itself (`Memory.replace`) has every duty called again at the next tick.
"""

DUTIES: tuple[Duty, ...] = (schedule.keep, watch, advance, conclusion.review, mismatch.review)


class Review(NamedTuple):
    """What takes milliseconds, and so is looked at on a snapshot, outside of any transaction.

    A duty notes in `Memory.reviews` whose turn it is. `found`, called with a reader, the experiment's row and standing,
    the time, and whether statistical analysis is on, says what the data show, if anything; and `act` does what is to be
    done about it, unless somebody was first.
    """

    found: Callable[..., Any]
    act: Callable[[Memory, str, Any, float], None]


REVIEWS = {
    conclusion.NAME: Review(conclusion.judged, conclusion.conclude),
    mismatch.NAME: Review(mismatch.found, mismatch.alert),
}


def reviews(memory: Memory, now: float) -> list[tuple[str, str]]:  # noqa: ARG001 - every operation has it
    """The experiments whose turn it is, and for which review; it is then no longer."""
    due, memory.reviews = sorted(memory.reviews), set()
    return due


def attend(memory: Memory, now: float) -> bool:
    """Looks at the experiments whose time has come; true where there may be more.

    Args:
        memory: Of the engine.
        now: Seconds since 1970.
    """
    reader, until = memory.store.reader(), now
    if now < memory.attended_at - 1.0:  # the clock was set back, or may have been before this process began
        until = math.inf  # what somebody wants to be called at may be far away now
        memory.batch.wakes.update(dict.fromkeys(reader.alive(), 0.0))
    numbers = reader.awake(until, MOST_AT_ONCE)
    for number in numbers:
        waiting = memory.batch.wakes.get(number, 0.0)
        if waiting is not None and waiting <= now:
            memory.batch.wakes[number] = None
            wanted = [at for duty in DUTIES if (at := duty(memory, memory.numbered(number), now)) is not None]
            if memory.batch.wakes[number] is None:  # else a duty has changed the experiment
                memory.batch.wakes[number] = min(wanted, default=None)
    return len(numbers) == MOST_AT_ONCE
