"""Environments drawn from a prior, anew in every replication, so that regret is averaged over worlds too.

Within a replication every policy meets the same world. The kernels keep what they drew in `params`.
"""

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from policies.kernel import Array, kernel
from simulations.contextual import MOST_FEATURES, linear_draw
from simulations.environment import Environment, Rewards
from simulations.signatures import ADVANCE
from simulations.stationary import MOST_ARMS, bernoulli_draw

Choices = Annotated[int, Field(ge=2, le=MOST_ARMS, description="Arms.")]


@kernel(ADVANCE)
def random_bernoulli_advance(_t: float, params: Array, rng: np.random.Generator, _context: Array, means: Array) -> None:
    """Beta draws; params are a and b. Asked for once, at step 0, since the means then hold."""
    for arm in range(means.shape[0]):
        means[arm] = rng.beta(params[0], params[1])


@kernel(ADVANCE)
def random_linear_advance(t: float, params: Array, rng: np.random.Generator, context: Array, means: Array) -> None:
    """Standard normal features, and theta of every arm, drawn at step 0; params are the noise, then room for theta."""
    size = context.shape[0]
    if t == 0.0:
        for i in range(1, params.shape[0]):
            params[i] = rng.standard_normal()
    for i in range(size):
        context[i] = rng.standard_normal()
    for arm in range(means.shape[0]):
        total = 0.0
        for i in range(size):
            total += params[1 + arm * size + i] * context[i]
        means[arm] = total


class Drawn(Environment):
    """Base class: so many arms, of which nothing else is fixed."""

    choices: Any = None

    @property
    def arms(self) -> int:
        """As given."""
        return int(self.choices)


class RandomBernoulli(Drawn):
    """Rewards of 0 and 1; the probabilities of the arms are independent draws from Beta(a, b)."""

    advance = staticmethod(random_bernoulli_advance)
    draw = staticmethod(bernoulli_draw)
    rewards: ClassVar[Rewards] = "binary"
    stationary: ClassVar[bool] = True

    name: Literal["random_bernoulli"] = "random_bernoulli"
    choices: Choices
    a: float = Field(default=1.0, gt=0.0, description="First parameter of the Beta prior.")
    b: float = Field(default=1.0, gt=0.0, description="Second parameter; 1 and 1 are the uniform distribution.")

    def parameters(self) -> Array:
        """The two of the prior."""
        return np.array([self.a, self.b])


class RandomLinear(Drawn):
    """Normal rewards whose mean is linear in one context for all arms, of standard normal features and no constant.

    The coefficients of every arm are independent standard normal draws.
    """

    advance = staticmethod(random_linear_advance)
    draw = staticmethod(linear_draw)
    rewards: ClassVar[Rewards] = "any"

    name: Literal["random_linear"] = "random_linear"
    choices: Choices
    size: int = Field(ge=1, le=MOST_FEATURES, description="Features of the context.")
    sd: float = Field(default=1.0, gt=0.0, description="Standard deviation of one reward, given the context.")

    @property
    def dimension(self) -> int:
        """The features of the context."""
        return self.size

    def parameters(self) -> Array:
        """Noise, and room for the coefficients."""
        return np.array([self.sd, *[0.0] * (self.choices * self.size)])
