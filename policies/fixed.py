"""A split that does not learn: the A/B test."""

from typing import ClassVar, Literal

import numpy as np

from policies.choice import draw
from policies.kernel import SELECT, WEIGHTS, Array, kernel
from policies.policy import Policy


@kernel(WEIGHTS)
def fixed_weights(_stats: Array, _context: Array, _t: float, params: Array, out: Array) -> None:
    """The base weights, whatever was observed."""
    total = params.sum()
    for arm in range(out.shape[0]):
        out[arm] = params[arm] / total


@kernel(SELECT)
def fixed_select(_stats: Array, _context: Array, _t: float, params: Array, rng: np.random.Generator) -> int:
    """One draw from the base weights."""
    return draw(params / params.sum(), rng)


class Fixed(Policy):
    """The configured weights of the variants, unchanged by rewards; `half_life` therefore changes nothing.

    Every classical analysis is valid under it, and its regret grows in proportion to the number of decisions.

    Source: the randomised experiment; Kohavi, Tang and Xu, "Trustworthy Online Controlled Experiments", 2020, chapter
    1.
    """

    weights = staticmethod(fixed_weights)
    select = staticmethod(fixed_select)
    rewards: ClassVar[Literal["any", "unit"]] = "any"

    name: Literal["fixed"] = "fixed"

    def parameters(self, base: Array) -> Array:
        """The base weights themselves, shape (arms,)."""
        return base.copy()
