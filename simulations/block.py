"""A block of replications: the unit of work, the same on a thread, in a process and on a cluster."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policies import SELECT, WEIGHTS, Fixed, Policy
from policies.kernel import RECORD, Array
from policies.statistics import empty
from simulations import loop
from simulations.feedback import rows
from simulations.signatures import ADVANCE, DRAW
from simulations.study import Study

POLICY, WORLD, REWARD = 0, 1, 2
"""The streams of a replication."""


@dataclass(frozen=True, slots=True)
class Block:
    """Replications `first` up to `last` of every policy, looked at after each number of decisions in `grid`."""

    study: Study
    first: int
    last: int
    grid: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Played:
    """What a block gave.

    `regret` and `best` have the shape (policies, replications, points), `allocation`, summed over replications,
    (policies, points, arms).
    """

    block: Block
    regret: Array
    best: NDArray[np.int64]
    allocation: NDArray[np.int64]


def generator(seed: int, replication: int, stream: int) -> np.random.Generator:
    """The random numbers of one stream of one replication.

    `SeedSequence(seed).spawn(n)[replication].spawn(3)[stream]`, without making the others: independent of the number
    of replications, blocks and threads. Every policy of a replication starts from the same streams.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(replication, stream))))


def kernels(study: Study) -> dict[Any, Any]:
    """The compiled functions that a study runs, with their signatures."""
    environment = type(study.environment)
    found: dict[Any, Any] = {environment.advance: ADVANCE, environment.draw: DRAW}
    for policy in study.policies:
        found |= {type(policy).select: SELECT, _weights(policy): WEIGHTS, type(policy).record: RECORD}
    return found


def reads_propensities(policy: Policy) -> bool:
    """Whether the policy learns from reward / propensity, so that each decision's exact probability is needed."""
    return policy.reads_propensities


def _weights(policy: Policy) -> Any:
    # The loop takes a pointer to one in any case; where it never calls it, that of an A/B test is compiled soonest.
    return type(policy).weights if reads_propensities(policy) else Fixed.weights


def run(block: Block) -> Played:
    """Plays the block's replications, on one core."""
    study, grid = block.study, block.grid
    if study.through == "engine":
        from simulations.served import play as serve

        player: Callable[..., None] = serve
    else:
        loop.prepare(kernels(study))
        player = _play
    replications, arms = block.last - block.first, study.environment.arms
    shape = (len(study.policies), replications, len(grid))
    regret, best = np.zeros(shape), np.zeros(shape, np.int64)
    allocation = np.zeros((len(study.policies), len(grid), arms), np.int64)
    for index in range(replications):
        for number, policy in enumerate(study.policies):
            streams = [generator(study.seed, block.first + index, stream) for stream in (POLICY, WORLD, REWARD)]
            player(study, policy, grid, regret[number, index], best[number, index], allocation[number], *streams)
    return Played(block, regret, best, allocation)


def _play(
    study: Study,
    policy: Policy,
    grid: NDArray[np.int64],
    regret: Array,
    best: NDArray[np.int64],
    allocation: NDArray[np.int64],
    *streams: np.random.Generator,
) -> None:
    environment = study.environment
    arms = environment.arms
    loop.compiled()(
        policy.select,
        _weights(policy),
        policy.record,
        environment.advance,
        environment.draw,
        policy.parameters(np.full(arms, 1.0 / arms)),
        environment.parameters(),
        rows(study.feedback),
        empty(arms, environment.dimension if policy.contextual else 0),
        np.zeros(environment.features),
        environment.stationary,
        reads_propensities(policy),
        type(policy).record is Policy.record and not policy.contextual,
        1.0 if policy.half_life is None else 2.0 ** (-1.0 / policy.half_life),
        environment.origin,
        grid,
        regret,
        best,
        allocation,
        *streams,
    )
