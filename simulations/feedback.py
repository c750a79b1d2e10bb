"""When a reward is seen: late, in batches, or never; wrappers of any environment.

Feedback turns the step at which a reward would be seen into a later one. Several are applied in the order given: the
first is nearest to the environment.
"""

import math
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from policies.kernel import Array, kernel

FIXED, EXPONENTIAL, BATCHED, MISSING = 0, 1, 2, 3


@kernel
def arrival(at: float, feedback: Array, rng: np.random.Generator) -> float:
    """The step before whose decision a reward is seen that was due at step `at`; inf where it never is.

    `feedback`, shape (wrappers, 2), holds a kind and its parameter in each row.
    """
    for row in range(feedback.shape[0]):
        kind, parameter = int(feedback[row, 0]), feedback[row, 1]
        if kind == FIXED:
            at += parameter
        elif kind == EXPONENTIAL:
            at += math.floor(parameter * rng.standard_exponential())
        elif kind == BATCHED:
            at = math.ceil(at / parameter) * parameter
        elif rng.random() < parameter:
            at = math.inf
    return at


class Feedback(BaseModel):
    """Base class of the wrappers."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    name: str

    def row(self) -> tuple[float, float]:
        """What the kernel `arrival` reads: a kind and its parameter."""
        raise NotImplementedError


class Delayed(Feedback):
    """A reward is seen `steps` decisions later than at once: always, or on average and exponentially distributed."""

    name: Literal["delayed"] = "delayed"
    steps: float = Field(ge=0.0, le=1e9, description="Decisions made in between; a whole number if fixed.")
    distribution: Literal["fixed", "exponential"] = "fixed"

    def row(self) -> tuple[float, float]:
        """Fixed or exponential, and the steps."""
        return (FIXED, math.floor(self.steps)) if self.distribution == "fixed" else (EXPONENTIAL, self.steps)


class Batched(Feedback):
    """Rewards are seen together, whenever the number of decisions is a multiple of `size`."""

    name: Literal["batched"] = "batched"
    size: int = Field(ge=1, le=10**9, description="Decisions in a batch.")

    def row(self) -> tuple[float, float]:
        """The size."""
        return BATCHED, float(self.size)


class Missing(Feedback):
    """A reward is never seen, with a probability that depends on nothing; the decision counts for nothing then."""

    name: Literal["missing"] = "missing"
    probability: float = Field(ge=0.0, le=1.0, description="Share of the rewards that are lost.")

    def row(self) -> tuple[float, float]:
        """The probability."""
        return MISSING, self.probability


def rows(feedback: tuple[Feedback, ...]) -> Array:
    """What the kernel `arrival` reads, shape (wrappers, 2)."""
    return np.array([wrapper.row() for wrapper in feedback], dtype=np.float64).reshape(-1, 2)


FEEDBACK: dict[str, type[Feedback]] = {
    wrapper.model_fields["name"].default: wrapper for wrapper in (Delayed, Batched, Missing)
}
"""Every wrapper by its name."""
