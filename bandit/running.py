"""An experiment as the decision path sees it: looked up once, then only read."""

import json
import time
from collections.abc import Sequence
from functools import partial

from pydantic import ValidationError

from bandit.assignment import Allocation, marks_of
from bandit.contextual import ContextualLearner
from bandit.cost import Costs
from bandit.errors import InvalidInput, StoreUnusable
from bandit.experiment import StoredExperiment
from bandit.gate import gate_of, of_segment
from bandit.guards import guards
from bandit.learner import Cadence, Learner
from bandit.rows import ExperimentRow, Standing
from policies import Fixed

EVERYONE = ""


class Running:
    """One experiment in memory, with what its policy has learnt and the weights of its epoch.

    `learned` counts the changes of the learner's state and `weighed` how many of them the weights reflect, so the
    weights are stale where the two differ. `contextual` is the learner where it reads contexts, else None; then an
    epoch has a state instead of weights.
    """

    __slots__ = (
        "_computed_at",
        "allocations",
        "arms",
        "base",
        "bounds",
        "cadence",
        "configs",
        "contextual",
        "control",
        "cost",
        "costs",
        "covariates",
        "defaults",
        "epoch",
        "every",
        "experiment",
        "fixed",
        "frozen",
        "full",
        "gate",
        "guards",
        "half_life",
        "hashed",
        "id",
        "inherited",
        "key",
        "keys",
        "learned",
        "learner",
        "marks",
        "metrics",
        "noted",
        "origins",
        "periodic",
        "primary",
        "ratios",
        "serial",
        "sticky",
        "weighed",
        "weights",
    )

    def __init__(self, number: int, experiment: StoredExperiment) -> None:
        variants = experiment.variants
        self.id = number
        self.inherited = False
        self.experiment = experiment
        self.key = experiment.key
        self.sticky = experiment.sticky
        self.keys = [variant.key for variant in variants]
        self.arms = {key: arm for arm, key in enumerate(self.keys)}
        self.configs = [variant.config for variant in variants]
        self.marks = marks_of(self.keys)
        self.gate = gate_of(experiment)
        weights = experiment.shares
        if self.gate is not None and self.gate.shadow:
            weights = [float(weight > 0.0) for weight in weights]  # all of them decide, each time
        self.base = _shares(weights)
        self.full = tuple(arm for arm, weight in enumerate(self.base) if weight > 0.0)
        marked = (arm for arm, variant in enumerate(variants) if variant.is_control)
        self.control = next(marked, self.full[0])
        self.metrics = {metric.key: index for index, metric in enumerate(experiment.metrics)}
        self.primary = self.metrics[experiment.primary.key]
        self.bounds = [metric.bounds for metric in experiment.metrics]
        self.origins = [metric.origin for metric in experiment.metrics]
        self.ratios = [
            (index, self.metrics[metric.numerator], self.metrics[metric.denominator])
            for index, metric in enumerate(experiment.metrics)
            if metric.numerator is not None and metric.denominator is not None
        ]
        self.covariates = [
            (index, metric.covariate) for index, metric in enumerate(experiment.metrics) if metric.covariate is not None
        ]
        self.defaults = [
            (index, metric.window, metric.missing)
            for index, metric in enumerate(experiment.metrics)
            if metric.window is not None and metric.missing != "wait"
        ]
        self.fixed = isinstance(experiment.policy, Fixed)
        self.hashed = self.fixed and experiment.assignment in (None, "hash")
        self.every = experiment.reweight.every
        self.half_life = experiment.resolved_policy.half_life
        self.periodic = self.half_life is not None or experiment.alarm is not None
        self.noted: set[str] = set()
        self.contextual = ContextualLearner(experiment, self.base) if experiment.features else None
        self.learner = self.contextual or Learner(experiment, self.base)
        self.cadence = Cadence(experiment.reweight.budget)
        self.cost = None if experiment.cost is None else self.metrics[experiment.cost.metric]
        self.costs = None if experiment.cost is None else Costs(len(self.keys), experiment.cost.limit)
        self.guards = guards(experiment)
        self.frozen = experiment.frozen
        self.epoch = experiment.epoch
        self.learned = self.weighed = 0
        self.serial = 0
        self.weights: list[float] = self.base
        self._computed_at = 0.0
        self.allocations: dict[str, Allocation] = {}  # what the epoch draws from, by mask, once it was asked for

    def metric(self, key: str | None) -> int:
        """The place of a metric; of the primary one for None."""
        if key is None:
            return self.primary
        if key not in self.metrics:
            known = ", ".join(map(repr, self.metrics))
            raise InvalidInput.field("metric", f"{key[:100]!r} is not a metric of {self.experiment.key!r}: {known}")
        return self.metrics[key]

    def products(self, values: dict[int, float]) -> dict[int, float]:
        """What a trial adds to the covariance of each ratio's two metrics: their product, where it has both."""
        return {
            ratio: values[above] * values[below]
            for ratio, above, below in self.ratios
            if above in values and below in values
        }

    def mask(self, eligible: Sequence[str] | None) -> str:
        """Eligible arms as text, `[0,2]`; EVERYONE where all are."""
        if eligible is None:
            return EVERYONE
        for place, key in enumerate(eligible):
            if key not in self.arms:
                known = ", ".join(map(repr, self.keys[:20]))
                raise InvalidInput.field(
                    f"eligible[{place}]", f"{key[:100]!r} is not a variant of {self.experiment.key!r}: {known}"
                )
        wanted = {self.arms[key] for key in eligible}
        arms = [arm for arm in self.full if arm in wanted]
        if not arms:
            raise InvalidInput.field("eligible", "every variant given has weight 0")
        return EVERYONE if len(arms) == len(self.full) else json.dumps(arms, separators=(",", ":"))

    def members(self, mask: str) -> tuple[int, ...]:
        """The arms of a mask."""
        return tuple(arms_of(mask)) if mask else self.full

    def narrowed(self, mask: str, segment: int) -> str:
        """The mask of a segment's arms among those of another mask.

        Raises:
            InvalidInput: There are none.
        """
        weights = self._of_segment(segment)
        arms = [arm for arm in self.members(mask) if weights[arm] > 0.0]
        if not arms and self.experiment.trips:  # what the segment is given is not served now
            arms = list(self.members(mask))
        if not arms:
            raise InvalidInput.field("eligible", f"segments[{segment}] gives every variant given weight 0")
        return of_segment(segment, arms)

    @property
    def least(self) -> float:
        """The least share that the configured weights, or those of a segment, give an arm which they serve."""
        splits = [self.base, *(self._of_segment(place) for place in range(len(self.experiment.segments)))]
        return min(weight for split in splits for weight in split if weight > 0.0)

    def configured(self, mask: str) -> list[float]:
        """The weights of the epoch, or of the segment that a mask names."""
        found = json.loads(mask) if mask else None
        return self._of_segment(found["segment"]) if isinstance(found, dict) else self.weights

    def _of_segment(self, segment: int) -> list[float]:
        weights = self.experiment.segments[segment].weights
        return _shares([weights.get(key, 0.0) for key in self.keys])

    def stale(self, now: float) -> bool:
        """Whether something was learnt, or enough forgotten, since the weights were computed `every` ago or earlier."""
        age = now - self._computed_at
        if self.frozen or 0.0 <= age < self.every:
            return False
        if self.learned != self.weighed:
            return self.cadence.due()
        return self.half_life is not None and self.learned > 0 and age > self.half_life / 100.0 and self.cadence.due()

    def recompute(self, now: float, *, anew: bool = False) -> bool:
        """Asks the policy for its weights; true where they changed, or `anew`, so that a new epoch begins.

        Frozen ones stay as they are, of an epoch that was begun.
        """
        if self.contextual is not None:
            self.weighed = self.learned
            self.adopt(self.epoch + 1, self.base, now)
            if not self.frozen:
                self.contextual.begin(self.learner.state(now))
            return True
        if self.frozen and self.epoch:
            if anew:
                self.adopt(self.epoch + 1, self.weights, now)
            return anew
        started = time.perf_counter()
        weights = self.learner.weights(now, self.full)
        if self.costs is not None:
            draw = partial(self.distribution, EVERYONE)
            weights = self.costs.within(weights, self.full, partial(self.learner.weights, now), draw)
        self.cadence.spend(time.perf_counter() - started)
        self.weighed = self.learned
        self._computed_at = now
        if weights == self.weights and self.epoch and not anew:
            return False
        self.adopt(self.epoch + 1, weights, now)
        return True

    def adopt(self, epoch: int, weights: list[float], now: float) -> None:
        """Enters an epoch that began at `now` with its weights."""
        self.epoch = epoch
        self.weights = weights
        self._computed_at = now
        self.allocations = {}

    def allocate(self, mask: str, weights: list[float]) -> Allocation:
        """Sets what the epoch draws from for a mask, from the policy's weights over its arms."""
        allocation = self.allocations[mask] = self.distribution(mask, weights)
        return allocation

    def distribution(self, mask: str, weights: list[float]) -> Allocation:
        """The distribution over the arms of a mask that follows from the policy's weights."""
        experiment = self.experiment
        return Allocation(weights, self.base, self.members(mask), experiment.floor, experiment.reweight.holdout)


def arms_of(mask: str) -> list[int]:
    """The arms that a mask names: those that a caller allowed, or among them those of a segment."""
    found = json.loads(mask)
    arms: list[int] = found["arms"] if isinstance(found, dict) else found
    return arms


def _shares(weights: list[float]) -> list[float]:
    total = sum(weights)
    return [weight / total for weight in weights]


def parse(row: ExperimentRow, standing: Standing) -> StoredExperiment:
    """The definition of an experiment from its row, with the epoch it is in.

    Raises:
        StoreUnusable: It is not one that this version understands.
    """
    try:
        return StoredExperiment.model_validate({**json.loads(row.definition), "epoch": standing.epoch})
    except ValidationError as error:
        detail = InvalidInput.of(error).detail
        raise StoreUnusable(f"experiment {row.key!r} is kept in a form that is not understood: {detail}") from error


def load(row: ExperimentRow, standing: Standing) -> Running:
    """An experiment from its row, with nothing learnt yet; errors as of `parse`."""
    running = Running(row.id, parse(row, standing))
    running.learned, running.weighed = standing.learned, standing.weighed
    return running
