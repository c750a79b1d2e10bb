"""What an experiment's policy has learnt, and how often it may be asked."""

import math
import time
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import numpy as np

from bandit.alarm import last_change
from bandit.experiment import Alarm, Experiment
from policies import COLUMNS, COUNT, Policy, statistics
from policies.kernel import Array

FORGOTTEN = 2.0**-100
_NO_CONTEXT = np.empty(0)


class Objective:
    """The reward that a policy sees, from the values of a trial's metrics.

    The weighted sum of the metrics, scaled to [0, 1] where every one of them is bounded, else about its origin. It
    depends on the metrics alone, so a live experiment can change its policy and keep its past.
    """

    __slots__ = ("_goals", "_offset", "_scale", "unit")

    def __init__(self, experiment: Experiment) -> None:
        place = {metric.key: index for index, metric in enumerate(experiment.metrics)}
        self._goals = [(place[key], weight) for key, weight in experiment.goals.items() if weight]
        least, most = experiment.reward_bounds
        self.unit = math.isfinite(least) and math.isfinite(most)
        if self.unit:
            self._offset, self._scale = least, most - least
        else:
            self._offset = sum(weight * experiment.metrics[metric].origin for metric, weight in self._goals)
            self._scale = 1.0

    def reward(self, values: dict[int, float]) -> float | None:
        """The reward of a trial whose metrics have `values`; None until every metric that counts has one."""
        total = 0.0
        for metric, weight in self._goals:
            value = values.get(metric)
            if value is None:
                return None
            total += weight * value
        return (total - self._offset) / self._scale


class Learner:
    """The additive state of one policy and its weights.

    `sums` maps a landmark period of the forward decay, or a span of the alarm, to `COUNT, SUM, SQUARES, WEIGHTED` of
    each arm; without either there is one period, 0. `since` has the span from which on each arm is remembered, where
    its rewards have changed.
    """

    __slots__ = ("_alarm", "_base", "_columns", "_parameters", "objective", "policy", "since", "sums")

    def __init__(self, experiment: Experiment, base: Sequence[float]) -> None:
        self.objective = Objective(experiment)
        self.policy: Policy = experiment.resolved_policy
        self._base = np.array(base)
        self._parameters = self.policy.parameters(self._base)
        self._columns = COLUMNS
        self.sums: dict[int, Any] = {}
        self._alarm = experiment.alarm
        self.since: dict[int, int] = {}

    def place(self, at: float) -> tuple[int, float]:
        """The period into whose sums a trial decided at `at` (seconds since 1970) enters, and with which weight."""
        half_life = self.policy.half_life
        if half_life is not None:
            period = statistics.landmark(at, half_life)
            return period, statistics.growth(at, period, half_life)
        return (0 if self._alarm is None else int(at // self._alarm.span)), 1.0

    def add(self, period: int, arm: int, delta: Sequence[float] | Array) -> None:
        """Adds `delta` (COLUMNS numbers) to the sums of `arm` in `period`."""
        sums = self.sums.get(period)
        if sums is None:
            sums = self.sums[period] = [[0.0] * COLUMNS for _ in self._base]
        row = sums[arm]
        row[0] += delta[0]
        row[1] += delta[1]
        row[2] += delta[2]
        row[3] += delta[3]

    def state(self, now: float) -> np.ndarray:
        """The sums as float64[arms, columns], faded to `now` (seconds since 1970)."""
        if self._alarm is not None:
            return self._remembered(self._alarm, now)
        if self.policy.half_life is None and 0 in self.sums:
            return _cleared(np.array(self.sums[0]))
        state = np.zeros((len(self._base), self._columns))
        for period, sums in list(self.sums.items()):
            fade = statistics.fade(period, now, self.policy.half_life)
            if fade < FORGOTTEN:
                del self.sums[period]
            else:
                state += np.array(sums) * fade
        return _cleared(state)

    def _remembered(self, alarm: Alarm, now: float) -> np.ndarray:
        """The sums of each arm since its rewards last changed; spans that are not over are not looked at for that."""
        spans = sorted(self.sums)
        if not spans:
            return np.zeros((len(self._base), COLUMNS))
        sums = np.array([self.sums[span] for span in spans])
        over = bisect_left(spans, int(now // alarm.span))
        self.since = {}
        for arm in range(len(self._base)):
            first = last_change(sums[:over, arm], alarm.delta / len(self._base), unit=self.objective.unit)
            if first:
                self.since[arm] = spans[first]
                if alarm.restart:
                    sums[:first, arm] = 0.0
        state: np.ndarray = sums.sum(axis=0)
        return _cleared(state)

    def inherit(self, other: "Learner") -> None:
        """Takes over what another with the same arms, or fewer, has learnt; the new ones know nothing."""
        for period, arms in other.sums.items():
            for arm, sums in enumerate(arms):
                self.add(period, arm, sums)

    def warm(self, arms: Sequence[int]) -> None:
        """Compiles the policy, or loads it compiled."""
        self.weights(0.0, arms)

    def weights(self, now: float, arms: Sequence[int]) -> list[float]:
        """The policy's weights at `now`: over `arms` a distribution, 0 elsewhere."""
        state, base, parameters = self.state(now), self._base, self._parameters
        some = len(arms) != len(base)
        if some:
            chosen = list(arms)
            state, base = state[chosen], base[chosen]
            parameters = self.policy.parameters(base)
        out = np.empty(len(arms))
        self.policy.weights(state, _NO_CONTEXT, sum(state[:, COUNT].tolist()), parameters, out)
        weights: list[float] = out.tolist()
        if not abs(sum(weights) - 1.0) < 1e-6:  # nor where one is no number
            weights = base.tolist()  # rewards beyond what floating point can weigh
        if not some:
            return weights
        over = [0.0] * len(self._base)
        for arm, weight in zip(arms, weights, strict=True):
            over[arm] = weight
        return over


def _cleared(state: np.ndarray) -> np.ndarray:
    """Without the rounding that a correction can leave of a sum where a count should be zero."""
    state[state[:, COUNT] < 1e-9] = 0.0
    return state


class Cadence:
    """When weights may be recomputed: at once, until that takes more than its share of a core.

    A token bucket of compute time, refilled with `budget` seconds a second up to `BURST` seconds. While it holds some,
    recomputing is immediate; when it is empty, one recomputation is due each time it has refilled, so every
    `cost / budget` seconds.

    Args:
        budget: Share of one core; 1 is no limit.
    """

    BURST = 1.0

    __slots__ = ("_cost", "_spent_at", "_tokens", "budget")

    def __init__(self, budget: float) -> None:
        self.budget = budget
        self._tokens = self.BURST
        self._cost = 0.0
        self._spent_at = time.monotonic()

    def due(self) -> bool:
        """Whether weights may be recomputed now."""
        return self.budget >= 1.0 or self._tokens + (time.monotonic() - self._spent_at) * self.budget > 0.0

    def spend(self, cost: float) -> None:
        """Records a recomputation that took `cost` seconds and ended now."""
        now = time.monotonic()
        self._tokens = min(self._tokens + (now - self._spent_at) * self.budget, self.BURST) - cost
        self._spent_at = now
        self._cost = cost

    @property
    def interval(self) -> float:
        """Seconds between two recomputations that the budget forces; 0 where they are immediate."""
        if self.budget >= 1.0 or self._tokens > 0.0:
            return 0.0
        return self._cost / self.budget
