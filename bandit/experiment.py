"""What an experiment is, and how it learns."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from bandit.conditions import Condition
from bandit.criterion import Guardrail, Trip, consistent
from bandit.eligibility import MOST_FORCED, MOST_SEGMENTS, Assignment, Layer, Segment, Unit
from bandit.eligibility import check as check_assignment
from bandit.errors import WrongState
from bandit.factors import MOST_FACTORS, MOST_VARIANTS, Factor, Fraction, check, combined
from bandit.instant import Instant
from bandit.metric import Metric
from bandit.model import GREATEST, Key, Model, Text
from bandit.rollout import Rollout, RolloutState
from bandit.stopping import Conclusion, Stopping
from bandit.variant import Variant
from policies import AnyPolicy, Duration, Fixed, LinThompson, Policy, ThompsonBeta, ThompsonNormal

Type = Literal["bandit", "ab_test", "canary", "feature_flag", "shadow"]
Status = Literal["draft", "running", "paused", "completed", "stopped", "archived"]

MOST_FEATURES = 50
DEFAULT_FLOOR = 0.01


class Feature(Model):
    """A number that the context of a decision holds: one for all variants, or one for each."""

    key: Key
    description: Text = ""
    lower: float | None = Field(default=None, ge=-GREATEST, le=GREATEST, description="Least value that is accepted.")
    upper: float | None = Field(default=None, ge=-GREATEST, le=GREATEST)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise ValueError(f"upper: must be above lower ({self.lower:g}), given {self.upper:g}")
        return self


class Reweight(Model):
    """When the weights follow what was learnt, and what no weight may undercut."""

    every: Duration = Field(default=0.0, description="Least time between two epochs; 0s: at once.")
    floor: float | None = Field(
        default=None, ge=0.0, le=1.0, description="Least propensity of an eligible arm; unset: .01 (0 if fixed)."
    )
    holdout: float = Field(default=0.0, ge=0.0, lt=1.0, description="Share of draws by the configured weights.")
    budget: float = Field(
        default=0.1, gt=0.0, le=1.0, description="Share of a core that recomputing weights may take; 1: no limit."
    )


class Alarm(Model):
    """Watches each arm's rewards, span by span, for a change of their mean."""

    span: Duration = Field(default=86_400.0, ge=1.0, description="Rewards are summed over spans of this length.")
    delta: float = Field(
        default=0.01, gt=0.0, lt=1.0, description="Probability of ever finding a change where there is none."
    )
    restart: bool = Field(default=True, description="Whether an arm's rewards before its last change are forgotten.")


class Cost(Model):
    """A limit on what a trial costs on average."""

    metric: Key
    limit: float = Field(ge=-GREATEST, le=GREATEST, description="Greatest mean of the metric over all trials.")


class Analysis(Model):
    """How the results are judged, and what there must be before they are."""

    alpha: float = Field(
        default=0.05, gt=0.0, lt=1.0, description="Probability of seeing an effect where there is none."
    )
    power: float = Field(default=0.8, gt=0.0, lt=1.0, description="Probability of seeing an effect that is there.")
    sequential: bool = Field(
        default=False,
        description="Whether results may be acted upon at any look; fixed splits then take wider intervals.",
    )
    method: Annotated[str, Field(max_length=100)] | None = Field(
        default=None, description="Unset: the one that is valid for how the data were collected."
    )
    minimum_days: float = Field(default=7.0, ge=0.0, le=10_000.0)
    minimum_units: int = Field(default=1000, ge=1, le=10**12, description="Trials of each variant.")
    minimum_effect: float = Field(
        default=0.01, gt=0.0, le=1e6, description="Least relative effect worth having; a metric's own comes first."
    )


class Target(Model):
    """What is experimented on."""

    kind: Literal["policy", "agent", "model", "service"]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    version: Annotated[str, Field(max_length=200)] = ""


