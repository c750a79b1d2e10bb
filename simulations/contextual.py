"""Environments whose rewards depend on a context, which is drawn anew at every step."""

import math
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from policies.kernel import Array, kernel
from simulations.changing import Row
from simulations.environment import Environment, Rewards
from simulations.signatures import ADVANCE, DRAW
from simulations.stationary import MOST_ARMS, bernoulli_draw

MOST_FEATURES = 1000


@kernel
def score(params: Array, rng: np.random.Generator, context: Array, out: Array) -> None:
    """Draw the features and write x^T theta of every arm; params are noise, rows, features, then the rows of theta.

    The first feature is 1, the others are standard normal. One row serves all arms, each with features of its own;
    several rows are one an arm, of features that all share.
    """
    rows, size = int(params[1]), int(params[2])
    for i in range(context.shape[0]):
        context[i] = 1.0 if i % size == 0 else rng.standard_normal()
    for arm in range(out.shape[0]):
        row, first = (0, arm * size) if rows == 1 else (arm, 0)
        total = 0.0
        for i in range(size):
            total += params[3 + row * size + i] * context[first + i]
        out[arm] = total


@kernel(ADVANCE)
def linear_advance(_t: float, params: Array, rng: np.random.Generator, context: Array, means: Array) -> None:
    """Means are the scores."""
    score(params, rng, context, means)


@kernel(ADVANCE)
def logistic_advance(_t: float, params: Array, rng: np.random.Generator, context: Array, means: Array) -> None:
    """Means are the probabilities whose log odds are the scores."""
    score(params, rng, context, means)
    for arm in range(means.shape[0]):
        means[arm] = 1.0 / (1.0 + math.exp(-means[arm]))


@kernel(DRAW)
def linear_draw(mean: float, _arm: int, _t: float, params: Array, rng: np.random.Generator) -> float:
    """Normal; the first parameter is the standard deviation."""
    return float(mean + params[0] * rng.standard_normal())


class Contextual(Environment):
    """Base class: a context of one constant feature, for the intercept, and standard normal ones.

    With several rows of coefficients the context is one for all arms, and each arm has its row (disjoint models). With
    a single row each of `choices` arms has features of its own, and all have the same coefficients (a shared model).
    """

    coefficients: Annotated[tuple[Row, ...], Field(min_length=1, max_length=MOST_ARMS, strict=False)] = Field(
        description="A row for each arm, the intercept first; or one row, for arms with features of their own."
    )
    choices: int | None = Field(default=None, ge=2, le=MOST_ARMS, description="Arms, where there is a single row.")

    @property
    def arms(self) -> int:
        """One a row, or `choices`."""
        return self.choices or len(self.coefficients)

    @property
    def dimension(self) -> int:
        """The length of a row."""
        return len(self.coefficients[0])

    @property
    def features(self) -> int:
        """One set for all arms, or one for each."""
        return self.dimension if self.choices is None else self.choices * self.dimension

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        size = len(self.coefficients[0])
        if not 1 <= size <= MOST_FEATURES or any(len(row) != size for row in self.coefficients):
            raise ValueError(f"coefficients: the rows must all have the same number of features, 1 to {MOST_FEATURES}")
        if (len(self.coefficients) == 1) != (self.choices is not None):
            raise ValueError(
                f"choices: {self.choices} given with {len(self.coefficients)} rows of coefficients, must be the number "
                "of arms with a single row and left out with several"
            )
        return self

    def parameters(self) -> Array:
        """Noise, number of rows, number of features, the rows."""
        rows = [value for row in self.coefficients for value in row]
        noise = getattr(self, "sd", math.nan)
        return np.array([noise, len(self.coefficients), self.dimension, *rows], dtype=np.float64)


class Linear(Contextual):
    """Normal rewards whose mean is linear in the features."""

    advance = staticmethod(linear_advance)
    draw = staticmethod(linear_draw)
    rewards: ClassVar[Rewards] = "any"

    name: Literal["linear"] = "linear"
    sd: float = Field(default=1.0, gt=0.0, description="Standard deviation of one reward, given the context.")


class Logistic(Contextual):
    """Rewards of 0 and 1 whose log odds are linear in the features."""

    advance = staticmethod(logistic_advance)
    draw = staticmethod(bernoulli_draw)
    rewards: ClassVar[Rewards] = "binary"

    name: Literal["logistic"] = "logistic"
