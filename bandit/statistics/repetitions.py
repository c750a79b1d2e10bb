"""Many replays of an experiment, and what two arms show in each."""

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import float64, int64

from bandit.statistics.mechanism import Calendar, Indices, Mechanism
from bandit.statistics.replay import DRAWN, REPLAY, arguments, ready, replay
from policies import COUNT, SQUARES, SUM, cache
from policies.kernel import Array, kernel

REPEAT = int64(*DRAWN, int64, int64, float64, float64, float64, int64, float64[:, ::1])


@kernel
def studentised(treatment: Array, control: Array) -> float:
    """The difference of two means in standard errors, from count, sum and squares; 0 where an arm has no trial.

    The variance is that of all values of both arms, as if the arm made no difference.
    """
    if treatment[COUNT] == 0.0 or control[COUNT] == 0.0:
        return 0.0
    number, total = treatment[COUNT] + control[COUNT], treatment[SUM] + control[SUM]
    squares = treatment[SQUARES] + control[SQUARES]
    variance = max(squares - total * total / number, 0.0) / max(number - 1.0, 1.0)
    error = math.sqrt(variance * number / (treatment[COUNT] * control[COUNT]))
    if error == 0.0:
        return 0.0
    return float((treatment[SUM] / treatment[COUNT] - control[SUM] / control[COUNT]) / error)


def repeat(
    mechanism: Mechanism,
    calendar: Calendar,
    outcomes: Array,
    rng: np.random.Generator,
    treatment: int,
    control: int,
    *,
    repetitions: int,
    sides: tuple[float, float] = (1.0, -1.0),
    threshold: float = math.inf,
    enough: int = 1,
    given: Indices | None = None,
) -> Array:
    """Draws the arms of an experiment many times, and compares two of them each time.

    Args:
        mechanism: How arms are drawn.
        calendar: When.
        outcomes: What every trial earns whatever its arm, shape (trials, 1).
        rng: For the draws.
        treatment: Its place among the arms.
        control: Its place.
        repetitions: How often.
        sides: The comparison is the greater of the studentised difference times each of these.
        threshold: What a comparison reaches or does not.
        enough: It ends when so many have reached the threshold.
        given: For each trial its arm, or -1 where one of the two is to be drawn; None for drawing all of all arms.

    Returns:
        The comparison and the logarithm of the weight of each repetition, shape (repetitions, 2).
    """
    out = np.empty((repetitions, 2))
    ready(mechanism.policy, (replay, REPLAY), (_repeat, REPEAT))
    drawn = arguments(mechanism, calendar, outcomes, rng, given, () if given is None else (treatment, control))
    side, other = map(float, sides)
    made = _repeat(*drawn, treatment, control, side, other, float(threshold), enough, out)
    return out[:made]


def _again(
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
    treatment: int,
    control: int,
    side: float,
    other_side: float,
    threshold: float,
    enough: int,
    out: Array,
) -> int:
    sums, probabilities = np.zeros((1, base.shape[0], 3)), np.zeros((1, base.shape[0]))
    reached = 0
    for repetition in range(out.shape[0]):
        sums[:] = 0.0
        out[repetition, 1] = replay(
            select,
            weights,
            params,
            base,
            floor,
            holdout,
            exact,
            outcomes,
            ends,
            order,
            known,
            given,
            free,
            rng,
            sums,
            probabilities,
        )
        difference = studentised(sums[0, treatment], sums[0, control])
        out[repetition, 0] = max(side * difference, other_side * difference)
        if out[repetition, 0] >= threshold:
            reached += 1
            if reached >= enough:
                return repetition + 1
    return int(out.shape[0])


_repeat: Any = numba.njit(error_model="numpy", nogil=True)(_again)
cache.keep(_repeat, _again)