class Plan(Model):
    """What an experiment is planned to be: what `validate` computes its power from, and when it ends by itself."""

    days: float | None = Field(
        default=None, gt=0.0, le=10_000.0, description="How long it runs; so long after its start it is completed."
    )
    units: int | None = Field(default=None, ge=2, le=10**12, description="Units of each variant at most.")
    traffic: float | None = Field(default=None, gt=0.0, le=1e12, description="Units a day, over all variants.")
    baseline: float | None = Field(
        default=None,
        ge=-GREATEST,
        le=GREATEST,
        description="What the control is expected to have of the primary metric.",
    )
    sd: float | None = Field(default=None, gt=0.0, le=GREATEST, description="Its standard deviation, if continuous.")


class Experiment(Model):
    """A definition, as a caller gives it."""

    key: Key
    name: Text = ""
    description: Text = ""
    hypothesis: Text | Annotated[list[Text], Field(max_length=100)] = Field(
        default="", description="What is expected, and why; one text or several."
    )
    owner: Annotated[str, Field(max_length=200)] = ""
    tags: list[Annotated[str, Field(max_length=100)]] = Field(default_factory=list, max_length=100)
    target: Target | None = Field(default=None, description="What is experimented on.")
    type: Type = Field(
        default="bandit",
        description="An ab_test has a fixed split, a canary one that moves by the steps of its rollout; a feature_flag "
        "has one unless a policy is given; a shadow serves the control, and decides for the others beside it.",
    )
    factors: list[Factor] = Field(
        default_factory=list,
        max_length=MOST_FACTORS,
        description="Their levels make the variants, where none are given.",
    )
    fraction: Fraction | None = Field(default=None, description="Which combinations of levels; unset: all.")
    variants: list[Variant] = Field(
        default_factory=list, min_length=2, max_length=MOST_VARIANTS, description="Two or more; unset: by the factors."
    )
    metrics: list[Metric] = Field(min_length=1, max_length=100)
    objective: dict[Key, Annotated[float, Field(ge=-1e9, le=1e9)]] | None = Field(
        default=None, description="What the policy maximises, as weights of metrics; unset: the primary metric."
    )
    policy: AnyPolicy | None = Field(default=None, description="Unset: by the type, features and primary metric.")
    features: list[Feature] = Field(
        default_factory=list,
        max_length=MOST_FEATURES,
        description="What every context holds, for a policy that reads one; no other has any.",
    )
    sticky: bool = Field(default=True, description="Whether a unit keeps its variant.")
    trial: Literal["unit", "decision"] | None = Field(default=None, description="Unset: `unit` if sticky.")
    salt: Text = Field(default="", description="Seeds the hash of a fixed split; unset: the key.")
    targeting: Condition | None = Field(default=None, description="Who takes part; unset: everyone.")
    layer: Layer | None = Field(default=None, description="Excludes the units of other slices; unset: of none.")
    traffic: float = Field(default=100.0, ge=0.0, le=100.0, description="Percent of the units that take part.")
    ramp: Duration | None = Field(default=None, gt=0.0, description="The traffic grows to that over this time.")
    unit_kind: Key = Field(default="user", description="Which of a request's `units` is assigned.")
    sticky_for: Duration | None = Field(
        default=None, gt=0.0, description="How long a unit keeps its variant from its draw on; unset: for good."
    )
    forced: dict[Unit, Key] = Field(
        default_factory=dict, max_length=MOST_FORCED, description="Variants of units that test; they never count."
    )
    assignment: Assignment | None = Field(
        default=None, description="How a fixed split assigns; unset: by hash if sticky, else at random."
    )
    segments: list[Segment] = Field(
        default_factory=list,
        max_length=MOST_SEGMENTS,
        description="Weights of a fixed split for some units; the first that matches holds.",
    )
    reweight: Reweight = Reweight()
    alarm: Alarm | None = Field(default=None, description="Watches for changes of what the arms earn; unset: none.")
    cost: Cost | None = Field(default=None, description="What the policy's choices may cost; unset: no limit.")
    analysis: Analysis = Analysis()
    guardrails: list[Guardrail] = Field(
        default_factory=list, max_length=20, description="Limits that are watched while it runs."
    )
    stopping: Stopping | None = Field(default=None, description="When it ends by itself; unset: never.")
    rollout: Rollout | None = Field(default=None, description="How a canary moves from the control to the candidate.")
    plan: Plan | None = None
    start_at: Instant | None = Field(default=None, description="When a draft is started; unset: by hand.")
    end_at: Instant | None = Field(default=None, description="When it is completed; unset: by the plan, or by hand.")

    @property
    def primary(self) -> Metric:
        """The metric that the experiment is about."""
        return next(metric for metric in self.metrics if metric.primary)

    @property
    def resolved_policy(self) -> Policy:
        """The policy, never None: validation has filled it in."""
        if self.policy is None:
            raise TypeError("an Experiment that was not validated has no policy")
        return self.policy

    @property
    def floor(self) -> float:
        """The floor in force: .01 unless set, less where that would take half of the traffic or more; 0 if fixed."""
        if self.reweight.floor is not None:
            return self.reweight.floor
        if isinstance(self.policy, Fixed):
            return 0.0
        return min(DEFAULT_FLOOR, 0.5 / len(self.variants))

    @property
    def goals(self) -> dict[str, float]:
        """The objective as metric -> weight, a decrease counted as negative where nothing was weighed by hand."""
        if self.objective is not None:
            return self.objective
        return {self.primary.key: 1.0 if self.primary.goal == "increase" else -1.0}

    @property
    def conditions(self) -> dict[str, Condition]:
        """Every condition, by the field that it was given in."""
        targeting = {} if self.targeting is None else {"targeting": self.targeting}
        return targeting | {f"segments[{place}].when": segment.when for place, segment in enumerate(self.segments)}

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        return fill_in(given) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        self._settle_variants()
        for field, keys in (
            ("variants", [variant.key for variant in self.variants]),
            ("metrics", [metric.key for metric in self.metrics]),
            ("features", [feature.key for feature in self.features]),
        ):
            if twice := sorted({key for key in keys if keys.count(key) > 1}):
                raise ValueError(f"{field}: key {twice[0]!r} is given twice")
        if (primaries := sum(metric.primary for metric in self.metrics)) != 1:
            raise ValueError(f"metrics: exactly one must be primary, given {primaries}")
        if sum(variant.is_control for variant in self.variants) > 1:
            raise ValueError("variants: at most one may be the control")
        if not any(variant.weight > 0.0 for variant in self.variants):
            raise ValueError("variants: at least one weight must be above 0")
        if (half_life := self.resolved_policy.half_life if self.policy else None) is not None and half_life < 1.0:
            raise ValueError(f"policy.half_life: must be at least 1s, given {half_life:g}s")
        if self.trial == "unit" and not self.sticky:
            raise ValueError("trial: 'unit' needs sticky units; use 'decision'")
        known = {metric.key: metric for metric in self.metrics}
        for metric in self.metrics:
            for field in ("numerator", "denominator"):
                name = getattr(metric, field)
                if name is not None and (name not in known or known[name].type == "ratio"):
                    raise ValueError(f"metrics: {field} {name!r} of {metric.key!r} is not a metric that is rewarded")
        for name in self.objective or ():
            if name not in known or known[name].type == "ratio":
                raise ValueError(f"objective: {name!r} is not a metric that is rewarded")
        if self.cost is not None and (self.cost.metric not in known or known[self.cost.metric].type == "ratio"):
            raise ValueError(f"cost.metric: {self.cost.metric!r} is not a metric that is rewarded")
        if self.objective is not None and not any(self.objective.values()):
            raise ValueError("objective: at least one weight must differ from 0")
        if self.floor * len(self.variants) > 1.0 + 1e-12:
            raise ValueError(f"reweight.floor: at most 1 / {len(self.variants)} variants, given {self.floor:g}")
        if self.start_at is not None and self.end_at is not None and self.start_at >= self.end_at:
            raise ValueError(f"end_at: must be after start_at ({self.start_at:.0f}), given {self.end_at:.0f}")
        self._settle_policy()
        self._settle_assignment()
        self._check_control()
        return self

    def _settle_variants(self) -> None:
        if self.fraction is not None and not self.factors:
            raise ValueError("fraction: given, but there are no factors")
        if not self.variants:
            if not self.factors:
                raise ValueError("variants: missing; give two or more, or factors that make them")
            object.__setattr__(self, "variants", combined(self.factors, self.fraction))
        check(self.factors, self.variants)

    def _settle_policy(self) -> None:
        least, most = self.reward_bounds
        bounded = math.isfinite(least) and math.isfinite(most)
        if self.policy is None:
            learning = LinThompson() if self.features else ThompsonBeta() if bounded else ThompsonNormal()
            object.__setattr__(self, "policy", learning if self.type == "bandit" else Fixed())
        if self.type in ("ab_test", "canary") and not isinstance(self.policy, Fixed):
            which = "a canary" if self.type == "canary" else "an ab_test"
            raise ValueError(f"policy: {which} has a fixed split, given {self.resolved_policy.name!r}")
        if self.resolved_policy.contextual and not self.features:
            raise ValueError(
                f"features: {self.resolved_policy.name!r} reads a context; give the numbers that it holds, "
                'such as [{"key": "hour", "lower": 0, "upper": 23}]'
            )
        if self.features and not self.resolved_policy.contextual:
            raise ValueError(
                f"features: {self.resolved_policy.name!r} reads no context; leave them out, or take 'lin_thompson'"
            )
        if self.alarm is not None and (self.resolved_policy.half_life is not None or self.resolved_policy.contextual):
            raise ValueError(
                f"alarm: not with {self.resolved_policy.name!r} that fades by a half-life or reads a context"
            )
        if self.cost is not None and (self.resolved_policy.contextual or isinstance(self.policy, Fixed)):
            raise ValueError(
                f"cost: not with {self.resolved_policy.name!r}, whose weights cannot be mixed to keep a limit"
            )
        if self.resolved_policy.rewards == "count" and not self._counts:
            raise ValueError(
                f"policy: {self.resolved_policy.name!r} is sound only for one count that is to increase, "
                "without origin and upper bound"
            )
        if self.resolved_policy.rewards in ("unit", "sub_gaussian") and not bounded:
            other = "lin_thompson" if self.features else "thompson_normal"
            raise ValueError(
                f"policy: {self.resolved_policy.name!r} is sound only for bounded rewards; "
                f"give {' and '.join(map(repr, self.goals))} a lower and an upper bound, or take {other!r}"
            )

    def _settle_assignment(self) -> None:
        check_assignment(self.variants, self.segments, self.forced, self.assignment)
        fixed = isinstance(self.policy, Fixed)
        if self.type == "shadow" and not fixed:
            raise ValueError(f"policy: a shadow learns nothing, given {self.resolved_policy.name!r}")
        if self.type == "shadow" and self.forced:
            raise ValueError("forced: a shadow experiment serves the control to everybody")
        for field in ("assignment", "segments"):
            if getattr(self, field) and (not fixed or self.type == "shadow"):
                what = "a shadow" if self.type == "shadow" else repr(self.resolved_policy.name)
                raise ValueError(f"{field}: goes with a fixed split, not with {what}")
        if self.assignment == "round_robin" and (self.segments or self.floor or self.reweight.holdout):
            raise ValueError("assignment: 'round_robin' goes without segments, floor and holdout")
        if not self.sticky and (self.sticky_for is not None or self.assignment == "hash"):
            field = "assignment" if self.sticky_for is None else "sticky_for"
            raise ValueError(f"{field}: only sticky units keep a variant")

    def _check_control(self) -> None:
        """Checks what is watched, when it ends, and how it is rolled out."""
        metrics = {metric.key: metric for metric in self.metrics}
        canary = self.type == "canary"
        for reason in consistent(self.guardrails, metrics, self.variants, pooled=not self.features, canary=canary):
            raise ValueError(f"guardrails{reason}")
        if self.stopping is not None and (refusal := self.stopping.refusal(self)):
            raise ValueError(f"stopping.{refusal}")
        if canary != (self.rollout is not None):
            raise ValueError("rollout: a canary has one, and no other type")
        if self.rollout is not None:
            for reason in consistent(self.rollout.criteria, metrics, self.variants, pooled=True, canary=canary):
                raise ValueError(f"rollout.criteria{reason}")
            if len(self.variants) != 2 or not any(variant.is_control for variant in self.variants):
                raise ValueError("variants: a canary has a control, marked with is_control, and one candidate")
            if any(variant.weight != 1.0 for variant in self.variants):
                raise ValueError("variants: the weights of a canary follow from the steps of its rollout")

    @property
    def _counts(self) -> bool:
        """Whether the objective is a plain count."""
        metrics = {metric.key: metric for metric in self.metrics}
        (key, weight), *more = self.goals.items()
        metric = metrics[key]
        return not more and weight == 1.0 and metric.type == "count" and not metric.origin and metric.upper is None

    @property
    def reward_bounds(self) -> tuple[float, float]:
        """Least and greatest objective of a trial, infinite where a metric is not bounded."""
        least = most = 0.0
        for metric in self.metrics:
            if weight := self.goals.get(metric.key, 0.0):
                ends = [weight * end for end in metric.bounds]
                least += min(ends)
                most += max(ends)
        return least, most


