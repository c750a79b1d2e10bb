"""A target policy that goes along a log which another policy drew."""

from pydantic_core import from_json

from bandit.assignment import Allocation
from bandit.contextual import Draw
from bandit.rows import DecisionRow
from bandit.running import Running
from bandit.trial import moments

EXACT = 1000
"""Up to so many accepted trials the weights follow each; later each thousandth more, which bounds the computation."""


class Follower:
    """What the target draws from, trial by trial; where it is a policy that learns, it does so from what it accepts.

    Args:
        running: The experiment with the target as its policy, see `target.hypothetical`.
    """

    def __init__(self, running: Running) -> None:
        self.running = running
        self.accepted = 0
        self._weighed: int | None = None
        self._weighed_at = 0.0
        self._epoch = 0
        self._drawn_from: dict[tuple[int, ...], list[float]] = {}

    def probabilities(self, arms: tuple[int, ...], now: float, context: str | None = None) -> list[float]:
        """The distribution over all arms at `now` (seconds since 1970), where `arms` are eligible, in a context.

        Raises:
            InvalidInput: The policy reads the context, and there is not all that it needs.
        """
        running = self.running
        if not running.fixed and self._stale(now):
            running.recompute(now)
            self._weighed, self._weighed_at = self.accepted, now
            if running.epoch != self._epoch:
                self._epoch, self._drawn_from = running.epoch, {}
        if running.contextual is not None:
            vector = running.contextual.features.vector(from_json(context or "{}"), arms)
            return self._allocated(arms, running.contextual.weigh(arms, vector))
        found = self._drawn_from.get(arms)
        if found is None:
            weights = running.weights
            if sum(weights[arm] for arm in arms) <= 0.0:
                weights = running.learner.weights(now, arms)
            found = self._drawn_from[arms] = self._allocated(arms, weights)
        return found

    def _allocated(self, arms: tuple[int, ...], weights: list[float]) -> list[float]:
        experiment = self.running.experiment
        holdout = experiment.reweight.holdout
        return Allocation(weights, self.running.base, arms, experiment.floor, holdout).probabilities

    def accept(self, row: DecisionRow, gains: dict[int, float], propensity: float) -> None:
        """Learns from a trial as if it had drawn its variant, with this propensity, and seen at once what it earned.

        `gains` maps metrics to values, and has all that the objective needs.
        """
        running = self.running
        reward = running.learner.objective.reward(gains)
        period, growth = running.learner.place(row.decided_at)
        if running.contextual is not None:
            features = running.contextual.features.of(from_json(row.context or "{}"), row.variant)
            draw = Draw(features, [], running.contextual.note(row.variant, features))
            running.learner.add(period, row.variant, running.contextual.change(draw, None, reward, propensity, growth))
        else:
            delta = [growth * part for part in moments(None, reward, 0.0, propensity)]
            running.learner.add(period, row.variant, delta)
        if running.costs is not None and running.cost in gains:
            running.costs.add(row.variant, 1.0, gains[running.cost])
        self.accepted += 1

    def _stale(self, now: float) -> bool:
        if self._weighed is None:
            return True
        age, half_life = now - self._weighed_at, self.running.half_life
        if age < self.running.every:
            return False
        if self.accepted != self._weighed:
            return self.accepted - self._weighed > self._weighed // EXACT
        return half_life is not None and self.accepted > 0 and age > half_life / 100.0
