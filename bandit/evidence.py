"""What the store says of an experiment, in the form in which the statistics take it."""

import json
import math
from collections.abc import Sequence
from functools import cache, cached_property

import numpy as np

from bandit.redrawing import redrawable
from bandit.running import Running
from bandit.statistics.epochs import Epochs
from bandit.statistics.joint import JointSample
from bandit.statistics.rerandomisation import Redrawable
from bandit.statistics.sample import Sample
from bandit.store import Cell, Grouping, Reader
from policies.kernel import Array

TRIALS = -1

Sums = dict[tuple[int, int], list[float]]
"""Count, sum and sum of squares less the origin, by arm and metric, over all epochs."""


class Evidence:
    """The sums of an experiment, read once.

    Args:
        reader: Of one moment.
        running: The experiment.
        cells: Some of its trials, from the log, instead of all.
    """

    def __init__(self, reader: Reader, running: Running, cells: Sequence[Cell] | None = None) -> None:
        self._reader = reader
        self.running = running
        self._logged = reader.epochs(running.id)
        self._cells = cells
        self.trials = [0.0] * len(running.keys)
        self._expected = [0.0] * len(running.keys)
        self.sums: Sums = {}
        if cells is None:
            self.sums = {(arm, metric): values for arm, metric, values in reader.sums(running.id, 0)}
            for arm, _, trials, expected in reader.sizes(running.id, 0):
                self.trials[arm], self._expected[arm] = trials, expected
        for cell in cells or ():
            if cell.metric == TRIALS:
                self.trials[cell.variant] += cell.trials
            else:
                row = self.sums.setdefault((cell.variant, cell.metric), [0.0, 0.0, 0.0])
                row[0] += cell.trials
                row[1] += cell.total
                row[2] += cell.squares

    @property
    def contextual(self) -> bool:
        """Whether each trial was drawn from a distribution of its own, which follows from its context."""
        return self.running.contextual is not None

    @property
    def masked(self) -> bool:
        """Whether callers restricted the eligible arms, so that an epoch drew from several distributions."""
        return not self.shadow and any(row.eligible for row in self._logged)

    @property
    def moved(self) -> bool:
        """Whether not every trial was drawn from the same distribution."""
        return self.contextual or (not self.shadow and len({row.probabilities for row in self._logged}) > 1)

    @property
    def shadow(self) -> bool:
        """Whether every variant decides each time, so that none was drawn from several."""
        return self.running.experiment.type == "shadow"

    def sample(self, arm: int, metric: int) -> Sample:
        """The values of a metric that one arm's trials have."""
        count, total, squares, *_ = self.sums.get((arm, metric), (0.0, 0.0, 0.0))
        return Sample.of_sums(count, total, squares, self.running.origins[metric])

    def ratio(self, arm: int, metric: int) -> JointSample:
        """Numerator and denominator of a ratio, over the trials that have either; what is missing counts as 0."""
        ratio, above, below = next(found for found in self.running.ratios if found[0] == metric)
        both, product, *_ = self.sums.get((arm, ratio), (0.0, 0.0))
        counts, totals, squares = [], [], []
        for part in (above, below):
            count, total, square, *_ = self.sums.get((arm, part), (0.0, 0.0, 0.0))
            origin = self.running.origins[part]
            counts.append(count)
            totals.append(total + count * origin)
            squares.append(square + 2.0 * origin * total + count * origin * origin)
        products = [[squares[0], product], [product, squares[1]]]
        return JointSample.of_sums(("above", "below"), counts[0] + counts[1] - both, totals, products)

    @cache  # noqa: B019 - evidence is read once and dropped
    def epochs(self, metric: int) -> Epochs:
        """The values of a metric by what they were drawn from, in order of time."""
        _, probabilities = self._drawn_from
        trials, totals, squares = self._by_draw(metric)
        used = (trials > 0.0).any(axis=1)
        probabilities = probabilities[used]
        lower, upper = self.running.bounds[metric]
        origin = self.running.origins[metric]
        bounded = math.isfinite(lower) and math.isfinite(upper)
        return Epochs(
            trials=trials[used],
            totals=totals[used],
            squares=squares[used],
            probabilities=probabilities,
            floor=self.floor(probabilities),
            bounds=(lower - origin, upper - origin) if bounded else None,
            origin=origin,
        )

    def redrawable(self, metric: int) -> Redrawable:
        """What drawing the arms again needs, of a metric.

        Raises:
            Refused: They cannot be.
        """
        return redrawable(self._reader, self.running, metric)

    def draws(self) -> tuple[Array, Array]:
        """Trials, and how many were expected, by what they were drawn from; shape (distributions, arms).

        Those of contexts are taken together, which makes a test of them too cautious.
        """
        if self.contextual:
            return np.array([self.trials]), np.array([self._expected])
        observed, _, _ = self._by_draw(TRIALS)
        return observed, observed.sum(axis=1, keepdims=True) * self._drawn_from[1]

    def floor(self, probabilities: Array) -> float:
        """The least probability that the rules in force give a served arm, or that earlier ones gave one."""
        experiment = self.running.experiment
        holdout = experiment.reweight.holdout
        least = min(holdout * self.running.base[arm] + (1.0 - holdout) * experiment.floor for arm in self.running.full)
        return min(least, float(probabilities[probabilities > 0.0].min(initial=1.0)))

    @cached_property
    def _drawn_from(self) -> tuple[dict[tuple[int, str], int], Array]:
        """Every epoch and mask by its place in time, and the probabilities of each; equal neighbours are one."""
        places: dict[tuple[int, str], int] = {}
        distinct: list[str] = []
        for row in self._logged:
            if not distinct or row.probabilities != distinct[-1]:
                distinct.append(row.probabilities)
            places[row.epoch, row.eligible] = len(distinct) - 1
        probabilities = np.zeros((len(distinct), len(self.running.keys)))
        for place, given in enumerate(json.loads(f"[{','.join(distinct)}]")):
            probabilities[place, : len(given)] = given  # arms that came later were not served then
        return places, probabilities

    def _by_draw(self, metric: int) -> Array:
        """Trials with a value of the metric, their sum and sum of squares, by what they were drawn from and by arm."""
        places, probabilities = self._drawn_from
        found = np.zeros((3, *probabilities.shape))
        if self._cells is None and not self.masked:
            rows = np.array(self._reader.history(self.running.id, metric), np.float64).reshape(-1, 5)
            at = np.array([places[epoch, ""] for epoch in rows[:, 0].tolist()], np.int64)
            arms = rows[:, 1].astype(np.int64)
            for which in range(3):
                np.add.at(found[which], (at, arms), rows[:, 2 + which])
            return found
        if self._cells is None:
            self._cells = list(self._reader.cells(self.running.id, Grouping(), ranges(self.running)))
        for cell in self._cells:
            if cell.metric == metric:
                found[:, places[cell.epoch, cell.eligible], cell.variant] += (cell.trials, cell.total, cell.squares)
        return found


def ranges(running: Running) -> list[tuple[float, float, float]]:
    """Least value, greatest value and origin of each metric."""
    return [(*bounds, origin) for bounds, origin in zip(running.bounds, running.origins, strict=True)]
