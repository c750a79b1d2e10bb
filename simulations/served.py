"""A replication with the real engine deciding, so that a simulated policy is known to be the shipped one."""

import heapq
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from bandit import Engine, Experiment, Feature, InvalidInput, Metric, Reweight, Variant
from policies import POLICIES, Policy
from policies.kernel import Array
from simulations.contextual import Contextual
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
    if policy.name not in POLICIES:
        raise InvalidInput(
            f"through: 'engine' given, {policy.name} is not one of those it serves; 'kernels' simulates it"
        )
    try:
        return Experiment(
            key=KEY,
            variants=[Variant(key=str(arm)) for arm in range(environment.arms)],
            metrics=[metric(environment, policy)],
            policy=policy,
            features=[Feature(key=key) for key in features(environment)] if policy.contextual else [],
            sticky=False,
            reweight=Reweight(floor=0.0, budget=1.0),
        )
    except ValidationError as error:
        raise InvalidInput(f"through: 'engine' given, {InvalidInput.of(error).detail}") from error


def features(environment: Environment) -> list[str]:
    """The features that a policy is told of, by their place in the context.

    All but the constant of a linear environment: the engine puts one before them itself, so before those of any other
    environment too.
    """
    return [f"x{place}" for place in range(int(isinstance(environment, Contextual)), environment.dimension)]


def given(environment: Environment, context: Array) -> dict[str, Any]:
    """The context of a step as `choose` takes it."""
    keys, size = features(environment), environment.dimension
    own = context.reshape(-1, size)[:, size - len(keys) :].T.tolist()
    if len(context) == size:
        return {key: values[0] for key, values in zip(keys, own, strict=True)}
    return {key: {str(arm): value for arm, value in enumerate(values)} for key, values in zip(keys, own, strict=True)}


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
            decision = engine.choose(KEY, context=given(environment, context) if policy.contextual else None)
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
