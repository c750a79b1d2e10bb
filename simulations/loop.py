"""The one compiled loop: any policy against any environment, its kernels given as function pointers."""

import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import numba
import numpy as np
from numba import boolean, float64, int64, types
from numpy.typing import NDArray

from policies import cache
from policies.choice import draw as drawn
from policies.kernel import SELECT, WEIGHTS, Array, kernel
from policies.statistics import COLUMNS, COUNT, SQUARES, SUM, WEIGHTED
from simulations.feedback import arrival
from simulations.pending import ARM, DECIDED, DUE, FIELDS, PROPENSITY, REWARD, grown, pop, push
from simulations.signatures import ADVANCE, DRAW

FIRST_CAPACITY = 64

PLAY = types.void(
    types.FunctionType(SELECT),
    types.FunctionType(WEIGHTS),
    types.FunctionType(ADVANCE),
    types.FunctionType(DRAW),
    float64[::1],  # params
    float64[::1],  # world
    float64[:, ::1],  # feedback
    float64[:, ::1],  # stats
    float64[::1],  # context
    boolean,  # stationary
    boolean,  # exact
    float64,  # fade
    float64,  # origin
    int64[::1],  # grid
    float64[::1],  # regret
    int64[::1],  # best
    int64[:, ::1],  # allocation
    types.npy_rng,  # policy_rng
    types.npy_rng,  # world_rng
    types.npy_rng,  # reward_rng
)


@kernel
def record(stats: Array, arm: int, reward: float, propensity: float, context: Array, weight: float) -> None:
    """Add a rewarded decision to the sums of its arm; a contextual policy's follow the columns that all have."""
    stats[arm, COUNT] += weight
    stats[arm, SUM] += weight * reward
    stats[arm, SQUARES] += weight * reward * reward
    stats[arm, WEIGHTED] += weight * reward / propensity
    dimension = context.shape[0]
    if stats.shape[1] == COLUMNS:
        return
    for i in range(dimension):
        stats[arm, COLUMNS + i] += weight * reward * context[i]
        for j in range(dimension):
            stats[arm, COLUMNS + dimension * (1 + i) + j] += weight * context[i] * context[j]


def play(
    select: Callable[..., int],
    weights: Callable[..., None],
    advance: Callable[..., None],
    draw: Callable[..., float],
    params: Array,
    world: Array,
    feedback: Array,
    stats: Array,
    context: Array,
    stationary: bool,
    exact: bool,
    fade: float,
    origin: float,
    grid: NDArray[np.int64],
    regret: Array,
    best: NDArray[np.int64],
    allocation: NDArray[np.int64],
    policy_rng: np.random.Generator,
    world_rng: np.random.Generator,
    reward_rng: np.random.Generator,
) -> None:
    """One replication: the policy decides `grid[-1]` times and learns from the rewards it gets to see.

    Args:
        select: The policy's kernel that draws an arm.
        weights: Its kernel that writes their probabilities; used instead where `exact`.
        advance: The environment's kernel for the expected rewards of a step.
        draw: Its kernel for a reward.
        params: What the policy's kernels read.
        world: What the environment's kernels read.
        feedback: When rewards are seen, shape (wrappers, 2); see `simulations.feedback`.
        stats: Sums, shape (arms, COLUMNS or more), updated in place.
        context: Room for the features of a step, shape (dimension,).
        stationary: Whether the means of step 0 hold for the whole run.
        exact: Whether the propensity of each decision is needed; otherwise 1 stands in for it.
        fade: What the sums are multiplied by from one step to the next; 1 never forgets.
        origin: Taken off each reward before it is summed.
        grid: Numbers of decisions after which the outputs are written, ascending.
        regret: Output, shape (points,): the sum over decisions of the greatest mean less that of the chosen arm.
        best: Output, shape (points,): decisions for an arm with the greatest mean.
        allocation: Output, shape (points, arms), added to: decisions for each arm.
        policy_rng: Feeds the policy.
        world_rng: Feeds the world and the delays, so that they are the same for every policy of a replication.
        reward_rng: Feeds the rewards.
    """
    arms = stats.shape[0]
    means, probabilities, counts = np.empty(arms), np.empty(arms), np.zeros(arms, np.int64)
    entries = np.empty((FIRST_CAPACITY, FIELDS + context.shape[0]))
    order = np.arange(FIRST_CAPACITY)
    delayed = feedback.shape[0] > 0
    waiting, point, best_count, lost, greatest, propensity, trials = 0, 0, 0, 0.0, 0.0, 1.0, 0.0
    for step in range(grid[-1]):
        now = float(step)
        if step == 0 or not stationary:
            advance(now, world, world_rng, context, means)
            greatest = means.max()
        if fade < 1.0:
            stats *= fade
            trials *= fade
        while waiting > 0 and entries[order[0], DUE] <= now:
            row = pop(entries, order, waiting)
            waiting -= 1
            entry = entries[row]
            weight = fade ** (now - entry[DECIDED]) if fade < 1.0 else 1.0
            record(stats, int(entry[ARM]), entry[REWARD], entry[PROPENSITY], entry[FIELDS:], weight)
            trials += weight

        if exact:
            weights(stats, context, trials, params, probabilities)
            arm = drawn(probabilities, policy_rng)
            propensity = probabilities[arm]
        else:
            arm = select(stats, context, trials, params, policy_rng)
        reward = draw(means[arm], arm, now, world, reward_rng) - origin

        counts[arm] += 1
        lost += greatest - means[arm]
        if means[arm] == greatest:
            best_count += 1
        if step + 1 == grid[point]:
            regret[point] = lost
            best[point] = best_count
            for each in range(arms):
                allocation[point, each] += counts[each]
            point += 1

        if not delayed:
            record(stats, arm, reward, propensity, context, 1.0)
            trials += 1.0
            continue
        due = arrival(now + 1.0, feedback, world_rng)
        if due < math.inf:
            if waiting == order.shape[0]:
                entries, order = grown(entries, order)
            entry = entries[order[waiting]]
            entry[DUE], entry[DECIDED], entry[ARM], entry[REWARD] = due, now, arm, reward
            entry[PROPENSITY] = propensity
            entry[FIELDS:] = context
            push(entries, order, waiting)
            waiting += 1


_play: Any = numba.njit(error_model="numpy", nogil=True)(play)
cache.keep(_play, play)


_COMPILING = threading.Lock()


def compiled() -> Callable[..., None]:
    """The loop as machine code: from the disk, or compiled now, once for all policies and environments."""
    if not _play.signatures:
        _play.compile(PLAY)
        _play.disable_compile()
    loop: Callable[..., None] = _play
    return loop


def prepare(kernels: Mapping[Any, Any]) -> float:
    """Makes the loop and the kernels (given with their signatures) ready to run; returns the seconds it took.

    What is on the disk is loaded, which takes a tenth of a second. Threads that need the same wait for each other.
    """
    started = time.perf_counter()
    with _COMPILING:
        compiled()
        for function, signature in kernels.items():
            function.compile(signature)
    return time.perf_counter() - started
