"""Thompson sampling for rewards in the unit interval."""

from typing import ClassVar, Literal

import numpy as np

from policies.best import best_beta
from policies.beta_posterior import BetaPosterior, greatest_draw, posteriors
from policies.kernel import SELECT, WEIGHTS, Array, kernel


@kernel(WEIGHTS)
def thompson_beta_weights(stats: Array, _context: Array, _t: float, params: Array, out: Array) -> None:
    """The probability that an arm's mean is the greatest, by quadrature."""
    a, b = posteriors(stats, params)
    best_beta(a, b, out)


@kernel(SELECT)
def thompson_beta_select(stats: Array, _context: Array, _t: float, params: Array, rng: np.random.Generator) -> int:
    """The arm with the greatest of one draw from each posterior."""
    return greatest_draw(stats, params, rng)


class ThompsonBeta(BetaPosterior):
    """An arm's probability is that of its mean being the greatest under independent Beta posteriors.

    For Bernoulli rewards, immediate feedback and the uniform prior the regret meets the lower bound of Lai and
    Robbins as T grows. Fractional rewards enter as fractions of a success, which keeps the posterior mean right and
    makes it wider than the data warrant (Agrawal and Goyal's proof rounds them at random instead; the bound is the
    same in kind).

    Source: Thompson, "On the likelihood that one unknown probability exceeds another", Biometrika 25, 1933; Agrawal
    and Goyal, "Further optimal regret bounds for Thompson sampling", AISTATS 2013, theorem 1.
    """

    weights = staticmethod(thompson_beta_weights)
    select = staticmethod(thompson_beta_select)
    rewards: ClassVar[Literal["any", "unit"]] = "unit"

    name: Literal["thompson_beta"] = "thompson_beta"
