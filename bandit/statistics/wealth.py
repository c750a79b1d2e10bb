"""A lower bound of a mean that holds for heavy weights, at every look: bets against everything below it."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BETS = 4.0 * 3.0 ** -np.arange(14.0)
"""From 4 down to 2.5e-6. The best bet is about 3 / (sd sqrt(n)), so they reach from one success to heavy weights on
billions of trials; a factor of 3 between two costs less than a tenth of the width."""

MOST_LOST = 0.9
"""Share of the wealth that one trial may take."""


@dataclass(frozen=True, slots=True)
class Wealth:
    """What each of `BETS` has won on the trials so far; two parts of a log merge by `+`.

    For a bet b and trials t with weight u_t >= 0, value y_t in [0, 1] and share c_t, where E[u_t | past] = c_t and
    E[u_t y_t | past] = c_t v_t, and for any numbers q, g that were known before the trial,

        exp(sum of log(1 + b d_t) - b c_t (v_t - g_t)),   d_t = u_t (y_t - q_t(arm)) or u_t y_t - c_t g_t,

    is a supermartingale that starts at 1, because 1 + b d_t has the expectation 1 + b c_t (v_t - g_t) given the past,
    which is at most exp(b c_t (v_t - g_t)). So is the average over the bets, and by Ville's inequality it ever exceeds
    1 / alpha with probability alpha at most. A mean of v at which it does is refused; the least that is not is the
    bound.

    Only the sign of the weights is used, not that they are bounded or have a variance. Where their greatest possible
    value is known and small, `d` subtracts a prediction first (as a doubly robust estimate does), which is tighter.

    Source: Waudby-Smith, Wu, Ramdas, Karampatziakis and Mineiro, "Anytime-valid off-policy inference for contextual
    bandits", 2022, for such bounds; their empirical Bernstein supermartingale follows from this one by a lower bound of
    the logarithm, so this one is never wider for the same bet.

    Attributes:
        logarithms: Sum of log(1 + b d), shape (bets,).
        guesses: Sum of c g, shape (bets,).
        share: Sum of c.
    """

    logarithms: Array
    guesses: Array
    share: float

    @classmethod
    def none(cls) -> Self:
        """Before any trial."""
        return cls(np.zeros_like(BETS), np.zeros_like(BETS), 0.0)

    @classmethod
    def of(cls, value: Array, weight: Array, share: Array, predicted: Array, expected: Array, worst: Array) -> Self:
        """The wealth after some trials, all arrays of shape (n,).

        Args:
            value: What was earned, 0 to 1.
            weight: What its weight was, 0 or more.
            share: What its weight was expected to be.
            predicted: The prediction for the arm that was logged, 0 to 1, made before the trial.
            expected: The same predictions averaged as the target policy chooses.
            worst: The greatest product of weight and prediction over the arms that might have been logged; infinite
                where that is unknown, or where the target has arms that could not be logged.
        """
        controlled, plain, offered = weight * (value - predicted), weight * value, share * expected
        logarithms, guesses = np.empty_like(BETS), np.empty_like(BETS)
        for place, bet in enumerate(BETS):
            safe = bet * worst <= MOST_LOST
            guess = np.where(safe, offered, np.minimum(offered, MOST_LOST / bet))
            gain = np.where(safe, controlled, plain - guess)
            logarithms[place] = np.log1p(bet * gain).sum()
            guesses[place] = guess.sum()
        return cls(logarithms, guesses, float(share.sum()))

    def __add__(self, other: Self) -> Self:
        """Of the trials of both."""
        return type(self)(self.logarithms + other.logarithms, self.guesses + other.guesses, self.share + other.share)

    def bound(self, alpha: float) -> float:
        """The mean of v, weighted by c, lies below this with probability `alpha` at most; 0 where nothing is known."""
        if self.share <= 0.0:
            return 0.0
        wins = self.logarithms + BETS * self.guesses - math.log(len(BETS))
        goal = -math.log(alpha)
        # Between where the best bet reaches the goal by itself, and where even all together no longer could.
        below = float(((wins - goal) / BETS).max())
        above = float(((wins - goal + math.log(len(BETS))) / BETS).max())
        for _ in range(100):
            middle = 0.5 * (below + above)
            if not below < middle < above:
                break
            if np.logaddexp.reduce(wins - BETS * middle) > goal:
                below = middle
            else:
                above = middle
        return min(max(below / self.share, 0.0), 1.0)
