"""How often a key may ask: a bucket of tokens for each, of which every request takes one."""

import math
import threading
import time
from collections.abc import Callable

from bandit.errors import RateLimited


class RateLimit:
    """The buckets of one worker.

    A bucket holds what a second brings, at least one request, and fills up steadily. Workers do not tell each other
    what they have let through: each allows its part of a rate, so where requests are not spread evenly a key gets less
    than its rate, and in the long run never more.

    Args:
        workers: How many there are.
        clock: Seconds, never going back.
    """

    def __init__(self, workers: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._workers = workers
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, key: str, rate: float) -> None:
        """Lets a request through.

        Args:
            key: Whose.
            rate: Requests a second, of all workers together.

        Raises:
            RateLimited: The bucket is empty; the error says when it is not.
        """
        part = rate / self._workers
        with self._lock:
            now = self._clock()
            left, then = self._buckets.get(key, (math.inf, now))
            left = min(max(1.0, part), left + (now - then) * part)
            allowed = left >= 1.0
            self._buckets[key] = (left - 1.0 if allowed else left, now)
        if not allowed:
            wait = math.ceil((1.0 - left) / part)
            raise RateLimited(f"the API key {key} may ask {rate:g} times a second; wait {wait} s", retry_after=wait)
