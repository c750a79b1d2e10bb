"""How an experiment draws its arms, and when it learns what they earned: all that drawing them again needs."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from policies import Policy

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Mechanism:
    """How arms are drawn: p = h b + (1 - h) (f + (1 - K f) w), w being the policy's weights.

    Attributes:
        policy: Whose weights.
        base: b, the configured weights, shape (arms,), summing to one.
        floor: f.
        holdout: h.

    Raises:
        ValueError: The policy forgets or reads a context: what it would have done does not follow from rewards alone.
            Or a number is out of its range.
    """

    policy: Policy
    base: tuple[float, ...]
    floor: float = 0.0
    holdout: float = 0.0

    def __post_init__(self) -> None:
        if self.policy.contextual or self.policy.half_life is not None:
            what = "reads a context" if self.policy.contextual else "forgets"
            raise ValueError(f"policy: {self.policy.name} {what}, and cannot be replayed from rewards alone")
        if len(self.base) < 2 or min(self.base) < 0.0 or abs(sum(self.base) - 1.0) > 1e-9:
            raise ValueError(f"base: {self.base} given, must be two or more numbers from 0 that sum to 1")
        if not 0.0 <= self.floor <= 1.0 / len(self.base) + 1e-12:
            raise ValueError(f"floor: {self.floor:g} given, must lie from 0 to 1 / {len(self.base)} arms")
        if not 0.0 <= self.holdout <= 1.0:
            raise ValueError(f"holdout: {self.holdout:g} given, must lie from 0 to 1")

    @property
    def least(self) -> float:
        """The least probability that any arm can be given."""
        return self.holdout * min(self.base) + (1.0 - self.holdout) * self.floor

    @classmethod
    def even(cls, policy: Policy, arms: int, floor: float = 0.0) -> "Mechanism":
        """One whose arms are configured alike."""
        return cls(policy, (1.0 / arms,) * arms, floor)


@dataclass(frozen=True)
class Calendar:
    """When trials were decided and their rewards known.

    Attributes:
        ends: For each epoch, how many trials were decided by its end, shape (epochs,).
        known: For each trial, the first epoch whose weights could know its reward, shape (trials,).
    """

    ends: Indices
    known: Indices

    @cached_property
    def order(self) -> Indices:
        """The trials in the order in which their rewards were known."""
        return np.argsort(self.known, kind="stable")

    @cached_property
    def epochs(self) -> Indices:
        """The epoch of each trial."""
        return np.repeat(np.arange(self.ends.size), np.diff(self.ends, prepend=0))

    @classmethod
    def immediate(cls, sizes: Indices) -> "Calendar":
        """The calendar of epochs of these sizes, each of which knows all rewards of those before."""
        return cls(np.cumsum(sizes), np.repeat(np.arange(1, sizes.size + 1), sizes))
