"""Best-arm identification: how many decisions until the best arm is known at a given risk of naming another.

Whatever policy samples, it is stopped by the generalised likelihood ratio of "this arm is the best" against each other
order of the two arms concerned, when that exceeds ln((1 + ln t) / risk) after t decisions.

Source: Garivier and Kaufmann, "Optimal best arm identification with fixed confidence", COLT 2016: Chernoff's stopping
rule, with the threshold of its experiments. The threshold is smaller than those for which the risk is proven; in
practice far fewer runs than `risk` name another arm.
"""

import math
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numba import float64, int64, types
from numpy.typing import NDArray

from bandit import InvalidInput
from policies import SELECT, Policy, cache
from policies.kernel import Array
from policies.record import add_trial
from policies.statistics import empty
from simulations.block import POLICY, REWARD, WORLD, generator
from simulations.environment import Environment
from simulations.evidence import evidence, leading
from simulations.signatures import DRAW
from simulations.stationary import Gaussian
from simulations.study import Study

BLOCK = 10
"""Replications that a thread takes at a time."""


@dataclass(frozen=True, slots=True)
class Identification:
    """What a study found.

    Attributes:
        study: What was run; its horizon is how many decisions a replication had at most.
        risk: The stopping rule's.
        decisions: Decisions until it stopped, shape (policies, replications).
        stopped: Whether it stopped within the horizon, of the same shape.
        right: Whether the arm with the greatest mean in the end is a best one.
    """

    study: Study
    risk: float
    decisions: NDArray[np.int64]
    stopped: NDArray[np.bool_]
    right: NDArray[np.bool_]


def until_known(
    select: Any,
    draw: Any,
    params: Array,
    world: Array,
    means: Array,
    stats: Array,
    sd: float,
    origin: float,
    risk: float,
    horizon: int,
    policy_rng: np.random.Generator,
    reward_rng: np.random.Generator,
) -> int:
    """The decisions of one replication until the rule stops it, or -1; `stats` then holds what was seen."""
    context = np.empty(0)
    for step in range(horizon):
        arm = select(stats, context, float(step), params, policy_rng)
        add_trial(stats[arm], draw(means[arm], arm, float(step), world, reward_rng) - origin, 1.0, 1.0)
        if evidence(stats, leading(stats), sd) > math.log((1.0 + math.log(step + 1.0)) / risk):
            return step + 1
    return -1


_SIGNATURE = int64(
    types.FunctionType(SELECT),
    types.FunctionType(DRAW),
    float64[::1],
    float64[::1],
    float64[::1],
    float64[:, ::1],
    float64,
    float64,
    float64,
    int64,
    types.npy_rng,
    types.npy_rng,
)
_loop: Any = numba.njit(error_model="numpy", nogil=True)(until_known)
cache.keep(_loop, until_known)


def identify(study: Study, risk: float, executor: Executor) -> Identification:
    """Runs each policy of a study until the best arm is known.

    Args:
        study: Policies, environment, horizon, replications, seed.
        risk: Of naming another arm, between 0 and 1.
        executor: Any `concurrent.futures` executor whose workers can import `simulations`.

    Raises:
        InvalidInput: The risk is not allowed, or something of the study does not go with the stopping rule.
    """
    _check(study, risk)
    prepare(study)
    firsts = range(0, study.replications, BLOCK)
    found = [
        [executor.submit(_runs, study, policy, risk, first, min(first + BLOCK, study.replications)) for first in firsts]
        for policy in study.policies
    ]
    table = np.array([[run for future in futures for run in future.result()] for futures in found], dtype=np.int64)
    decisions, right = table[:, :, 0], table[:, :, 1] > 0
    return Identification(study, risk, np.where(decisions < 0, study.horizon, decisions), decisions >= 0, right)


def prepare(study: Study) -> None:
    """Compiles what is not on the disk yet."""
    for policy in study.policies:
        policy.select.compile(SELECT)  # type: ignore[attr-defined]
    study.environment.draw.compile(DRAW)  # type: ignore[attr-defined]
    if not _loop.signatures:
        _loop.compile(_SIGNATURE)
        _loop.disable_compile()


def _check(study: Study, risk: float) -> None:
    environment = study.environment
    if not 0.0 < risk < 1.0:
        raise InvalidInput(f"risk: {risk:g} given, must lie strictly between 0 and 1")
    if not environment.stationary or not (
        environment.support in ("binary", "unit") or isinstance(environment, Gaussian)
    ):
        raise InvalidInput(
            f"risk: given with {environment.name}, the stopping rule is for arms that never change, with rewards in "
            "[0, 1] or normal ones"
        )
    if study.feedback or study.through != "kernels":
        raise InvalidInput("risk: given with feedback or through, rewards are seen at once and kernels decide")
    for policy, label in zip(study.policies, study.labels, strict=True):
        if policy.reads_propensities or policy.half_life is not None:
            what = "forgets" if policy.half_life is not None else "reads propensities"
            raise InvalidInput(f"risk: given with {label}, which {what}")


def _runs(study: Study, policy: Policy, risk: float, first: int, last: int) -> list[tuple[int, bool]]:
    prepare(study)
    return [_run(study, policy, risk, replication) for replication in range(first, last)]


def _run(study: Study, policy: Policy, risk: float, replication: int) -> tuple[int, bool]:
    environment = study.environment
    policy_rng, world_rng, reward_rng = (
        generator(study.seed, replication, stream) for stream in (POLICY, WORLD, REWARD)
    )
    arms, world = environment.arms, environment.parameters()
    means, stats = np.zeros(arms), empty(arms)
    environment.advance(0.0, world, world_rng, np.zeros(environment.features), means)
    params = policy.parameters(np.full(arms, 1.0 / arms))
    decisions = _loop(
        policy.select, environment.draw, params, world, means, stats,
        spread(environment), environment.origin, risk, study.horizon, policy_rng, reward_rng,
    )  # fmt: skip
    return int(decisions), bool(means[leading(stats)] == means.max())


def spread(environment: Environment) -> float:
    """The standard deviation of a reward where rewards are normal; else nan."""
    return environment.sd if isinstance(environment, Gaussian) else math.nan
