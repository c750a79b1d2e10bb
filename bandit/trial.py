"""Decisions and the trials they belong to, in memory: what they have earned, and by how much that moves the sums."""

from bandit import covariate
from bandit.rows import DecisionRow
from bandit.running import Running


class Outcome:
    """What the events of a decision add up to for one metric, and those of the trial if the decision heads one.

    `value` is the decision's own, None without events. `total` and `earned` sum the values, and count the decisions
    that have one, over the exposed decisions of the trial; `fallback` is the default of a trial whose window has
    closed.
    """

    __slots__ = ("earned", "fallback", "total", "value")

    def __init__(self) -> None:
        self.value: float | None = None
        self.total = 0.0
        self.earned = 0
        self.fallback: float | None = None


class Drawn:
    """How often an epoch's probabilities were drawn from, arm by arm: decisions exposed, trials opened."""

    __slots__ = ("decisions", "probabilities", "trials")

    def __init__(self, probabilities: list[float]) -> None:
        self.probabilities = probabilities
        self.decisions = [0] * len(probabilities)
        self.trials = [0] * len(probabilities)


class Record:
    """A decision in memory. `head` is the decision that opened its trial: itself, or its unit's first.

    `covariates` has what its attributes say of the covariates of metrics, by their place.
    """

    __slots__ = (
        "covariates",
        "exposed_at",
        "head",
        "id",
        "opened_at",
        "outcomes",
        "row",
        "running",
        "stored",
        "tokens",
    )

    def __init__(self, running: Running, row: DecisionRow, *, stored: bool = False) -> None:
        self.running = running
        self.row = row
        self.id = row.id
        self.head = row.head
        self.exposed_at = row.exposed_at
        self.opened_at = row.opened_at
        self.outcomes: dict[int, Outcome] = {}
        self.stored = stored
        self.covariates = covariate.read(running.covariates, row.attributes) if running.covariates else {}
        self.tokens: set[tuple[int, str]] | None = None

    def values(self) -> dict[int, float]:
        """What the trial that this decision heads has earned: metric -> value, for those that have one."""
        values: dict[int, float] = {}
        if self.opened_at is not None:
            for metric, outcome in self.outcomes.items():
                if outcome.earned:
                    lower, upper = self.running.bounds[metric]
                    values[metric] = min(max(outcome.total, lower), upper)
                elif outcome.fallback is not None:
                    values[metric] = outcome.fallback
        return values


def moments(old: float | None, new: float | None, origin: float, propensity: float) -> list[float]:
    """The change of COUNT, SUM, SQUARES and WEIGHTED, about an origin, when a trial's value goes from old to new."""
    if old is None:
        gain = (new or 0.0) - origin
        return [1.0, gain, gain * gain, gain / propensity]
    loss = old - origin
    if new is None:
        return [-1.0, -loss, -loss * loss, -loss / propensity]
    gain = new - origin
    return [0.0, gain - loss, gain * gain - loss * loss, (gain - loss) / propensity]
