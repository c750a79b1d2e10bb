"""The one compiled loop: any policy against any environment, its kernels given as function pointers."""

import functools
import gc
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
from policies.address import address, at, place
from policies.choice import draw as drawn
from policies.kernel import RECORD, SELECT, WEIGHTS, Array, kernel
from policies.record import add_trial
from simulations.late import SEE, WAIT
from simulations.pending import DUE, FIELDS, grown, nothing
from simulations.signatures import ADVANCE, DRAW

CHUNK = 1024
"""Decisions between two looks at whether the pending rewards have room."""

PLAY = types.void(
    types.UniTuple(int64, 7),  # type: ignore[no-untyped-call]  # addresses
    float64[::1],  # params
    float64[::1],  # world
    float64[:, ::1],  # feedback
    float64[:, ::1],  # stats
    float64[::1],  # context
    boolean,  # stationary
    boolean,  # exact
    boolean,  # plain
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

CALLED = (SELECT, WEIGHTS, RECORD, ADVANCE, DRAW, SEE, WAIT)
"""The functions that the loop calls, by their signatures, in the order of their addresses."""
select_at, weights_at, record_at, advance_at, draw_at, see_at, wait_at = map(at, CALLED)


@kernel
def greatest_of(means: Array) -> float:
    """The greatest of the means."""
    greatest = -math.inf
    for mean in means:
        greatest = max(greatest, mean)
    return greatest


@kernel
def forget(stats: Array, fade: float) -> None:
    """Multiply all sums."""
    for arm in range(stats.shape[0]):
        for column in range(stats.shape[1]):
            stats[arm, column] *= fade


def play(
    addresses: tuple[int, ...],
    params: Array,
    world: Array,
    feedback: Array,
    stats: Array,
    context: Array,
    stationary: bool,
    exact: bool,
    plain: bool,
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
        addresses: Where the functions are, in the order of `CALLED`: the policy's kernels that draw an arm, that write
            their probabilities (used instead where `exact`, and never else) and that add a rewarded decision to the
            sums (never called where `plain`, but for rewards that are not seen at once); the environment's kernels for
            the expected rewards of a step and for a reward; what is done with rewards that are not seen at once, called
            only where there is `feedback`.
        params: What the policy's kernels read.
        world: What the environment's kernels read.
        feedback: When rewards are seen, shape (wrappers, 2); see `simulations.feedback`.
        stats: Sums, shape (arms, COLUMNS or more), updated in place.
        context: Room for the features of a step, shape (features,).
        stationary: Whether the means of step 0 hold for the whole run.
        exact: Whether the propensity of each decision is needed; otherwise 1 stands in for it.
        plain: Whether `record` adds no more than all policies read, so that a third of a fast step can be saved.
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
    select, advance, draw = select_at(addresses[0]), advance_at(addresses[3]), draw_at(addresses[4])
    arms = stats.shape[0]
    means, probabilities, counts = np.empty(arms), np.empty(arms), np.empty(arms, np.int64)
    for arm in range(arms):
        counts[arm] = 0
    entries, order = nothing(CHUNK, FIELDS + context.shape[0])
    # What the kernels are called with: see `policies.address`.
    sums, given, features, model = place(stats), place(params), place(context), place(world)
    deciding, happening, rewarding = place(policy_rng), place(world_rng), place(reward_rng)
    expected, chances, delays = place(means), place(probabilities), place(feedback)
    delayed, fading = feedback.shape[0] > 0, fade < 1.0
    waiting, hits, lost, greatest, propensity, trials, begun = 0, 0, 0.0, 0.0, 1.0, 0.0, 0
    if stationary:
        advance(0.0, model, happening, features, expected)
        greatest = greatest_of(means)
    # Most studies, apart from all that the others need: so it stays in registers, and takes two thirds of the time.
    simple = stationary and plain and not (exact or fading or delayed)
    for point in range(grid.shape[0]):
        while begun < grid[point]:
            ended = min(grid[point], begun + CHUNK)
            # Here and not where a reward is put in: an array that may be replaced is counted at every use.
            while delayed and waiting + ended - begun > order.shape[0]:
                entries, order = grown(entries, order)
            if simple:
                for step in range(begun, ended):
                    arm = select(sums, features, trials, given, deciding)
                    reward = draw(means[arm], arm, float(step), model, rewarding) - origin
                    counts[arm] += 1
                    add_trial(stats[arm], reward, 1.0, 1.0)
                    trials += 1.0
                begun = ended
                continue
            for step in range(begun, ended):
                now = float(step)
                if not stationary:
                    advance(now, model, happening, features, expected)
                    greatest = greatest_of(means)
                if fading:
                    forget(stats, fade)
                    trials *= fade
                while waiting > 0 and entries[order[0], DUE] <= now:
                    trials += see_at(addresses[5])(
                        place(entries), place(order), waiting, now, fade, sums, given, addresses[2]
                    )
                    waiting -= 1

                if exact:
                    weights = weights_at(addresses[1])  # here, because there is none otherwise
                    weights(sums, features, trials, given, chances)
                    arm = drawn(probabilities, policy_rng)
                    propensity = probabilities[arm]
                else:
                    arm = select(sums, features, trials, given, deciding)
                reward = draw(means[arm], arm, now, model, rewarding) - origin
                counts[arm] += 1
                if not stationary:
                    lost += greatest - means[arm]
                    hits += means[arm] == greatest

                if not delayed:
                    if plain:
                        add_trial(stats[arm], reward, propensity, 1.0)
                    else:
                        record_at(addresses[2])(sums, features, arm, reward, propensity, 1.0, given)
                    trials += 1.0
                    continue
                waiting += wait_at(addresses[6])(
                    place(entries), place(order), waiting, now, arm, reward, propensity, features, delays, happening
                )
            begun = ended
        if stationary:
            lost, hits = 0.0, 0
            for arm in range(arms):
                lost += counts[arm] * (greatest - means[arm])
                hits += counts[arm] * (means[arm] == greatest)
        regret[point], best[point] = lost, hits
        for arm in range(arms):
            allocation[point, arm] += counts[arm]


_play: Any = numba.njit(error_model="numpy", nogil=True)(play)
cache.keep(_play, play)


_COMPILING = threading.Lock()


@functools.cache
def compiled() -> Callable[..., None]:
    """The loop as machine code: from the disk, or compiled now, once for all policies and environments."""
    _play.compile(PLAY)
    _play.disable_compile()
    # Not the dispatcher, which looks at the type of each argument first: that takes as long as a few hundred steps.
    loop: Callable[..., None] = _play.overloads[PLAY.args].entry_point
    return loop


def prepare(kernels: Mapping[Any, Any]) -> float:
    """Makes the loop and the kernels (given with their signatures) ready to run; returns the seconds it took.

    What is on the disk is loaded, which takes a tenth of a second. Threads that need the same wait for each other.
    """
    started = time.perf_counter()
    with _COMPILING:
        # The compiler makes many objects that stay: looking for garbage among them takes a tenth of its time.
        collecting = gc.isenabled()
        gc.disable()
        try:
            compiled()
            for function, signature in kernels.items():
                address(function, signature)
        finally:
            if collecting:
                gc.enable()
    return time.perf_counter() - started
