"""What an experiment's trials were drawn from: the probabilities of every epoch, read and parsed in one pass."""

import math
from bisect import bisect_left
from functools import cached_property
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from bandit.running import Running
from bandit.store import Reader
from policies.kernel import Array

Places = NDArray[np.int64]


class Distributions:
    """The distributions that the epochs of an experiment drew from, in order of time; equal neighbours are one.

    Args:
        reader: Of one moment.
        running: The experiment, whose probabilities do not follow from a context.
    """

    def __init__(self, reader: Reader, running: Running) -> None:
        self._arms = len(running.keys)
        self._rows = reader.distributions(running.id)
        texts = [row[2] for row in self._rows]
        new = [True, *(text != last for text, last in zip(texts[1:], texts[:-1], strict=True))][: len(texts)]
        self._texts = [text for text, is_new in zip(texts, new, strict=True) if is_new]
        self._places = np.cumsum(new, dtype=np.int64) - 1

    @cached_property
    def moved(self) -> bool:
        """Whether there is more than one."""
        return len(self._texts) > 1 and len(set(self._texts)) > 1

    @cached_property
    def masked(self) -> bool:
        """Whether callers restricted the eligible arms, so that an epoch drew from several."""
        return any(row[1] for row in self._rows)

    @cached_property
    def probabilities(self) -> Array:
        """Each distribution, shape (distributions, arms); 0 for arms that came later and were not served then."""
        given = from_json(f"[{','.join(self._texts)}]")
        if all(len(each) == self._arms for each in given):
            return np.array(given, np.float64).reshape(-1, self._arms)
        found = np.zeros((len(given), self._arms))
        for place, each in enumerate(given):
            found[place, : len(each)] = each
        return found

    @cached_property
    def changed_at(self) -> float:
        """The first epoch that draws from the same arms otherwise than one before; infinite where none does."""
        first: dict[str, str] = {}
        changed = (epoch for epoch, mask, text in self._rows if first.setdefault(mask, text) != text)
        return next(changed, math.inf)

    def before(self, epoch: float) -> int:
        """How many distributions the epochs before one drew from."""
        rows = bisect_left(self._rows, epoch, key=itemgetter(0))
        return int(self._places[rows - 1]) + 1 if rows else 0

    def places(self, epochs: Array) -> Places:
        """Where the distributions of epochs are, each of which drew from one."""
        found: Places = self._places[np.searchsorted(self._epochs, epochs)]
        return found

    @cached_property
    def _epochs(self) -> Array:
        return np.fromiter((row[0] for row in self._rows), np.float64, len(self._rows))

    @cached_property
    def by_mask(self) -> dict[tuple[int, str], int]:
        """Where the distribution of an epoch and a set of eligible arms is."""
        return {(epoch, mask): place for (epoch, mask, _), place in zip(self._rows, self._places.tolist(), strict=True)}
