"""Whether trials reached the variants as they were drawn: their numbers, and those that were expected."""

import math
from collections.abc import Callable

import numpy as np

from bandit.distributions import Distributions
from bandit.running import Running
from bandit.statistics import quality, sample_ratio
from bandit.statistics.comparison import Refused
from bandit.statistics.finding import Finding
from bandit.store import Reader
from policies.kernel import Array

EVERY_EPOCH = 1 << 62

Test = Callable[[Array, Array], sample_ratio.SampleRatio]


def independent(running: Running) -> bool:
    """Whether trials are drawn independently, so that their numbers can be held against what was expected.

    Those of a unit that keeps its variant are not, where it has several; nor are a control's shadows.
    """
    experiment = running.experiment
    drawn_again = experiment.sticky_for is not None and running.hashed  # and alike, by the same hash
    several = experiment.sticky and (experiment.trial == "decision" or drawn_again)
    return experiment.type != "shadow" and not several


def fresh_until(running: Running, distributions: Distributions) -> float:
    """The epoch from which on trials are no fresh draws: where a hash assigns, new weights move units by it."""
    return distributions.changed_at if running.hashed else math.inf


def by_epoch(reader: Reader, running: Running) -> tuple[Array, Array]:
    """Trials that were fresh draws, and how many were expected, shape (epochs, arms), without reading the log."""
    until = fresh_until(running, Distributions(reader, running))
    rows = np.array(reader.spread(running.id, EVERY_EPOCH), np.float64).reshape(-1, 6)
    rows = rows[rows[:, 0] < until]
    epochs, at = np.unique(rows[:, 0], return_inverse=True)
    found = np.zeros((2, len(epochs), len(running.keys)))
    found[:, at, rows[:, 2].astype(np.int64)] = rows[:, 4:].T
    return found[0], found[1]


def mismatch(running: Running, draws: tuple[Array, Array], test: Test) -> Finding | None:
    """A finding where trials did not reach the variants as they were drawn; None too where that cannot be told.

    Args:
        running: The experiment.
        draws: Trials, and how many were expected, shape (distributions or epochs, arms).
        test: Of `sample_ratio`.
    """
    observed, expected = draws
    drawn = np.flatnonzero(expected.sum(axis=0)).tolist()  # those that are served no more too: they once were
    try:
        ratio = test(observed[:, drawn], expected[:, drawn])
    except (Refused, ValueError):
        return None  # too few units to tell
    return quality.sample_ratio([running.keys[arm] for arm in drawn], ratio)
