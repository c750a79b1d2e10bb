"""What an experiment has learnt whose policy reads a context: a model of the reward, and the weights it gives."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from bandit.experiment import Experiment
from bandit.features import Features
from bandit.learner import Learner
from policies import COLUMNS, COUNT
from policies.kernel import Array
from policies.statistics import columns

Indices = NDArray[np.int64]

MOST_VIEWS = 64  # sets of eligible arms whose part of the state is kept; it may be large


class Draw(NamedTuple):
    """What a decision in a context was drawn from.

    `features` are those of the drawn arm, `probabilities` of all arms, and `note` is what the policy keeps with it.
    """

    features: Array
    probabilities: list[float]
    note: tuple[float, ...]


class ContextualLearner(Learner):
    """A `Learner` whose rows are longer, and whose weights follow from a context.

    The policy is asked at every decision, so it cannot be asked less often; what an epoch keeps constant is the state
    that the weights follow from, `snapshot`.

    Attributes:
        features: What reads a context.
        snapshot: The state of the epoch, float64[arms, columns(features.size)].
    """

    __slots__ = ("_shared", "_views", "features", "snapshot")

    def __init__(self, experiment: Experiment, base: Sequence[float]) -> None:
        super().__init__(experiment, base)
        self.features = Features(experiment)
        self._columns = columns(self.features.size)
        self._shared = bool(getattr(self.policy, "shared", False))
        self.begin(np.zeros((len(base), self._columns)))

    def add(self, period: int, arm: int, delta: Sequence[float] | Array) -> None:
        """Adds `delta`, the first columns or all, to the sums of `arm` in `period`."""
        sums = self.sums.get(period)
        if sums is None:
            sums = self.sums[period] = np.zeros((len(self._base), self._columns))
        sums[arm, : len(delta)] += delta

    def inherit(self, other: Learner) -> None:
        """See `Learner`; the epoch goes on, unless there are new arms."""
        super().inherit(other)
        if isinstance(other, ContextualLearner) and other.snapshot.shape == self.snapshot.shape:
            self.begin(other.snapshot)

    def restore(self, totals: Iterable[tuple[int, int, int, float]]) -> None:
        """Enters what `increments` have added up to: period, arm, column and total of each."""
        across = _across(self.features.size)
        for period, arm, column, total in totals:
            if period not in self.sums:
                self.add(period, arm, ())
            self.sums[period][arm, column] = self.sums[period][arm, across[column]] = total

    def resume(self, kept: bytes | None, began: float) -> None:
        """Enters an epoch that began at `began` (seconds since 1970) with the state that is `kept`.

        None is kept of an epoch that ends with the next reward: there the state is that of the sums.
        """
        state = self.state(began) if kept is None else np.frombuffer(kept).reshape(-1, self._columns).copy()
        self.begin(state)

    def read(self, arm: int, context: str, probabilities: str, note: str | None) -> Draw:
        """A draw of `arm` as the store keeps it."""
        features = self.features.of(from_json(context), arm)
        return Draw(features, from_json(probabilities), tuple(from_json(note)) if note else ())

    def begin(self, state: Array) -> None:
        """Begins an epoch with a state."""
        self.snapshot = state
        self._views: dict[tuple[int, ...], tuple[Array, float, Array]] = {}

    def weigh(self, arms: tuple[int, ...], vector: Array) -> list[float]:
        """The policy's weights in a context (see `Features.vector`): over `arms` a distribution, 0 elsewhere."""
        view = self._views.get(arms)
        if view is None:
            if len(self._views) == MOST_VIEWS:
                self._views.clear()
            view = self._views[arms] = self._view(arms)
        state, trials, parameters = view
        out = np.empty(len(arms))
        self.policy.weights(state, vector, trials, parameters, out)
        found: list[float] = out.tolist()
        if not abs(sum(found) - 1.0) < 1e-6:
            found = self._base[list(arms)].tolist()  # beyond what floating point can weigh
        if len(arms) == len(self._base):
            return found
        weights = [0.0] * len(self._base)
        for arm, weight in zip(arms, found, strict=True):
            weights[arm] = weight
        return weights

    def _view(self, arms: tuple[int, ...]) -> tuple[Array, float, Array]:
        """What the kernel reads of the state for some of the arms, with the sum of their counts and the parameters."""
        if len(arms) == len(self._base):
            return self.snapshot, float(self.snapshot[:, COUNT].sum()), self._parameters
        part = self.snapshot[list(arms)]
        if self._shared:  # one model, which is about what the other arms have shown too
            part[0] += np.delete(self.snapshot, arms, axis=0).sum(axis=0)
        return part, float(part[:, COUNT].sum()), self.policy.parameters(self._base[list(arms)])

    def note(self, arm: int, features: Array) -> tuple[float, ...]:
        """What the policy keeps with a decision that drew `arm`."""
        return self.policy.note(self.snapshot, features, arm, self._parameters)

    def change(self, draw: Draw, old: float | None, new: float | None, propensity: float, weight: float) -> Array:
        """The change of the sums of an arm, all columns, when the reward of one of its trials goes from old to new.

        Args:
            draw: Of the trial's decision.
            old: The reward before, None without one.
            new: The reward after.
            propensity: With which the arm was drawn.
            weight: How often the trial counts.
        """
        row = np.zeros(self._columns)
        for reward, sign in ((old, -1.0), (new, 1.0)):
            if reward is not None:
                trial = self.policy.trial(draw.features, reward, propensity, weight, self._parameters, draw.note)
                row += sign * trial
        return row

    def warm(self, arms: Sequence[int]) -> None:
        """Compiles the policy, or loads it compiled."""
        features = np.ones(self.features.size)
        self.weigh(tuple(arms), np.ones(self.features.size * len(arms)))
        self.change(Draw(features, [], self.note(arms[0], features)), None, 0.5, 1.0, 1.0)


def increments(row: Array) -> Iterator[tuple[int, float]]:
    """Column and value of what a row adds to a model: all but zeros, of the symmetric matrix the upper triangle."""
    places = _upper(int((len(row) - COLUMNS + 0.25) ** 0.5))
    values = row[places]
    added = values != 0.0
    return zip(places[added].tolist(), values[added].tolist(), strict=True)


@lru_cache(maxsize=64)
def _upper(size: int) -> Indices:
    """The columns of b and of the upper triangle of A."""
    matrix = np.arange(size * size).reshape(size, size)
    return COLUMNS + np.concatenate([np.arange(size), size + matrix[np.triu_indices(size)]])


@lru_cache(maxsize=64)
def _across(size: int) -> list[int]:
    """For each column that with the same number: itself, or across the diagonal of A."""
    first = COLUMNS + size
    matrix = np.arange(size * size).reshape(size, size)
    return [*range(first), *(first + matrix.T.ravel()).tolist()]
