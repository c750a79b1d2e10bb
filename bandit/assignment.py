"""Who gets what: weighted rendezvous hashing for fixed splits, exact propensities for every draw.

A fixed split is recomputable in any language from the salt, the unit and the variants' keys and weights:

1. `seed` = the first 8 bytes, big-endian, of SHA-256 of the UTF-8 text `salt + "/" + unit`.
2. For each variant, `mark` = the first 8 bytes, big-endian, of SHA-256 of its key, and
   `z` = SplitMix64's finaliser of `seed XOR mark` (Steele, Lea and Flood 2014, with its usual constants).
3. `u = ((z >> 11) + 0.5) / 2**53`, and the variant with the least `-ln(u) / weight` wins.

The `u` are independent and uniform, so `-ln(u) / weight` is exponential with rate `weight` and a variant wins with
exactly its share of the weights (Thaler and Ravishankar 1998; Schindelhauer and Schomaker 2005 for weights). Since no
variant's score depends on another, a change of weights moves only the units that must move.

Who takes part at all is another hash, `share`: with `seed` as above, of a salt of its own, and `z` SplitMix64's
finaliser of `seed`, the share is `(z >> 11) / 2**53`. A unit is in a percentage where its share is less than
percentage / 100.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from hashlib import sha256
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from policies.kernel import Array, kernel

_MASK = 0xFFFFFFFFFFFFFFFF
Marks = NDArray[np.uint64]


@lru_cache(4096)  # ten thousand flags have variants of the same few keys
def mark(key: str) -> int:
    """The 64 bits by which a variant's key enters the hash."""
    return int.from_bytes(sha256(key.encode()).digest()[:8])


def marks_of(keys: Iterable[str]) -> Marks:
    """The marks of variants, as `rendezvous` takes them."""
    return np.array([mark(key) for key in keys], dtype=np.uint64)


def rendezvous(salt: str, unit: str, marks: Marks, weights: Array) -> int:
    """The index of the variant that `unit` is assigned.

    Args:
        salt: What makes this split independent of every other.
        unit: Who is assigned.
        marks: `marks_of` the variants' keys.
        weights: Their weights, float64, 0 or more, of any scale; a variant of weight 0 is never assigned.
    """
    seed = int.from_bytes(sha256(f"{salt}/{unit}".encode()).digest()[:8], signed=True)  # as compiled code takes it
    winner: int = _nearest(seed, marks, weights)
    return winner


@kernel
def _nearest(seed: int, marks: Marks, weights: Array) -> int:
    """The index of the least score; compiled, because in Python each variant costs a microsecond."""
    winner, least = -1, math.inf
    for index in range(weights.shape[0]):
        if weights[index] > 0.0:
            z = np.uint64(seed) ^ marks[index]
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z ^= z >> np.uint64(31)
            score = -math.log((np.float64(z >> np.uint64(11)) + 0.5) / 9007199254740992.0) / weights[index]
            if score < least:
                winner, least = index, score
    return winner


def share(salt: str, unit: str) -> float:
    """A unit's place in [0, 1) under a salt: uniform over units, and independent between salts.

    Every share of units is taken by it: a percentage of traffic, a slice of a layer, a holdout. What is below a bound
    stays below a greater one, so a percentage that grows only ever adds units.
    """
    z = int.from_bytes(sha256(f"{salt}/{unit}".encode()).digest()[:8])
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return ((z ^ (z >> 31)) >> 11) / 9007199254740992.0


class Allocation:
    """The exact distribution over arms that an epoch draws from, for one set of eligible arms.

    With `n` eligible arms the learnt weights `w` become `f + (1 - n f) w`: an additive floor, because clipping and
    renormalising would bias the allocation. A share `holdout` of the draws takes the configured weights instead.

    Args:
        weights: The policy's weights over all arms; those of eligible arms need not sum to one.
        base: The configured weights over all arms; an arm of base weight 0 is never eligible.
        eligible: Indexes of the arms that may be drawn.
        floor: Least probability of an eligible arm, at most 1 / n.
        holdout: Share of draws that ignores what was learnt.
    """

    __slots__ = ("_base", "_cumulative", "eligible", "holdout", "probabilities", "weights")

    def __init__(
        self, weights: Sequence[float], base: Sequence[float], eligible: Sequence[int], floor: float, holdout: float
    ) -> None:
        every, spread = len(eligible) == len(base), 1.0 - len(eligible) * floor
        learnt = _normalised(weights if every else _only(weights, eligible))
        floored = [floor + spread * weight for weight in learnt]
        if not every:
            floored = _only(floored, eligible)
        self.weights = weights
        self.eligible = tuple(eligible)
        self.holdout = holdout
        self.probabilities = floored
        self._cumulative = _cumulative(floored)
        if holdout:
            configured = _normalised(_only(base, eligible))
            self.probabilities = [holdout * b + (1.0 - holdout) * f for b, f in zip(configured, floored, strict=True)]
            self._base = _cumulative(configured)

    def draw(self, uniform: Callable[[], float]) -> tuple[int, bool]:
        """An arm, and whether the holdout chose it, by independent uniforms in [0, 1).

        Whatever chose the arm, its probability is `probabilities[arm]`.
        """
        if self.holdout and uniform() < self.holdout:
            return bisect_right(self._base, uniform()), True
        return bisect_right(self._cumulative, uniform()), False


def _only(weights: Sequence[float], arms: Sequence[int]) -> list[float]:
    """The weights of some arms, 0 for the others."""
    kept = [0.0] * len(weights)
    for arm in arms:
        kept[arm] = weights[arm]
    return kept


def _normalised(weights: Sequence[float]) -> list[float]:
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def _cumulative(probabilities: list[float]) -> list[float]:
    """Running sums that end in infinity at the last arm of any probability, so that no draw falls beyond it."""
    sums = list(accumulate(probabilities))
    last = len(sums) - 1
    while probabilities[last] <= 0.0:
        last -= 1
    return sums[:last] + [math.inf] * (len(sums) - last)
