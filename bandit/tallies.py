"""Sums of the metrics that are guarded, in memory, and when they have grown enough to be looked at again."""

from typing import NamedTuple

GROWTH = 1.05
"""Between two looks at an arm. A sequential test may be looked at whenever one likes; so many looks cost little."""


class Extent(NamedTuple):
    """What a tally adds up: the metric, by its place, of trials that were decided in an epoch or later."""

    metric: int
    since: int


class Tally:
    """Count, sum and sum of squares, less the origin, of each arm's values.

    An arm whose count has reached what is `due` of it wants a look, and is `ripe`.

    Args:
        extent: Of what.
        arms: How many there are.
        minimum: Count from which on an arm is looked at.
    """

    __slots__ = ("_minimum", "due", "extent", "ripe", "since", "sums")

    def __init__(self, extent: Extent, arms: int, minimum: int) -> None:
        self.extent = extent
        self.since = extent.since
        self.sums = [[0.0, 0.0, 0.0] for _ in range(arms)]
        self.ripe: set[int] = set()
        self._minimum = minimum
        self.due = [float(minimum)] * arms

    def looked(self) -> None:
        """Notes a look at the arms that wanted one."""
        for arm in self.ripe:
            self.due[arm] = max(self._minimum, self.sums[arm][0] * GROWTH)
        self.ripe.clear()

    def inherit(self, past: "Tally") -> None:
        """Takes over the sums of the same arms, the first ones."""
        for arm, sums in enumerate(past.sums):
            self.sums[arm] = sums
            self.due[arm] = max(self._minimum, past.due[arm])
        self.ripe = past.ripe
