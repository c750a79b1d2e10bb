"""A block of replications: the unit of work, the same on a thread, in a process and on a cluster."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policies import Policy
from policies.address import address
from policies.kernel import Array
from policies.statistics import empty
from simulations import loop
from simulations.feedback import rows
from simulations.late import see, wait
from simulations.study import Study

Player = Callable[..., None]
"""Plays a replication: it is given the grid, the outputs (regret, best, allocation) and the streams."""
STREAMS = POLICY, WORLD, REWARD = 0, 1, 2
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


class _Own(threading.local):
    """A thread's three generators: compiled code takes thirty microseconds to get to know a new one."""

    def __init__(self) -> None:
        self.streams = [np.random.Generator(np.random.PCG64(0)) for _ in STREAMS]


_OWN = _Own()


def called(policy: Policy, study: Study) -> tuple[Any, ...]:
    """The compiled functions that the loop calls, in the order of `loop.CALLED`; None for those that it never calls.

    What is not called is not compiled: the weights of some policies take several times as long as all the rest.
    """
    environment = type(study.environment)
    weights = type(policy).weights if reads_propensities(policy) else None
    record = type(policy).record if study.feedback or not plain(policy) else None
    late = (see, wait) if study.feedback else (None, None)
    return type(policy).select, weights, record, environment.advance, environment.draw, *late


def kernels(study: Study) -> dict[Any, Any]:
    """The compiled functions that a study runs, with their signatures."""
    found: dict[Any, Any] = {}
    for policy in study.policies:
        found |= dict(zip(called(policy, study), loop.CALLED, strict=True))
    return {function: signature for function, signature in found.items() if function is not None}


def reads_propensities(policy: Policy) -> bool:
    """Whether the policy learns from reward / propensity, so that each decision's exact probability is needed."""
    return policy.reads_propensities


def plain(policy: Policy) -> bool:
    """Whether `record` adds no more than all policies read, which the loop does by itself."""
    return type(policy).record is Policy.record and not policy.contextual


def run(block: Block) -> Played:
    """Plays the block's replications, on one core."""
    study, grid = block.study, block.grid
    if study.through == "engine":
        from simulations.served import play as serve

        players: list[Player] = [partial(serve, study, policy) for policy in study.policies]
    else:
        loop.prepare(kernels(study))
        players = [_player(study, policy) for policy in study.policies]
    replications, arms = block.last - block.first, study.environment.arms
    shape = (len(players), replications, len(grid))
    regret, best = np.zeros(shape), np.zeros(shape, np.int64)
    allocation = np.zeros((len(players), len(grid), arms), np.int64)
    streams = _OWN.streams
    for index in range(replications):
        begins = [generator(study.seed, block.first + index, stream).bit_generator.state for stream in STREAMS]
        for number, player in enumerate(players):
            for stream, state in zip(streams, begins, strict=True):
                stream.bit_generator.state = state
            player(grid, regret[number, index], best[number, index], allocation[number], *streams)
    return Played(block, regret, best, allocation)


def _player(study: Study, policy: Policy) -> Player:
    """What plays one replication with a policy; all that replications have in common is worked out here."""
    environment = study.environment
    arms, play = environment.arms, loop.compiled()
    addresses = tuple(
        0 if function is None else address(function, signature)
        for function, signature in zip(called(policy, study), loop.CALLED, strict=True)
    )
    params, world = _numbers(policy.parameters(np.full(arms, 1.0 / arms))), _numbers(environment.parameters())
    sums = empty(arms, environment.dimension if policy.contextual else 0)
    settings = (
        environment.stationary,
        reads_propensities(policy),
        plain(policy),
        1.0 if policy.half_life is None else 2.0 ** (-1.0 / policy.half_life),
        environment.origin,
    )
    feedback, features = rows(study.feedback), environment.features

    def player(*outputs: Any) -> None:
        play(addresses, params, world.copy(), feedback, sums.copy(), np.zeros(features), *settings, *outputs)

    return player


def _numbers(given: Any) -> Array:
    """What a class of the user's may have written as whole numbers or as a list, for a loop that takes it as it is."""
    return np.ascontiguousarray(given, np.float64).ravel()
