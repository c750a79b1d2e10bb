"""The reward model that needs no context: what each arm has earned so far."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ArmMeans:
    """Before each trial, every arm's prediction is the mean of what it has earned so far.

    It is *predictable*: a trial is predicted from earlier trials only. Cross-fitting would use later ones, and where a
    policy learns, what it chose later depends on what this trial earned, so that an estimate corrected by such
    predictions is biased. From earlier trials alone every doubly robust term is unbiased, whatever chose. An arm that
    has earned nothing yet is predicted by the mean of all arms, and the first trial of all by `first`.

    Attributes:
        counts: Trials of each arm, shape (arms,).
        totals: What they earned.
        first: The prediction before anything is known.
    """

    counts: Array
    totals: Array
    first: float = 0.0

    @classmethod
    def none(cls, arms: int, first: float = 0.0) -> Self:
        """Before any trial."""
        return cls(np.zeros(arms), np.zeros(arms), first)

    def predict(self, action: NDArray[np.int64], reward: Array) -> tuple[Array, Self]:
        """Predictions for every arm before each trial, shape (n, arms), and the model after them all."""
        chosen = action[:, None] == np.arange(self.counts.size)
        counts = np.cumsum(np.vstack([self.counts, chosen]), axis=0)
        totals = np.cumsum(np.vstack([self.totals, np.where(chosen, reward[:, None], 0.0)]), axis=0)
        known = counts.sum(axis=1, keepdims=True)
        pooled = np.where(known > 0.0, totals.sum(axis=1, keepdims=True) / np.maximum(known, 1.0), self.first)
        means = np.where(counts > 0.0, totals / np.maximum(counts, 1.0), pooled)
        return means[:-1], type(self)(counts[-1], totals[-1], self.first)
