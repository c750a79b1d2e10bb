"""A canary's way from the control to the candidate: what people define, where it is, and how it got there."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bandit.criterion import CheckResult, Criterion
from bandit.model import Key, Model, Text
from policies import Duration

Status = Literal["progressing", "waiting", "held", "promoted", "rolled_back"]
Health = Literal["healthy", "degraded", "critical", "unknown"]
RolloutAction = Literal["start", "advance", "wait", "promote", "hold", "proceed", "roll_back"]
Percent = Annotated[float, Field(gt=0.0, le=100.0)]

MOST_STEPS = 100
MOST_HISTORY = 500


class Rollout(Model):
    """Shares of the candidate, one after another, and what must hold before the next.

    A step is over when it has dwelt and every criterion passes, on the data since it began; without data none does. A
    criterion that trips rolls back, as guardrails with that action do.
    """

    steps: list[Percent] | None = Field(
        default=None, min_length=1, max_length=MOST_STEPS, description="Percent of the units; unset: as configured."
    )
    dwell: Duration | None = Field(default=None, description="Least time at each step; unset: as configured.")
    criteria: list[Criterion] = Field(default_factory=list, max_length=20)
    promotion: Literal["automatic", "manual"] = Field(
        default="automatic", description="`manual`: a step that is over waits for `promote`."
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if any(after <= before for before, after in pairwise(self.steps or ())):
            raise ValueError("steps: each must be greater than the one before")
        if self.promotion == "automatic" and not self.criteria:
            raise ValueError("criteria: at least one is needed for automatic promotion, which takes data")
        if self.steps and self.steps[-1] != 100.0:
            raise ValueError(f"steps: the last must be 100, given {self.steps[-1]:g}")
        if self.steps and self.steps[0] >= 100.0 and any(criterion.compares for criterion in self.criteria):
            raise ValueError("steps: comparing with the control needs a step below 100")
        return self


class RolloutEvent(Model):
    """A line of a rollout's history: what happened, by whom, why, and what the criteria said.

    `by` is empty where the engine acts, or an unnamed person.
    """

    at: float
    by: Annotated[str, Field(max_length=200)]
    action: RolloutAction
    step: int
    share: float
    reason: Text = ""
    results: list[CheckResult] = Field(default_factory=list)


class RolloutState(Model):
    """Where a rollout is. `since` is when its step began, in seconds since 1970, and `epoch` the step's first epoch.

    `watched_since` is the first epoch that criteria read: at 100%, where the control is not served, that of the step
    before.
    """

    status: Status
    step: int = 0
    steps: list[Percent]
    dwell: float
    since: float
    epoch: int
    watched_since: int
    history: list[RolloutEvent] = Field(default_factory=list)

    @property
    def share(self) -> float:
        """Of the candidate, from 0 to 1."""
        return 0.0 if self.status == "rolled_back" else self.steps[self.step] / 100.0

    @property
    def under_way(self) -> bool:
        """Whether it is neither over nor rolled back."""
        return self.status in ("progressing", "waiting", "held")

    def after(self, action: RolloutAction, by: str, reason: str, results: Sequence[CheckResult], now: float) -> Self:
        """The state with a line about it in its history."""
        event = RolloutEvent(
            at=now, by=by, action=action, step=self.step, share=self.share, reason=reason, results=list(results)
        )
        return self.model_copy(update={"history": [*self.history, event][-MOST_HISTORY:]})

    def rolled_back(self, by: str, reason: str, results: Sequence[CheckResult], now: float) -> Self:
        """The state once the control alone is served."""
        return self.model_copy(update={"status": "rolled_back"}).after("roll_back", by, reason, results, now)


def begun(rollout: Rollout, steps: list[float], dwell: float, now: float) -> RolloutState:
    """The state of a rollout that starts.

    Args:
        rollout: As it is defined.
        steps: Where it gives none, in percent.
        dwell: Where it gives none, in seconds.
        now: Seconds since 1970.
    """
    state = RolloutState(
        status="progressing",
        steps=rollout.steps or steps,
        dwell=dwell if rollout.dwell is None else rollout.dwell,
        since=now,
        epoch=1,
        watched_since=1,
    )
    return state.after("start", "", "", (), now)


class RolloutReport(Model):
    """A rollout as it is shown: where it is, how it is doing, and what to do about it."""

    experiment: Key
    status: Status
    health: Health
    step: int
    steps: list[float]
    share: float
    since: float
    dwell: float
    remaining: float = Field(description="Seconds that the step still has to dwell.")
    criteria: list[CheckResult]
    recommendations: list[str]
    history: list[RolloutEvent]
