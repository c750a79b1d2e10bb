"""The best score of linear models, and a fixed share of exploration."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from policies.choice import draw, share_greatest
from policies.kernel import SELECT, WEIGHTS, Array, kernel
from policies.linear import LinearModel, scores


@kernel(WEIGHTS)
def lin_epsilon_greedy_weights(stats: Array, context: Array, _t: float, params: Array, out: Array) -> None:
    """1 - epsilon to the greatest scores, tied ones sharing it, and epsilon to all arms evenly."""
    epsilon, arms = params[2], out.shape[0]
    scores(stats, context, params, out, np.empty(arms))
    share_greatest(out, out)
    for arm in range(arms):
        out[arm] = (1.0 - epsilon) * out[arm] + epsilon / arms


@kernel(SELECT)
def lin_epsilon_greedy_select(stats: Array, context: Array, t: float, params: Array, rng: np.random.Generator) -> int:
    """One draw from the weights."""
    probabilities = np.empty(stats.shape[0])
    lin_epsilon_greedy_weights(stats, context, t, params, probabilities)
    return draw(probabilities, rng)


class LinEpsilonGreedy(LinearModel):
    """The arm with the greatest score x^T theta, except for a share `epsilon` of decisions that any arm may get.

    Every arm is tried in every context, so that its model improves wherever contexts fall and propensities stay above
    epsilon / arms, whether or not rewards are linear. With a constant epsilon the regret grows in proportion to the
    number of decisions.

    Source: Langford and Zhang, "The epoch-greedy algorithm for contextual multi-armed bandits", NIPS 2007;
    the exploration there comes in epochs, and only its rewards train the model, here all do.
    """

    weights = staticmethod(lin_epsilon_greedy_weights)
    select = staticmethod(lin_epsilon_greedy_select)
    rewards: ClassVar[Literal["any", "unit"]] = "any"

    name: Literal["lin_epsilon_greedy"] = "lin_epsilon_greedy"
    epsilon: float = Field(default=0.1, ge=0, le=1, description="Share of decisions spread evenly over all arms.")
