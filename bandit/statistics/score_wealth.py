"""What bets on the scores of a treatment and a control have won against a hypothesis; see `wagers`."""

import math

import numpy as np

from bandit.statistics.comparison import Alternative
from bandit.statistics.pair import SHRINKAGE, Pair
from policies.kernel import Array, kernel

BETS = 0.4 * 2.0 ** -np.arange(14.0)
"""Multiples, from a strong effect (.4 standard deviations) down to one that takes 10^9 trials to see."""
MONEY = np.arange(1.0, 15.0) ** -1.5 / (np.arange(1.0, 15.0) ** -1.5).sum()
"""What each of them begins with: more for strong effects, which are to be seen soon."""
MOST_LOST = 0.9
"""Part of the money that a trial can cost."""


def log_wealth(pair: Pair, effect: float = 0.0, alternative: Alternative = "two-sided") -> Array:
    """The logarithm of what was won after each epoch against an effect, shape (..., epochs).

    Args:
        pair: The data; their values must have bounds.
        effect: The hypothesis, in the unit of the values.
        alternative: On which side of it the bets are.
    """
    least, most = pair.bounds or (0.0, 1.0)
    width = most - least
    shape = pair.trials.shape[:-2]
    flat = pair.trials.reshape(-1, *pair.trials.shape[-2:])
    gained = ((pair.totals - pair.trials * least) / width).reshape(flat.shape)
    chance, sizes = pair.probabilities.reshape(flat.shape), pair.sizes.reshape(flat.shape[:-1])
    out = np.empty(flat.shape[:-1])
    share = {"two-sided": (0.5, 0.5), "greater": (1.0, 0.0), "less": (0.0, 1.0)}[alternative]
    with np.errstate(divide="ignore"):
        start = np.log(np.concatenate([share[0] * MONEY, share[1] * MONEY]))
    bets = np.concatenate([BETS, -BETS])[start > -np.inf]
    for repetition in range(flat.shape[0]):
        _bet(
            flat[repetition],
            np.clip(gained[repetition], 0.0, flat[repetition]),
            sizes[repetition],
            chance[repetition],
            effect / width,
            bets,
            start[start > -np.inf],
            out[repetition],
        )
    return out.reshape(*shape, -1)


@kernel
def _bet(
    trials: Array, gained: Array, sizes: Array, chance: Array, effect: float, bets: Array, start: Array, out: Array
) -> None:
    """Write the logarithm of the wealth after each epoch; values are from 0 to 1."""
    wealth = start.copy()
    seen, earned = np.zeros(2), np.zeros(2)
    prediction, scores, counts = np.zeros(2), np.empty(5), np.empty(5)
    for epoch in range(trials.shape[0]):
        both, all_earned = seen[0] + seen[1], earned[0] + earned[1]
        first = both == 0.0
        if first:
            both, all_earned = trials[epoch].sum(), gained[epoch].sum()
        pooled = all_earned / max(both, 1.0)
        # Half a success and half a failure more, so that the deviation is never 0.
        rate = (all_earned + 0.5) / (both + 1.0)
        e1, e0 = chance[epoch, 0], chance[epoch, 1]
        unit = e1 * e0 / (e1 + e0) / math.sqrt(rate * (1.0 - rate))
        for arm in range(2):
            prediction[arm] = (earned[arm] + SHRINKAGE * pooled) / (seen[arm] + SHRINKAGE)
        if first:
            prediction[1] = pooled - effect * trials[epoch, 0] / max(both, 1.0)
            prediction[0] = prediction[1] + effect
        base = prediction[0] - prediction[1]
        farthest = 0.0
        for arm in range(2):
            sign = 1.0 - 2.0 * arm
            scores[2 * arm] = base - sign * prediction[arm] / chance[epoch, arm]
            scores[2 * arm + 1] = base + sign * (1.0 - prediction[arm]) / chance[epoch, arm]
            counts[2 * arm] = trials[epoch, arm] - gained[epoch, arm]
            counts[2 * arm + 1] = gained[epoch, arm]
            farthest = max(farthest, abs(scores[2 * arm]), abs(scores[2 * arm + 1]))
        # Trials of other arms have the score that was predicted.
        scores[4] = base
        counts[4] = sizes[epoch] - trials[epoch, 0] - trials[epoch, 1]
        # The limit is the same for all effects from -1 to 1, which makes the wealth a convex function of the effect.
        limit = MOST_LOST * min(e1, e0) / 2.0 if first else MOST_LOST / (farthest + 1.0)
        for bet in range(bets.shape[0]):
            stake = min(max(bets[bet] * unit, -limit), limit)
            for cell in range(5):
                if counts[cell] > 0.0:
                    wealth[bet] += counts[cell] * math.log1p(stake * (scores[cell] - effect))
        for arm in range(2):
            seen[arm] += trials[epoch, arm]
            earned[arm] += gained[epoch, arm]
        most = wealth.max()
        total = 0.0
        for bet in range(bets.shape[0]):
            total += math.exp(wealth[bet] - most)
        out[epoch] = most + math.log(total)
