"""A stored experiment's trials, held against what another policy would have done with them."""

import json
import math
import random
from collections.abc import Iterator
from typing import Any

import numpy as np

from bandit.errors import InvalidInput
from bandit.follower import Follower
from bandit.rows import TrialRow
from bandit.running import Running, arms_of
from bandit.statistics.arm_means import ArmMeans
from bandit.statistics.logged import logged
from bandit.statistics.tally import Tally, tally
from bandit.trial import Outcome, Record

DRAWN = frozenset({"drawn", "holdout", "hashed", "round_robin"})
"""Reasons of decisions that were drawn anew: a repeated one has the propensity of an earlier draw, and where a unit got
another variant, that depends on the one it had."""

_CELLS = 1 << 15


class Hindsight:
    """The trials that count, summed in parts of bounded size, and the number of those that do not.

    Args:
        running: The experiment as it ran.
        follower: The policy that is asked about, for the same variants.
    """

    def __init__(self, running: Running, follower: Follower) -> None:
        self.running = running
        self.follower = follower
        self.trials = 0
        self.earned = 0.0
        self.unsupported = 0.0
        self.left_out = {"unrewarded": 0, "repeated": 0, "ineligible": 0}
        lower, upper = running.bounds[running.primary]
        self.bounds = (lower, upper) if math.isfinite(lower) and math.isfinite(upper) else None
        self._means = ArmMeans.none(len(running.keys), min(max(0.0, lower), upper))
        self._uniform = random.Random("multiarm counterfactual").random  # noqa: S311 - not a secret
        self._seeded = np.random.default_rng(0)

    def tally(self, trials: Iterator[TrialRow], truncation: float) -> Tally:
        """The sums over all trials, read once and in their order."""
        found, rows = Tally(), []
        most = max(1, _CELLS // len(self.running.keys))
        for trial in trials:
            if (row := self._row(trial)) is not None:
                rows.append(row)
            if len(rows) == most:
                found += self._sum(rows, truncation)
                rows = []
        return found + self._sum(rows, truncation) if rows else found

    def _row(self, trial: TrialRow) -> tuple[Any, ...] | None:
        """Arm, reward, propensity, target, logging, share and acceptance of a trial; None where it does not count."""
        head, running, follower = trial.head, self.running, self.follower
        gains = earned(running, trial)
        reward = gains.get(running.primary)
        learnt = None if follower.running.fixed else follower.running.learner.objective.reward(gains)
        if head.reason not in DRAWN:
            self.left_out["repeated"] += 1
            return None
        if reward is None or (learnt is None and not follower.running.fixed):
            self.left_out["unrewarded"] += 1
            return None
        logging = json.loads(trial.probabilities)
        known = len(logging)  # a variant that came later was not eligible
        members = arms_of(head.eligible) if head.eligible else range(known)
        arms = tuple(arm for arm in members if follower.running.base[arm] > 0.0)
        if not arms:
            self.left_out["ineligible"] += 1
            return None
        logging += [0.0] * (len(running.keys) - known)
        try:
            target = follower.probabilities(arms, head.decided_at, head.context)
        except InvalidInput:  # the context of then does not know a variant that is served only since
            self.left_out["ineligible"] += 1
            return None
        self.trials += 1
        self.earned += reward
        share, accepted = 1.0, False
        if learnt is not None:
            share = min(drawn / wanted for drawn, wanted in zip(logging, target, strict=True) if wanted > 0.0)
            accepted = self._uniform() < share * target[head.variant] / head.propensity
            if accepted:
                follower.accept(head, gains, target[head.variant])
        return head.variant, reward, head.propensity, target, logging, share, accepted

    def _sum(self, rows: list[tuple[Any, ...]], truncation: float) -> Tally:
        action, reward, propensity, target, logging, share, accepted = (
            np.array(column) for column in zip(*rows, strict=True)
        )
        predictions, self._means = self._means.predict(action, reward)
        self.unsupported += float(target[logging <= 0.0].sum())
        log = logged(action, reward, propensity, target, logging=logging, predictions=predictions, seed=self._seeded)
        if not self.follower.running.fixed:
            log = log.shared(share, accepted)
        return tally(log, truncation, self.bounds)


def earned(running: Running, trial: TrialRow) -> dict[int, float]:
    """What a trial has earned: metric -> value."""
    record = Record(running, trial.head)
    for kept in trial.outcomes:
        outcome = record.outcomes[kept.metric] = Outcome()
        _, _, outcome.value, outcome.total, outcome.earned, outcome.fallback = kept
    return record.values()
