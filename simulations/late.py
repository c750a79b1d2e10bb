"""What the loop does with rewards that are not seen at once, compiled only for studies that have them."""

import math
from typing import Any

import numpy as np
from numba import float64, int64, types
from numba.core.typing.templates import Signature

from policies.address import at, place
from policies.kernel import PARAMETERS, RECORD, Array, kernel
from simulations.feedback import arrival
from simulations.pending import ARM, DECIDED, DUE, FIELDS, PROPENSITY, REWARD, Order, pop, push

SEE: Signature = float64(float64[:, ::1], int64[::1], int64, float64, float64, float64[:, ::1], float64[::1], int64)
WAIT: Signature = int64(
    float64[:, ::1],
    int64[::1],
    int64,
    float64,
    int64,
    float64,
    float64,
    float64[::1],
    float64[:, ::1],
    types.npy_rng,
)
PARAMETERS[SEE] = ("entries", "order", "waiting", "now", "fade", "stats", "params", "record")
PARAMETERS[WAIT] = (
    *("entries", "order", "waiting", "now", "arm", "reward", "propensity", "context", "feedback", "rng"),
)
record_at: Any = at(RECORD)


@kernel(SEE)
def see(
    entries: Array, order: Order, waiting: int, now: float, fade: float, stats: Array, params: Array, record: int
) -> float:
    """Take the first of the rewards that are waiting and add it to the sums; return the weight it has by now."""
    row = pop(entries, order, waiting)
    weight = fade ** (now - entries[row, DECIDED])
    arm, reward, propensity = int(entries[row, ARM]), entries[row, REWARD], entries[row, PROPENSITY]
    context = place(entries[row, FIELDS:])
    record_at(record)(place(stats), context, arm, reward, propensity, weight, place(params))
    return float(weight)


@kernel(WAIT)
def wait(
    entries: Array,
    order: Order,
    waiting: int,
    now: float,
    arm: int,
    reward: float,
    propensity: float,
    context: Array,
    feedback: Array,
    rng: np.random.Generator,
) -> int:
    """Put a reward among those that are waiting; return how many that makes more, 0 where it is never seen."""
    due = arrival(now + 1.0, feedback, rng)
    if due == math.inf:
        return 0
    row = order[waiting]
    entries[row, DUE], entries[row, DECIDED], entries[row, ARM] = due, now, arm
    entries[row, REWARD], entries[row, PROPENSITY] = reward, propensity
    for feature in range(context.shape[0]):
        entries[row, FIELDS + feature] = context[feature]
    push(entries, order, waiting)
    return 1
