"""The signatures of an environment's two kernels, so that one compiled loop runs them all.

A function pointer with a written signature is an ordinary argument to compiled code: the loop is compiled once, and
runs every policy and environment, those of its users among them.
"""

from typing import Protocol

import numpy as np
from numba import float64, int64, types
from numba.core.typing.templates import Signature

from policies.kernel import PARAMETERS, Array

ADVANCE: Signature = types.void(float64, float64[::1], types.npy_rng, float64[::1], float64[::1])
"""`advance(t, params, rng, context, means)` writes the features of step t and the expected reward of every arm."""

DRAW: Signature = float64(float64, int64, float64, float64[::1], types.npy_rng)
"""`draw(mean, arm, t, params, rng)` returns the reward of an arm whose expected reward is `mean`."""

# `policies.kernel.kernel` checks a function's parameters against this table.
PARAMETERS[ADVANCE] = ("t", "params", "rng", "context", "means")
PARAMETERS[DRAW] = ("mean", "arm", "t", "params", "rng")


class Advance(Protocol):
    """Moves the world to step t.

    `t` counts the steps from 0. `means`, shape (arms,), gets the expected reward of every arm; it holds what the call
    of the step before wrote, so that a random walk needs no other memory. `context`, shape (dimension,), gets the
    features that a contextual policy reads. `params` is the run's own copy, for what has to be remembered else. `rng`
    belongs to the world: every policy of a replication meets the same one.
    """

    def __call__(  # noqa: D102
        self, t: float, params: Array, rng: np.random.Generator, context: Array, means: Array, /
    ) -> None: ...


class Draw(Protocol):
    """Returns one reward with the given mean.

    Where the number of draws taken from `rng` does not depend on the arm, the rewards of all policies of a replication
    come from the same random numbers at every step, and differences between policies have less noise.
    """

    def __call__(  # noqa: D102
        self, mean: float, arm: int, t: float, params: Array, rng: np.random.Generator, /
    ) -> float: ...
