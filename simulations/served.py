"""A replication with the real engine deciding, so that a simulated policy is known to be the shipped one."""

import heapq
import math

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from bandit import Engine, Experiment, InvalidInput, Metric, Reweight, Variant
from policies import POLICIES, Policy
from policies.kernel import Array
from simulations.environment import Environment
from simulations.feedback import arrival, rows
from simulations.study import Study

KEY = "simulation"


def metric(environment: Environment, policy: Policy) -> Metric:
    """The metric whose events the environment's rewards are; for a policy of counts, 0 and 1 are counts."""
    match "count" if policy.rewards == "count" else environment.support:
        case "binary":
            return Metric(key="reward", primary=True)
        case "unit":
            return Metric(key="reward", type="continuous", primary=True, lower=0.0, upper=1.0)
        case "count":
            return Metric(key="reward", type="count", primary=True)
        case _:
            return Metric(key="reward", type="continuous", primary=True, origin=environment.origin)


def experiment(environment: Environment, policy: Policy) -> Experiment:
    """The experiment that serves the policy as it is: no floor, every decision a trial, weights never out of date.

    Raises:
        InvalidInput: The engine does not serve the policy; the message says why.
    """
    if policy.contextual or policy.name not in POLICIES:
        reason = "reads a context" if policy.contextual else "is not one of those it serves"
        raise InvalidInput(f"through: 'engine' given, {policy.name} {reason}; 'kernels' simulates it")
    try:
        return Experiment(
            key=KEY,
            variants=[Variant(key=str(arm)) for arm in range(environment.arms)],
            metrics=[metric(environment, policy)],
            policy=policy,
            sticky=False,
            reweight=Reweight(floor=0.0, budget=1.0),
        )
    except ValidationError as error:
        raise InvalidInput(f"through: 'engine' given, {InvalidInput.of(error).detail}") from error


def play(
    study: Study,
    policy: Policy,
    grid: NDArray[np.int64],
    regret: Array,
    best: NDArray[np.int64],
    allocation: NDArray[np.int64],
    policy_rng: np.random.Generator,
    world_rng: np.random.Generator,
    reward_rng: np.random.Generator,
) -> None:
    """One replication; arguments as of `simulations.loop.play`. A decision takes a second, as it does there.

    Raises:
        InvalidInput: As `experiment`.
    """
    environment, feedback = study.environment, rows(study.feedback)
    world, context, means = environment.parameters(), np.zeros(environment.features), np.zeros(environment.arms)
    counts = np.zeros(environment.arms, np.int64)
    pending: list[tuple[float, int, str, float]] = []
    now, lost, hits, point = 0.0, 0.0, 0, 0
    with Engine(clock=lambda: now, seed=int(policy_rng.integers(2**63))) as engine:
        engine.create(experiment(environment, policy))
        engine.start(KEY)
        for step in range(int(grid[-1])):
            now = float(step)
            if step == 0 or not environment.stationary:
                environment.advance(now, world, world_rng, context, means)
            while pending and pending[0][0] <= now:
                _, _, decision_id, reward = heapq.heappop(pending)
                engine.reward(decision_id, reward)
            decision = engine.choose(KEY)
            arm = int(decision.variant)
            reward = environment.draw(float(means[arm]), arm, now, world, reward_rng)
            due = arrival(now + 1.0, feedback, world_rng)
            if due < math.inf:
                heapq.heappush(pending, (due, step, decision.id, reward))
            counts[arm] += 1
            lost += means.max() - means[arm]
            hits += int(means[arm] == means.max())
            if step + 1 == grid[point]:
                regret[point], best[point] = lost, hits
                allocation[point] += counts
                point += 1
