"""An even split for a while, then the best mean."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from policies.choice import NEGLIGIBLE, NOBODY, ahead, share_greatest, tied_before
from policies.kernel import SELECT, WEIGHTS, Array, kernel
from policies.policy import Policy
from policies.statistics import COUNT, SUM


@kernel
def explore_then_commit_index(row: Array, trials: float) -> float:
    """The mean of an arm's rewards, from its sums; infinite while it lacks trials."""
    return np.inf if row[COUNT] < trials - NEGLIGIBLE else float(row[SUM] / row[COUNT])


@kernel(WEIGHTS)
def explore_then_commit_weights(stats: Array, _context: Array, _t: float, params: Array, out: Array) -> None:
    """Evenly to the arms that lack trials; when none does, all to the greatest mean, ties sharing it."""
    for arm in range(out.shape[0]):
        out[arm] = explore_then_commit_index(stats[arm], params[0])
    share_greatest(out, out)


@kernel(SELECT)
def explore_then_commit_select(
    stats: Array, _context: Array, _t: float, params: Array, rng: np.random.Generator
) -> int:
    """One draw from the weights."""
    leader = NOBODY
    for arm in range(stats.shape[0]):
        leader = ahead(leader, arm, explore_then_commit_index(stats[arm], params[0]))
    selected, greatest, ties = leader
    if ties > 1:
        before = tied_before(ties, rng)
        for arm in range(selected, stats.shape[0]):
            before -= explore_then_commit_index(stats[arm], params[0]) == greatest
            if before < 0:
                return arm
    return selected


class ExploreThenCommit(Policy):
    """All arms evenly until each has `trials` rewarded trials, then the arm with the greatest mean.

    The commitment is a function of the rewards, like everything else here, and not remembered: it moves if corrections,
    late rewards or those of a floor change which mean is the greatest. For independent rewards with known scale the
    regret is logarithmic if `trials` is chosen for the gap and the horizon, of order T^(2/3) if for the horizon alone,
    and otherwise in proportion to the number of decisions; it never learns that it chose `trials` too small.

    Source: Robbins, "Some aspects of the sequential design of experiments", Bulletin of the American Mathematical
    Society 58, 1952; Lattimore and Szepesvari, "Bandit Algorithms", 2020, chapter 6, algorithm 1 and theorem 6.1.
    """

    weights = staticmethod(explore_then_commit_weights)
    select = staticmethod(explore_then_commit_select)
    rewards: ClassVar[Literal["any", "unit"]] = "any"

    name: Literal["explore_then_commit"] = "explore_then_commit"
    trials: int = Field(default=100, ge=1, le=10**12, description="Rewarded trials of every arm before it commits.")
