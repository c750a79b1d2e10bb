"""A limit on what decisions cost on average: the policy's weights, mixed with those it has for what can be afforded."""

from collections.abc import Callable, Sequence

from bandit.assignment import Allocation

Weigh = Callable[[Sequence[int]], list[float]]
"""The policy's weights over some arms, 0 elsewhere."""


class Costs:
    """What each arm's trials have cost, and the weights that keep the mean cost of a trial within a limit.

    Args:
        arms: How many there are.
        limit: The greatest mean cost of a trial.
    """

    __slots__ = ("_counts", "_totals", "limit")

    def __init__(self, arms: int, limit: float) -> None:
        self.limit = limit
        self._counts = [0.0] * arms
        self._totals = [0.0] * arms

    def add(self, arm: int, count: float, total: float) -> None:
        """Adds trials and what they cost."""
        self._counts[arm] += count
        self._totals[arm] += total

    def inherit(self, past: "Costs") -> None:
        """Takes over what is known of the same arms, the first ones."""
        for arm, (count, total) in enumerate(zip(past._counts, past._totals, strict=True)):
            self.add(arm, count, total)

    def means(self) -> list[float] | None:
        """The mean cost of each arm, with one trial at that of all arms added; None before any trial."""
        count = sum(self._counts)
        if count < 0.5:
            return None
        pooled = sum(self._totals) / count
        return [(total + pooled) / (max(n, 0.0) + 1.0) for n, total in zip(self._counts, self._totals, strict=True)]

    def within(
        self, weights: list[float], arms: Sequence[int], weigh: Weigh, allocate: Callable[..., Allocation]
    ) -> list[float]:
        """The weights themselves where their cost is within the limit; else the mixture that just keeps it.

        What they are mixed with are the policy's weights over the arms whose mean cost is within the limit, or, where
        floor and holdout make even those too dear, the cheapest arm. A limit below what floor, holdout and the cheapest
        arm cost cannot be kept, and the cheapest arm then has all that is left.

        The limit holds in expectation, for the means as they are known; it is not a promise for a number of trials.
        Among all ways to spend it this need not be the one that earns most (Badanidiyuru, Kleinberg and Slivkins,
        "Bandits with knapsacks", 2013, for those): it works for every policy and gives exact probabilities.

        Args:
            weights: The policy's over all arms.
            arms: Those that are served.
            weigh: Asks the policy about some arms alone.
            allocate: What would be drawn from for given weights.
        """
        means = self.means()
        if means is None:
            return weights

        def cost(of: list[float]) -> float:
            return sum(p * mean for p, mean in zip(allocate(of).probabilities, means, strict=True))

        dear = cost(weights)
        if dear <= self.limit:
            return weights
        affordable = [arm for arm in arms if means[arm] <= self.limit]
        other = weigh(affordable) if affordable else weights
        cheap = cost(other)
        if cheap > self.limit:
            least = min(arms, key=means.__getitem__)
            other = [float(arm == least) for arm in range(len(means))]
            cheap = cost(other)
        share = 1.0 if cheap >= self.limit else (dear - self.limit) / (dear - cheap)
        return [(1.0 - share) * a + share * b for a, b in zip(weights, other, strict=True)]
