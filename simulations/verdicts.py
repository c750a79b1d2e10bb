"""What tests of a treatment against a control say of many experiments at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bandit.statistics.epochs import Epochs
from bandit.statistics.mechanism import Mechanism
from policies.kernel import Array

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Experiments:
    """Experiments that were collected alike.

    Attributes:
        epochs: What was collected, with an axis for them in front.
        mechanism: How.
        effect: The true difference of the treatment from the control.
        alpha: Of the tests.
        seed: Of the study.
        first: The number of the first of them.
    """

    epochs: Epochs
    mechanism: Mechanism
    effect: float
    alpha: float
    seed: int
    first: int

    @property
    def number(self) -> int:
        """How many there are."""
        return int(self.epochs.trials.shape[0])

    @property
    def units(self) -> Array:
        """How many there are by the end of each epoch, shape (experiments, epochs)."""
        return np.cumsum(self.epochs.trials.sum(axis=-1), axis=-1)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What a test says of each experiment, all of shape (experiments,).

    Attributes:
        rejected: Whether there is no effect is rejected; False where it refuses.
        refused: Whether it refuses the data.
        units: After how many it stopped.
        covered: Whether its intervals have the true effect; None where it has no interval, or none is computed here.
    """

    rejected: Flags
    refused: Flags
    units: Array
    covered: Flags | None = None


def joined(parts: list[Verdicts]) -> Verdicts:
    """The verdicts of all."""
    covered = [part.covered for part in parts if part.covered is not None]
    return Verdicts(
        np.concatenate([part.rejected for part in parts]),
        np.concatenate([part.refused for part in parts]),
        np.concatenate([part.units for part in parts]),
        np.concatenate(covered) if covered else None,
    )


def either(first: Verdicts, second: Verdicts) -> Verdicts:
    """Those of the first, and of the second where the first refuses."""
    take = first.refused
    covered = None
    if first.covered is not None and second.covered is not None:
        covered = np.where(take, second.covered, first.covered)
    return Verdicts(
        np.where(take, second.rejected, first.rejected),
        np.where(take, second.refused, False),
        np.where(take, second.units, first.units),
        covered,
    )
