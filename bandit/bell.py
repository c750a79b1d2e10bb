"""How the threads that wait for one commit are woken: all by one call, which holds no interpreter lock.

A thread that is woken by one that holds the lock wakes only to wait for the lock. Waking thirty of them that way took
longer than their commit and all that they compute.
"""

import os
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import int64, types
from numpy.typing import NDArray

from policies.kernel import kernel

_write: Any = types.ExternalFunction("write", int64(types.int32, types.intp, types.uintp))
_ONE = np.ones(1, np.int64)


class Bell:
    """What one thread sleeps on: an event counter of the system, or a pipe where it has none."""

    __slots__ = ("_hear", "ringer")

    def __init__(self) -> None:
        if hasattr(os, "eventfd"):
            self._hear = self.ringer = os.eventfd(0, os.EFD_CLOEXEC)
        else:
            self._hear, self.ringer = os.pipe()

    def wait(self) -> None:
        """Sleeps until it is rung, or has been since the last time."""
        os.read(self._hear, 8)

    def __del__(self) -> None:
        for descriptor in {self._hear, self.ringer}:
            os.close(descriptor)


def ring(bells: Sequence[Bell]) -> None:
    """Rings them one after the other; each thread that wakes finds the interpreter lock free."""
    if bells:
        _ring(np.array([bell.ringer for bell in bells], np.int64), _ONE)


def mine() -> Bell:
    """The calling thread's own bell."""
    bell: Bell | None = getattr(_threads, "bell", None)
    if bell is None:
        bell = _threads.bell = Bell()
    return bell


@kernel
def _ring(ringers: NDArray[np.int64], one: NDArray[np.int64]) -> None:
    for ringer in ringers:
        _write(np.int32(ringer), one.ctypes.data, np.uintp(8))


_threads = threading.local()


def _forget() -> None:
    """A forked process shares its parent's descriptors, and would answer for its threads."""
    global _threads
    _threads = threading.local()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
