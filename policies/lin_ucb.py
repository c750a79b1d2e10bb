"""Upper confidence bounds of linear models."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from policies.choice import draw, share_greatest
from policies.kernel import SELECT, WEIGHTS, Array, kernel
from policies.linear import LinearModel, scores


@kernel(WEIGHTS)
def lin_ucb_weights(stats: Array, context: Array, _t: float, params: Array, out: Array) -> None:
    """All to the greatest score + exploration * width, ties sharing it."""
    width = np.empty(out.shape[0])
    scores(stats, context, params, out, width)
    for arm in range(out.shape[0]):
        out[arm] += params[2] * width[arm]
    share_greatest(out, out)


@kernel(SELECT)
def lin_ucb_select(stats: Array, context: Array, t: float, params: Array, rng: np.random.Generator) -> int:
    """The arm with the greatest bound; one of them at random where several tie."""
    probabilities = np.empty(stats.shape[0])
    lin_ucb_weights(stats, context, t, params, probabilities)
    return draw(probabilities, rng)


class LinUCB(LinearModel):
    """The arm with the greatest x^T theta + exploration * sqrt(x^T (A + regulariser * I)^-1 x).

    `exploration` is in units of the reward. If the expected reward is linear in the features (put a constant among them
    for an intercept), a bound of order d sqrt(T) up to logarithms is proven for a factor that grows like
    sqrt(d ln t) times the scale of the noise (Abbasi-Yadkori et al., theorem 3); a constant one, as here, is what is
    used in practice, without that proof. Where the reward is not linear the policy finds the best linear rule for
    the contexts it chose to look at, not for all. Features of different scale are shrunk differently: bring them to
    length about one. Weights are 0 or 1 for each context.

    Source: Li, Chu, Langford and Schapire, "A contextual-bandit approach to personalized news article recommendation",
    WWW 2010, algorithm 1; Abbasi-Yadkori, Pal and Szepesvari, "Improved algorithms for linear stochastic bandits", NIPS
    2011.
    """

    weights = staticmethod(lin_ucb_weights)
    select = staticmethod(lin_ucb_select)
    rewards: ClassVar[Literal["any", "unit"]] = "any"

    name: Literal["lin_ucb"] = "lin_ucb"
    exploration: float = Field(default=1.0, ge=0, description="Factor of the width, in units of the reward.")
