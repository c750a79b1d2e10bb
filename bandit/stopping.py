"""When an experiment ends by itself, and what it then has found."""

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from bandit.model import Key, Model, Text
from policies import Duration

if TYPE_CHECKING:
    from bandit.experiment import Experiment

Rule = Literal["significance", "p_best", "expected_loss", "units", "duration"]

RULES: tuple[Rule, ...] = ("significance", "p_best", "expected_loss", "units", "duration")

SEQUENTIAL = {
    "confidence_sequence": False,
    "cuped_sequence": False,
    "delta_sequence": False,
    "beta_binomial": True,
    "design_based": True,
    "delta_design_based": True,
    "wagers": True,
}
"""Methods that hold at every look, and whether they do where weights moved."""


class Stopping(Model):
    """Rules, the first of which to be met ends an experiment, and what is then done about a winner.

    `significance`, `p_best` and `expected_loss` wait for the days and units that the analysis asks for.
    """

    significance: bool = Field(
        default=False,
        description="Once results say ship, harmful or no difference; needs `analysis.sequential`, as one looks often.",
    )
    p_best: float | None = Field(
        default=None, gt=0.5, lt=1.0, description="Once a variant is the best with this probability: a belief, no test."
    )
    expected_loss: float | None = Field(
        default=None,
        gt=0.0,
        le=1e12,
        description="Once choosing the leader is expected to lose less than this, in the primary metric's unit.",
    )
    units: int | None = Field(default=None, ge=1, le=10**15, description="Once so many trials are there in all.")
    duration: Duration | None = Field(default=None, gt=0.0, description="Once it has run for so long.")
    then: Literal["propose", "apply", "complete"] = Field(
        default="propose",
        description=(
            "`propose` tells people, and `apply_winner` is theirs to call; `apply` gives the winner all units;"
            " `complete` ends the experiment."
        ),
    )

    @model_validator(mode="after")
    def _has_a_rule(self) -> Self:
        if not any(getattr(self, rule) for rule in RULES):
            raise ValueError(f"{', '.join(RULES)}: at least one must be given")
        return self

    def refusal(self, experiment: "Experiment") -> str | None:
        """Why the rules do not fit an experiment."""
        if experiment.type == "canary":
            return "then: a canary ends by its rollout; give that criteria"
        if experiment.features and (self.significance or self.p_best or self.expected_loss):
            rule = next(rule for rule in RULES if getattr(self, rule))
            return (
                f"{rule}: a policy that reads contexts has trials that cannot be taken together; use units or duration"
            )
        if not self.significance:
            return None
        method = experiment.analysis.method
        if not experiment.analysis.sequential:
            return "significance: acts at whichever look is the first; set analysis.sequential to true"
        if method is not None and method not in SEQUENTIAL:
            return (
                f"significance: {method!r} holds for one look; leave analysis.method, or take {', '.join(SEQUENTIAL)}"
            )
        if method is not None and experiment.resolved_policy.name != "fixed" and not SEQUENTIAL[method]:
            return (
                f"significance: {method!r} does not hold where weights follow the rewards; leave analysis.method unset"
            )
        return None


class Conclusion(Model):
    """What a stopping rule has found. `winner` is None where nothing is shown to be the best.

    `applied_at` is when the winner was given all units.
    """

    rule: Rule
    winner: Key | None
    reason: Text
    at: float
    applied_at: float | None = None