class StoredExperiment(Experiment):
    """A definition with what became of it."""

    status: Status = "draft"
    epoch: int = 0
    created_at: float = Field(default=0.0, description="Seconds since 1970, as all times.")
    started_at: float | None = None
    ended_at: float | None = None
    stop_reason: Text = ""
    refused_start_at: float | None = Field(default=None, description="The `start_at` at which it could not be started.")
    trips: list[Trip] = Field(default_factory=list, description="Guardrails that tripped and were not cleared.")
    guarded_since: dict[Key, int] = Field(
        default_factory=dict, description="The epoch since which a guardrail reads; absent: the first."
    )
    rollout_state: RolloutState | None = Field(default=None, description="Where the rollout is; unset: not started.")
    conclusion: Conclusion | None = Field(default=None, description="What a stopping rule has found.")

    @property
    def frozen(self) -> bool:
        """Whether weights may not follow what is learnt."""
        return any(trip.action == "freeze_weights" for trip in self.trips)

    @property
    def rolled_back(self) -> bool:
        """Whether the control alone is served."""
        rolled = self.rollout_state is not None and self.rollout_state.status == "rolled_back"
        return rolled or any(trip.action == "roll_back" for trip in self.trips)

    @property
    def shares(self) -> list[float]:
        """The configured weights as they are in force, in any unit: less what is paused, or rolled out, or back."""
        if self.rolled_back:
            return [float(variant.is_control) for variant in self.variants]
        if self.rollout is not None:
            share = 0.0 if self.rollout_state is None else self.rollout_state.share
            return [1.0 - share if variant.is_control else share for variant in self.variants]
        paused = {trip.variant for trip in self.trips if trip.action == "pause_arm"}
        left = [0.0 if variant.key in paused else variant.weight for variant in self.variants]
        return left if any(left) else [float(variant.is_control) for variant in self.variants]

    log: Literal["kept", "removing", "removed"] = Field(
        default="kept", description="Whether its decisions and events are there, or were kept for long enough."
    )
    log_removed_at: float | None = None

    def check_log(self) -> None:
        """Checks that its decisions and events are there.

        Raises:
            WrongState: They were removed.
        """
        if self.log != "kept":
            at = datetime.fromtimestamp(self.log_removed_at or 0.0, UTC).isoformat(timespec="seconds")
            raise WrongState(f"the log of experiment {self.key!r} was removed at {at}; its results are kept")


def fill_in(given: Mapping[str, Any]) -> dict[str, Any]:
    """Adds what follows from the rest: a lone metric is primary, the trial fits sticky, the salt is the key."""
    filled = dict(given)
    metrics = filled.get("metrics")
    if isinstance(metrics, (list, tuple)) and len(metrics) == 1:
        only = metrics[0]
        if isinstance(only, dict) and "primary" not in only and only.get("role") is None:
            filled["metrics"] = [{**only, "primary": True}]
        elif isinstance(only, Metric) and "primary" not in only.model_fields_set and only.role == "secondary":
            filled["metrics"] = [only.model_copy(update={"primary": True, "role": "primary"})]
    if filled.get("trial") is None:
        filled["trial"] = "unit" if filled.get("sticky", True) is True else "decision"
    filled["salt"] = filled.get("salt") or filled.get("key", "")
    return filled
