"""Experiments whose arms a policy draws in batches, many times over, as the epochs that the statistics read.

It is the engine's mechanism (a policy's exact weights, the floor, one draw a trial), run by the very loop that
re-randomises an experiment; only the outcomes are drawn here.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from bandit.statistics import replay
from bandit.statistics.epochs import Epochs
from bandit.statistics.mechanism import Calendar, Mechanism
from policies.kernel import Array
from simulations.block import POLICY, REWARD, generator

BLOCK = 100
"""Experiments that a thread takes at a time."""


@dataclass(frozen=True)
class Collection:
    """Experiments of one kind.

    Attributes:
        mechanism: How arms are drawn.
        sizes: Trials of each epoch, whose rewards the next one knows.
        means: Probability of a success in each epoch with each arm, shape (epochs, arms), or (1, arms) if they do not
            change.
    """

    mechanism: Mechanism
    sizes: tuple[int, ...]
    means: Array

    @property
    def trials(self) -> int:
        """Of one experiment."""
        return sum(self.sizes)

    def play(self, seed: int, first: int, last: int) -> Epochs:
        """The experiments `first` up to `last`, with an axis for them in front."""
        calendar = Calendar.immediate(np.array(self.sizes))
        means = np.broadcast_to(self.means, (len(self.sizes), self.means.shape[1]))[calendar.epochs]
        shape = (last - first, len(self.sizes), self.means.shape[1])
        trials, successes, probabilities = np.empty(shape), np.empty(shape), np.empty(shape)
        for place in range(last - first):
            luck = generator(seed, first + place, REWARD).random((self.trials, 1))
            outcomes = (luck < means).astype(np.float64)
            played = replay.run(self.mechanism, calendar, outcomes, generator(seed, first + place, POLICY))
            trials[place], successes[place] = played.sums[..., 0], played.sums[..., 1]
            probabilities[place] = played.probabilities
        return Epochs.of_conversions(trials, successes, probabilities, floor=self.mechanism.least)


def collect(collection: Collection, replications: int, seed: int, executor: Executor) -> Epochs:
    """The experiments 0 up to `replications`, in blocks on an executor; the same whatever the executor."""
    futures = [executor.submit(collection.play, seed, first, last) for first, last in blocks(replications)]
    played = [future.result() for future in futures]
    return Epochs.of_conversions(
        np.concatenate([each.trials for each in played]),
        np.concatenate([each.totals for each in played]),
        np.concatenate([each.probabilities for each in played]),
        floor=collection.mechanism.least,
    )


def blocks(replications: int, size: int = BLOCK) -> Iterator[tuple[int, int]]:
    """First and last of each block."""
    for first in range(0, replications, size):
        yield first, min(first + size, replications)


def one(epochs: Epochs, replication: int) -> Epochs:
    """One experiment of many."""
    return Epochs.of_conversions(
        epochs.trials[replication], epochs.totals[replication], epochs.probabilities[replication], floor=epochs.floor
    )
