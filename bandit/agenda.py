"""What the engine does by itself when its time has come: each experiment says when it wants to be looked at again.

The time is kept beside the experiment, so that ten thousand that want nothing cost nothing, and a restart in the middle
of anything goes on where it was. A duty does its work and the record of it in the transaction that it is called in, and
finds nothing to do where another process was first.
"""

import math
from collections.abc import Callable

from bandit import schedule
from bandit.canary import advance
from bandit.conclusion import review
from bandit.memory import Memory
from bandit.running import Running
from bandit.trips import watch

MOST_AT_ONCE = 100
EVERYTHING = 1 << 62

Duty = Callable[[Memory, Running, float], float | None]
"""Does what is due for an experiment by `now`, and returns when it wants to be called next; None for never.

Whatever changes the experiment itself (`Memory.replace`) has every duty called again at the next tick.
"""

DUTIES: tuple[Duty, ...] = (schedule.keep, watch, advance, review)


def attend(memory: Memory, now: float) -> bool:
    """Looks at the experiments whose time has come; true where there may be more.

    Args:
        memory: Of the engine.
        now: Seconds since 1970.
    """
    awake = memory.store.reader().awake
    until = now
    if now < memory.attended_at - 1.0:  # the clock was set back, or may have been before this process began
        until = math.inf  # what somebody wants to be called at may be far away now
        memory.batch.wakes.update(dict.fromkeys(awake(until, EVERYTHING), 0.0))
    memory.attended_at = now
    numbers = awake(until, MOST_AT_ONCE)
    for number in numbers:
        waiting = memory.batch.wakes.get(number, 0.0)
        if waiting is not None and waiting <= now:
            memory.batch.wakes[number] = None
            wanted = [at for duty in DUTIES if (at := duty(memory, memory.numbered(number), now)) is not None]
            if memory.batch.wakes[number] is None:  # else a duty has changed the experiment
                memory.batch.wakes[number] = min(wanted, default=None)
    return len(numbers) == MOST_AT_ONCE
