"""The loop that draws an experiment's arms: the very policy, its floor and its holdout, with random numbers of its own.

It takes what every trial would earn, and when its reward is known, and gives which arms are drawn. With one outcome a
trial it replays an experiment under the hypothesis that the arm made no difference; with one for each arm it simulates
one.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numba import boolean, float64, int64, types

from bandit.statistics.mechanism import Calendar, Indices, Mechanism
from policies import COLUMNS, COUNT, SELECT, SQUARES, SUM, WEIGHTS, Policy, cache
from policies.choice import draw
from policies.kernel import Array, kernel
from policies.record import add_trial

DRAWN = (
    types.FunctionType(SELECT),
    types.FunctionType(WEIGHTS),
    float64[::1],  # params
    float64[::1],  # base
    float64,  # floor
    float64,  # holdout
    boolean,  # exact
    float64[:, ::1],  # outcomes
    int64[::1],  # ends
    int64[::1],  # order
    int64[::1],  # known
    int64[::1],  # given
    int64[::1],  # free
    types.npy_rng,  # rng
)
"""What says how to draw; see `arguments`."""
LARGE = 50
"""Trials an epoch from which on drawing from the exact weights is faster than asking the policy to draw."""
REPLAY = float64(*DRAWN, float64[:, :, ::1], float64[:, ::1])


@dataclass(frozen=True)
class Replayed:
    """What was drawn.

    Attributes:
        sums: Trials, sum of the outcomes and of their squares, by epoch and arm, shape (epochs, arms, 3).
        probabilities: Of drawing each arm, shape (epochs, arms).
        log_weight: The logarithm of the probability of the arms that were given.
    """

    sums: Array
    probabilities: Array
    log_weight: float


def run(
    mechanism: Mechanism,
    calendar: Calendar,
    outcomes: Array,
    rng: np.random.Generator,
    given: Indices | None = None,
) -> Replayed:
    """Draws the arms of an experiment once, with exact probabilities.

    Args:
        mechanism: How.
        calendar: When.
        outcomes: What every trial earns, as the policy sees it, with each arm or whatever its arm, shape (trials, arms)
            or (trials, 1).
        rng: For the draws.
        given: For each trial its arm, or -1 where it is to be drawn; None for drawing all.
    """
    arms, epochs = len(mechanism.base), calendar.ends.size
    sums, probabilities = np.zeros((epochs, arms, 3)), np.zeros((epochs, arms))
    ready(mechanism.policy, (replay, REPLAY))
    drawn = arguments(mechanism, calendar, outcomes, rng, given, exact=True)
    return Replayed(sums, probabilities, replay(*drawn, sums, probabilities))


def arguments(
    mechanism: Mechanism,
    calendar: Calendar,
    outcomes: Array,
    rng: np.random.Generator,
    given: Indices | None = None,
    free: tuple[int, ...] = (),
    *,
    exact: bool = False,
) -> tuple[Any, ...]:
    """What the loop begins with, in the order of `DRAWN`.

    Args:
        mechanism: How arms are drawn.
        calendar: When.
        outcomes: As `run` has them.
        rng: For the draws.
        given: As `run` has it.
        free: The arms among which the others are drawn, in proportion to their probabilities; all if none are named.
        exact: Whether probabilities are needed; otherwise the policy may draw by itself.
    """
    policy, base = mechanism.policy, np.array(mechanism.base)
    large = outcomes.shape[0] >= LARGE * calendar.ends.size
    return (
        policy.select,
        policy.weights,
        policy.parameters(base),
        base,
        mechanism.floor,
        mechanism.holdout,
        exact or large or given is not None or policy.reads_propensities,
        np.ascontiguousarray(outcomes, np.float64),
        calendar.ends,
        calendar.order,
        calendar.known,
        np.full(outcomes.shape[0], -1) if given is None else given,
        np.array(free, np.int64) if free else np.arange(base.size),
        rng,
    )


@kernel
def _any_arm(base: Array, floor: float, holdout: float, rng: np.random.Generator) -> int:
    """The arm that holdout or floor give a trial, or -1 where the policy is to draw it."""
    if holdout > 0.0 and rng.random() < holdout:
        return int(draw(base, rng))
    if floor > 0.0:
        place = rng.random() / floor
        if place < base.shape[0]:
            return int(place)
    return -1


def _replay(
    select: Callable[..., int],
    weights: Callable[..., None],
    params: Array,
    base: Array,
    floor: float,
    holdout: float,
    exact: bool,
    outcomes: Array,
    ends: Indices,
    order: Indices,
    known: Indices,
    given: Indices,
    free: Indices,
    rng: np.random.Generator,
    sums: Array,
    probabilities: Array,
) -> float:
    arms, trials = base.shape[0], outcomes.shape[0]
    stats, context = np.zeros((arms, COLUMNS)), np.empty(0)
    chance, among = np.empty(arms), np.empty(free.shape[0])
    drawn, propensity = np.empty(trials, np.int64), np.ones(trials)
    begun, told, learnt, log_weight = 0, 0, 0.0, 0.0
    for epoch in range(ends.shape[0]):
        while told < trials and known[order[told]] <= epoch:
            trial = order[told]
            arm = drawn[trial]
            add_trial(stats[arm], outcomes[trial, arm if outcomes.shape[1] > 1 else 0], propensity[trial], 1.0)
            learnt += 1.0
            told += 1
        # Who needs nothing by epoch gives room for one.
        row = min(epoch, sums.shape[0] - 1)
        share = 1.0
        if exact:
            weights(stats, context, learnt, params, chance)
            for arm in range(arms):
                chance[arm] = holdout * base[arm] + (1.0 - holdout) * (floor + (1.0 - arms * floor) * chance[arm])
                probabilities[min(epoch, probabilities.shape[0] - 1), arm] = chance[arm]
            share = 0.0
            for place in range(free.shape[0]):
                share += chance[free[place]]
            for place in range(free.shape[0]):
                among[place] = chance[free[place]] / share
        for trial in range(begun, ends[epoch]):
            if given[trial] >= 0:
                arm = given[trial]
                log_weight += np.log(chance[arm])
            elif exact:
                arm = free[draw(among, rng)]
                if free.shape[0] < arms:
                    log_weight += np.log(share)
            else:
                arm = _any_arm(base, floor, holdout, rng)
                if arm < 0:
                    arm = select(stats, context, learnt, params, rng)
            drawn[trial] = arm
            if exact:
                propensity[trial] = chance[arm]
            outcome = outcomes[trial, arm if outcomes.shape[1] > 1 else 0]
            sums[row, arm, COUNT] += 1.0
            sums[row, arm, SUM] += outcome
            sums[row, arm, SQUARES] += outcome * outcome
        begun = ends[epoch]
    return log_weight


replay: Any = numba.njit(error_model="numpy", nogil=True)(_replay)
"""The loop: `DRAWN`, then room for what `Replayed` holds. Returns the logarithm of the weight."""
cache.keep(replay, _replay)
_COMPILING = threading.Lock()
_READY: set[Any] = set()


def ready(policy: Policy, *loops: tuple[Any, Any]) -> None:
    """Makes loops, given with their signatures, and a policy's kernels ready to run: from the disk, or compiled now."""
    kernels: tuple[tuple[Any, Any], ...] = ((policy.select, SELECT), (policy.weights, WEIGHTS))
    with _COMPILING:
        for loop, signature in loops:
            if not loop.signatures:
                loop.compile(signature)
                loop.disable_compile()
        for function, signature in kernels:
            if function not in _READY:  # to be told so by the compiler costs a millisecond
                function.compile(signature)
                _READY.add(function)
