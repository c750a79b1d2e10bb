"""What the store says of an experiment, in the form in which the statistics take it."""

import math
from collections.abc import Sequence
from functools import cache, cached_property
from itertools import chain
from typing import Any

import numpy as np

from bandit import covariate
from bandit.distributions import Distributions
from bandit.redrawing import redrawable
from bandit.rows import TRIALS, Cell, Grouping
from bandit.running import Running
from bandit.split import fresh_until
from bandit.statistics.epochs import Epochs
from bandit.statistics.joint import JointSample
from bandit.statistics.ratio_epochs import RatioEpochs
from bandit.statistics.rerandomisation import Redrawable
from bandit.statistics.sample import Sample
from bandit.store import Reader
from policies.kernel import Array

_NOTHING = [0.0] * 4

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
        self.reader = reader
        self.running = running
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
        return not self.shadow and self.distributions.masked

    @property
    def moved(self) -> bool:
        """Whether not every trial was drawn from the same distribution."""
        return self.contextual or (not self.shadow and self.distributions.moved)

    @cached_property
    def distributions(self) -> Distributions:
        """What the trials were drawn from."""
        return Distributions(self.reader, self.running)

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
        ratio, above, below = self._parts(metric)
        both, product, *_ = self.sums.get((arm, ratio), _NOTHING)
        first, second = (self._from_zero(self.sums.get((arm, part), _NOTHING)[:3], part) for part in (above, below))
        products = [[first[2], product], [product, second[2]]]
        return JointSample.of_sums(("above", "below"), first[0] + second[0] - both, [first[1], second[1]], products)

    def _parts(self, metric: int) -> tuple[int, int, int]:
        return next(found for found in self.running.ratios if found[0] == metric)

    def _from_zero(self, sums: Any, metric: int) -> tuple[Any, Any, Any]:
        """Count, sum and squares of a metric's values, from those of the values less its origin."""
        (count, total, squares), origin = sums, self.running.origins[metric]
        return count, total + count * origin, squares + origin * (2.0 * total + count * origin)

    @cache  # noqa: B019 - evidence is read once and dropped
    def ratio_epochs(self, metric: int) -> RatioEpochs:
        """Numerator and denominator of a ratio by what they were drawn from, as `ratio` has them."""
        ratio, above, below = self._parts(metric)
        both, products, _ = self._by_draw(ratio)
        first, second = (self._from_zero(self._by_draw(part), part) for part in (above, below))
        trials = first[0] + second[0] - both
        used = (trials > 0.0).any(axis=1)
        probabilities = self.distributions.probabilities[used]
        return RatioEpochs(
            trials=trials[used],
            above=first[1][used],
            below=second[1][used],
            above_squares=first[2][used],
            below_squares=second[2][used],
            products=products[used],
            probabilities=probabilities,
            floor=self.floor(probabilities),
        )

    def adjusted(self, place: int, arms: tuple[int, int]) -> tuple[JointSample, JointSample] | None:
        """Two arms' trials with a value of a metric, and what was known of them before; None if that is nothing.

        The columns are the metric, its covariate, and whether a trial has one: those without count as its mean, and
        however they differ from the others is taken off as well, so that the comparison is of all trials.
        """
        name, (at, _) = self.running.experiment.metrics[place].covariate, covariate.places(place)
        known = [self.sums.get((arm, at), _NOTHING) for arm in arms]
        number = sum(row[0] for row in known)
        if name is None or not number > 0.0:
            return None
        mean = sum(row[1] for row in known) / number
        first, second = (self._with_covariate(place, arm, name, mean) for arm in arms)
        return first, second

    def _with_covariate(self, place: int, arm: int, name: str, mean: float) -> JointSample:
        """One arm's trials, the covariate less a mean, so that few digits cancel."""
        at, over = covariate.places(place)
        count, total, squares, _ = self.sums.get((arm, place), _NOTHING)
        having, known, known_squares, product = self.sums.get((arm, at), _NOTHING)
        total_having = self.sums.get((arm, over), _NOTHING)[1]
        centred = known - having * mean
        return JointSample.of_sums(
            (self.running.experiment.metrics[place].key, f"attribute {name}", f"presence of attribute {name}"),
            count,
            (total, centred, having),
            (
                (squares, product - mean * total_having, total_having),
                (0.0, known_squares - mean * (known + centred), centred),
                (0.0, 0.0, having),
            ),
            (self.running.origins[place], 0.0, 0.0),
        )

    @cache  # noqa: B019 - evidence is read once and dropped
    def epochs(self, metric: int) -> Epochs:
        """The values of a metric by what they were drawn from, in order of time."""
        probabilities = self.distributions.probabilities
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
        return redrawable(self.reader, self.running, metric)

    def draws(self) -> tuple[Array, Array]:
        """Trials that were fresh draws, and how many were expected, by what they were drawn from.

        Of shape (distributions, arms). Those of contexts are taken together, which makes a test of them too cautious.
        """
        if self.contextual:
            return np.array([self.trials]), np.array([self._expected])
        observed, _, _ = self._by_draw(TRIALS)
        expected = observed.sum(axis=1, keepdims=True) * self.distributions.probabilities
        until = fresh_until(self.running, self.distributions)
        kept = None if until == math.inf else self.distributions.before(until)
        return observed[:kept], expected[:kept]

    def floor(self, probabilities: Array) -> float:
        """The least probability that the rules in force give a served arm, or that earlier ones gave one.

        With segments, probabilities follow from the configured weights alone, so the least of these is the floor.
        """
        experiment = self.running.experiment
        if experiment.segments:
            return min(self.running.least, float(probabilities[probabilities > 0.0].min(initial=1.0)))
        holdout = experiment.reweight.holdout
        least = min(holdout * self.running.base[arm] + (1.0 - holdout) * experiment.floor for arm in self.running.full)
        return min(least, float(probabilities[probabilities > 0.0].min(initial=1.0)))

    @cache  # noqa: B019 - evidence is read once and dropped
    def _by_draw(self, metric: int) -> Array:
        """Trials with a value of the metric, their sum and sum of squares, by what they were drawn from and by arm."""
        drawn = self.distributions
        found = np.zeros((3, *drawn.probabilities.shape))
        if self._cells is None and not drawn.masked:
            history = self.reader.history(self.running.id, metric)
            rows = np.fromiter(chain.from_iterable(history), np.float64).reshape(-1, 5)
            at, arms = drawn.places(rows[:, 0]), rows[:, 1].astype(np.int64)
            for which in range(3):
                np.add.at(found[which], (at, arms), rows[:, 2 + which])
            return found
        if self._cells is None:
            self._cells = list(self.reader.cells(self.running.id, Grouping(), ranges(self.running)))
        for cell in self._cells:
            if cell.metric == metric:
                place = drawn.by_mask[cell.epoch, cell.eligible]
                found[:, place, cell.variant] += (cell.trials, cell.total, cell.squares)
        return found


def ranges(running: Running) -> list[tuple[float, float, float]]:
    """Least value, greatest value and origin of each metric."""
    return [(*bounds, origin) for bounds, origin in zip(running.bounds, running.origins, strict=True)]
