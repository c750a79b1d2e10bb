"""Weights of the trials of each epoch, for scores of data that a bandit collected: decided before the epoch.

A weighted sum of scores is normal in the limit if each epoch's part of its variance is what was decided before it; what
is left for the last epoch is what all others before it left.

Source: Hadad, Hirshberg, Zhan, Wager and Athey, "Confidence intervals for policy evaluation in adaptive experiments",
PNAS 118, 2021, for `sqrt` (their constant allocation rate) and `two_point`; `common` is ours, by their principle.
"""

from typing import Literal

import numpy as np

from bandit.statistics.pair import Pair
from policies.kernel import Array

Weights = Literal["common", "uniform", "sqrt", "two_point"]

TODAY = 0.5
"""The part of the information that later epochs are assumed to keep of today's; the rest falls to that of the floor."""


def weights_of(pair: Pair, weights: Weights, decay: float = 0.0) -> Array:
    """The weight of a trial of each epoch and arm, up to a factor, shape (..., epochs, 2).

    Args:
        pair: The data.
        weights: Which.
        decay: For `two_point`, how fast the floor fell.

    Raises:
        ValueError: There are no such weights, or `decay` is out of its range.
    """
    match weights:
        case "common":
            return _common(pair)
        case "uniform":
            return np.ones_like(pair.trials)
        case "sqrt":
            return np.sqrt(pair.probabilities)
        case "two_point":
            return _two_point(pair, decay)
    raise ValueError(f"weights: {weights!r} given, must be one of common, uniform, sqrt, two_point")


def _common(pair: Pair) -> Array:
    """What makes each epoch's part of the variance its share of the information, as far as the past could tell."""
    now = pair.sizes * pair.information
    later = _after(pair.sizes) * (TODAY * pair.information + (1.0 - TODAY) * pair.least_information)
    part = _broken(now, now + later)
    sizes = np.maximum(pair.sizes, 1.0)
    return np.repeat((np.sqrt(part * now) / sizes)[..., None], 2, axis=-1)


def _two_point(pair: Pair, decay: float) -> Array:
    """Hadad et al. 2021, with the sums over trials of an epoch in place of single trials."""
    if not 0.0 <= decay < 1.0:
        raise ValueError(f"decay: {decay:g} given, must be 0 or more and below 1")
    sizes = pair.sizes[..., None]
    until = np.cumsum(sizes, axis=-2)
    power = 1.0 - decay
    # If the arm goes on as one that is always drawn, and as one at a floor of t^-decay.
    good = sizes / np.maximum(until[..., -1:, :] - until + sizes, 1.0)
    faded = until**power - (until - sizes) ** power
    bad = faded / np.maximum(until[..., -1:, :] ** power - (until - sizes) ** power, 1e-300)
    part = _broken(pair.probabilities * good + (1.0 - pair.probabilities) * bad, 1.0, axis=-2)
    return np.sqrt(part * pair.probabilities / np.maximum(sizes, 1.0))


def _after(sizes: Array) -> Array:
    """How many trials were still to come after each epoch."""
    found: Array = sizes.sum(axis=-1, keepdims=True) - np.cumsum(sizes, axis=-1)
    return found


def _broken(part: Array, whole: Array | float, axis: int = -1) -> Array:
    """Each epoch's piece of a stick of length 1, of which it breaks off `part / whole` of what is left."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(part > 0.0, part / whole, 0.0)
    left = np.cumprod(1.0 - share, axis=axis)
    before = np.roll(left, 1, axis=axis)
    np.moveaxis(before, axis, 0)[0] = 1.0
    return before * share
