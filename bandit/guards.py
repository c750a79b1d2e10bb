"""What is watched of an experiment: its guardrails, and the criteria of the step that its rollout is at."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bandit.criterion import Criterion, Side
from bandit.tallies import Extent, Tally

if TYPE_CHECKING:
    from bandit.experiment import StoredExperiment

CUTS = 4
"""Parts of a window: it always covers more than the last three, and at most all four."""


class Check(NamedTuple):
    """A criterion that is watched on some arms.

    Attributes:
        criterion: What must hold.
        metric: Its metric's place.
        arms: Held against it, each at a part of its alpha.
        control: The arm that it compares with.
        side: Where a mean has to be.
        since: The epoch that began with it.
        origin: Of the metric.
        binary: Whether the metric is a conversion.
        bounds: Of the metric.
        shares: By how many looks of their own the alpha is divided, besides the arms.
    """

    criterion: Criterion
    metric: int
    arms: tuple[int, ...]
    control: int
    side: Side
    since: int
    origin: float
    binary: bool
    bounds: tuple[float, float]
    shares: int = 1

    @property
    def extent(self) -> Extent:
        """What it reads, where it has no window."""
        return Extent(self.metric, self.since)

    @property
    def goal(self) -> float:
        """What has to be won against an arm's keeping the limit before it trips, as a logarithm."""
        return math.log(self.shares * len(self.arms) / self.criterion.alpha)


class Guards:
    """The checks of an experiment, with the sums that they read as rewards arrive.

    Those with a window read the store instead, on a timer.
    """

    __slots__ = ("by_metric", "checks", "tallies")

    def __init__(self, checks: Sequence[Check], arms: int) -> None:
        self.checks = tuple(checks)
        self.tallies: dict[Extent, Tally] = {}
        self.by_metric: dict[int, list[Tally]] = {}
        least: dict[Extent, int] = {}
        for check in checks:
            if check.criterion.window is None:
                minimum = check.criterion.minimum_units
                least[check.extent] = min(least.get(check.extent, minimum), minimum)
        for extent, minimum in least.items():
            tally = self.tallies[extent] = Tally(extent, arms, minimum)
            self.by_metric.setdefault(extent.metric, []).append(tally)

    def add(self, metric: int, epoch: int, arm: int, delta: Sequence[float]) -> bool:
        """Adds a trial's change to the sums of a metric; true where a check wants a look at it."""
        wanted = False
        for tally in self.by_metric.get(metric, ()):
            if epoch >= tally.since:
                row = tally.sums[arm]
                row[0] += delta[0]
                row[1] += delta[1]
                row[2] += delta[2]
                if row[0] >= tally.due[arm]:
                    tally.ripe.add(arm)
                    wanted = True
        return wanted

    def inherit(self, past: "Guards | None") -> None:
        """Takes over what is known; what is watched anew knows nothing yet, and needs to."""
        for extent, tally in self.tallies.items():
            if past is not None and extent in past.tallies:
                tally.inherit(past.tallies[extent])

    def load(self, read: Callable[[int], list[tuple[int, int, list[float]]]]) -> None:
        """Adds the sums that the store keeps: `read` gives arm, metric and sums of all epochs from one on."""
        for since in {extent.since for extent in self.tallies}:
            for arm, metric, sums in read(since):
                if tally := self.tallies.get(Extent(metric, since)):
                    tally.sums[arm] = sums[:3]
                    tally.ripe.add(arm)


def guards(experiment: "StoredExperiment") -> Guards | None:
    """What is watched of an experiment; None where nothing is."""
    checks = list(_checks(experiment))
    return Guards(checks, len(experiment.variants)) if checks else None


def _checks(experiment: "StoredExperiment") -> Iterator[Check]:
    arms = {variant.key: arm for arm, variant in enumerate(experiment.variants)}
    control = next((arm for arm, variant in enumerate(experiment.variants) if variant.is_control), None)
    others = tuple(arm for arm in arms.values() if arm != control)
    for guardrail in experiment.guardrails:
        watched = others if guardrail.variants is None else tuple(arms[key] for key in guardrail.variants)
        yield _check(experiment, guardrail, watched, control or 0, experiment.guarded_since.get(guardrail.key, 0))
    rollout, state = experiment.rollout, experiment.rollout_state
    if rollout is not None and state is not None and state.under_way:
        for criterion in rollout.criteria:
            yield _check(experiment, criterion, others, control or 0, state.watched_since)._replace(
                shares=len(state.steps)
            )


def _check(
    experiment: "StoredExperiment", criterion: Criterion, arms: tuple[int, ...], control: int, since: int
) -> Check:
    place = next(place for place, metric in enumerate(experiment.metrics) if metric.key == criterion.metric)
    metric = experiment.metrics[place]
    return Check(
        criterion=criterion,
        metric=place,
        arms=arms,
        control=control,
        side=criterion.must_be or ("below" if metric.goal == "decrease" else "above"),
        since=since,
        origin=metric.origin,
        binary=metric.type == "conversion",
        bounds=metric.bounds,
    )


def renewed(old: "StoredExperiment", new: "StoredExperiment", epoch: int) -> "StoredExperiment":
    """The new definition, whose new and changed guardrails read from an epoch on; new stopping rules judge anew."""
    before = {guardrail.key: guardrail for guardrail in old.guardrails}
    since = {
        guardrail.key: old.guarded_since.get(guardrail.key, 0) if before.get(guardrail.key) == guardrail else epoch
        for guardrail in new.guardrails
    }
    update: dict[str, Any] = {"guarded_since": {key: first for key, first in since.items() if first}}
    if old.status == "draft":
        update["guarded_since"] = {}
    if new.stopping != old.stopping:
        update["conclusion"] = None
    return new.model_copy(update=update)
