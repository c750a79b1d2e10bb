"""What an experiment is: its variants, its metrics, and how it learns."""

import json
import math
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from policies import AnyPolicy, Duration, Fixed, LinThompson, Policy, ThompsonBeta, ThompsonNormal

Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$", description="Letters, digits, `.`, `_`, `-`; 1 to 100.")]
Text = Annotated[str, Field(max_length=10_000)]
Status = Literal["draft", "running", "paused", "completed", "stopped", "archived"]

MOST_CONFIG_BYTES = 65_536
MOST_FEATURES = 50
GREATEST = 1e12
DEFAULT_FLOOR = 0.01


class Model(BaseModel):
    """Frozen, strict, and closed: an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Variant(Model):
    """One of the things that may be served; a policy sees it as an arm."""

    key: Key
    name: Text = ""
    description: Text = ""
    config: JsonValue = Field(default_factory=dict, description="Any JSON; handed out with each decision.")
    weight: float = Field(default=1.0, ge=0.0, le=1e9, description="Share of a fixed split; 0 is never served.")
    is_control: bool = False

    @model_validator(mode="after")
    def _config_is_small(self) -> Self:
        if len(json.dumps(self.config, allow_nan=False)) > MOST_CONFIG_BYTES:
            raise ValueError(f"config: must be at most {MOST_CONFIG_BYTES} bytes of JSON")
        return self


class Metric(Model):
    """What is measured on a trial, and what its events, its window and its absence mean."""

    key: Key
    name: Text = ""
    type: Literal["conversion", "continuous", "count", "ratio"] = "conversion"
    goal: Literal["increase", "decrease"] = "increase"
    primary: bool = False
    aggregation: Literal["first", "last", "sum", "max", "count"] = Field(
        default="last", description="What the events of one decision add up to."
    )
    window: Duration | None = Field(default=None, description="How long after its exposure a decision earns.")
    missing: Literal["wait"] | float = Field(
        default="wait", description="`wait`: only rewarded trials count; a number: taken when the window closes."
    )
    late: Literal["refuse", "correct"] = Field(
        default="refuse", description="Whether an event after the window is kept out or corrects the outcome."
    )
    lower: float | None = Field(
        default=None, ge=-GREATEST, le=GREATEST, description="Least value of an event and of a trial."
    )
    upper: float | None = Field(default=None, ge=-GREATEST, le=GREATEST)
    origin: float = Field(
        default=0.0, ge=-GREATEST, le=GREATEST, description="Sums are kept of value - origin: set it near a large mean."
    )
    numerator: Key | None = Field(default=None, description="For a ratio: the metric above the line.")
    denominator: Key | None = None
    covariate: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        default=None,
        description="A numeric attribute, known before the trial, that takes variance off comparisons.",
    )
    minimum_effect: float | None = Field(
        default=None,
        gt=0.0,
        le=1e6,
        description="Least effect worth having, as a part of the control; else the analysis's.",
    )

    @property
    def bounds(self) -> tuple[float, float]:
        """Least and greatest value of a trial, infinite where nothing bounds it.

        What the events of a trial add up to is kept within them: a unit that converts twice has converted.
        """
        if self.type == "conversion":
            return 0.0, 1.0
        lowest = 0.0 if self.type == "count" else -math.inf
        return (
            lowest if self.lower is None else self.lower,
            math.inf if self.upper is None else self.upper,
        )

    def refusal(self, value: float) -> str | None:
        """Why `value` may not be the value of one event, or None if it may."""
        if not math.isfinite(value):
            return f"must be a finite number, given {value}"
        if self.type == "conversion" and value not in (0.0, 1.0):
            return f"must be 0 or 1 for the conversion {self.key!r}, given {value:g}"
        if self.type == "ratio":
            return f"{self.key!r} is computed from {self.numerator!r} and {self.denominator!r}; reward those"
        if self.type == "count" and (value < 0.0 or value != int(value)):
            return f"must be a whole number, 0 or more, for the count {self.key!r}, given {value:g}"
        if self.lower is not None and value < self.lower:
            return f"must be at least {self.lower:g} for {self.key!r}, given {value:g}"
        if self.upper is not None and value > self.upper:
            return f"must be at most {self.upper:g} for {self.key!r}, given {value:g}"
        if abs(value) > GREATEST:
            return f"must be within {GREATEST:g} of zero, given {value:g}"
        return None

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise ValueError(f"upper: must be above lower ({self.lower:g}), given {self.upper:g}")
        if (self.type == "ratio") != (self.numerator is not None and self.denominator is not None):
            raise ValueError("numerator, denominator: a ratio names both, no other type names either")
        if self.type == "ratio" and self.origin:
            raise ValueError("origin: a ratio has none; give its numerator and denominator theirs")
        if self.type == "ratio" and self.covariate is not None:
            raise ValueError("covariate: a ratio has none; give its numerator or denominator one")
        if self.type == "ratio" and self.primary:
            raise ValueError("primary: a ratio has no value for one trial to learn from; choose its numerator")
        if self.missing != "wait":
            if self.window is None:
                raise ValueError("window: needed with a default for missing rewards, which is taken when it closes")
            if refusal := self.refusal(self.missing):
                raise ValueError(f"missing: {refusal}")
        return self


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


class Experiment(Model):
    """A definition, as a caller gives it."""

    key: Key
    name: Text = ""
    description: Text = ""
    hypothesis: Text = ""
    owner: Annotated[str, Field(max_length=200)] = ""
    tags: list[Annotated[str, Field(max_length=100)]] = Field(default_factory=list, max_length=100)
    type: Literal["bandit", "ab_test"] = "bandit"
    variants: list[Variant] = Field(min_length=2, max_length=1000)
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
    reweight: Reweight = Reweight()
    alarm: Alarm | None = Field(default=None, description="Watches for changes of what the arms earn; unset: none.")
    cost: Cost | None = Field(default=None, description="What the policy's choices may cost; unset: no limit.")
    analysis: Analysis = Analysis()

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

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        """What follows from the rest: a lone metric is primary, the trial fits sticky, the salt is the key."""
        if not isinstance(given, dict):
            return given
        given = dict(given)
        metrics = given.get("metrics")
        if isinstance(metrics, (list, tuple)) and len(metrics) == 1:
            only = metrics[0]
            if isinstance(only, dict) and "primary" not in only:
                given["metrics"] = [{**only, "primary": True}]
            elif isinstance(only, Metric) and "primary" not in only.model_fields_set:
                given["metrics"] = [only.model_copy(update={"primary": True})]
        if given.get("trial") is None:
            given["trial"] = "unit" if given.get("sticky", True) is True else "decision"
        given["salt"] = given.get("salt") or given.get("key", "")
        return given

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
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
        self._settle_policy()
        return self

    def _settle_policy(self) -> None:
        least, most = self.reward_bounds
        bounded = math.isfinite(least) and math.isfinite(most)
        if self.policy is None:
            learning = LinThompson() if self.features else ThompsonBeta() if bounded else ThompsonNormal()
            object.__setattr__(self, "policy", Fixed() if self.type == "ab_test" else learning)
        if self.type == "ab_test" and not isinstance(self.policy, Fixed):
            raise ValueError(f"policy: an ab_test has a fixed split, given {self.resolved_policy.name!r}")
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
        if self.resolved_policy.rewards == "unit" and not bounded:
            other = "lin_thompson" if self.features else "thompson_normal"
            raise ValueError(
                f"policy: {self.resolved_policy.name!r} is sound only for bounded rewards; "
                f"give {' and '.join(map(repr, self.goals))} a lower and an upper bound, or take {other!r}"
            )

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
