"""What must hold of a metric: guardrails, criteria of a rollout, and the record of a guardrail that tripped."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from bandit.metric import Metric
from bandit.model import GREATEST, Key, Model, Text
from bandit.variant import Variant
from policies import Duration

LEAST_OF_A_MEAN = 100
"""Values from which on a sequence that relies on a Gaussian limit is looked at."""

Side = Literal["above", "below"]
Outcome = Literal["passes", "inconclusive", "trips"]
Action = Literal["alert", "pause_arm", "freeze_weights", "stop", "roll_back"]
Limit = Annotated[float, Field(ge=-GREATEST, le=GREATEST)]


class Criterion(Model):
    """A limit that a metric of a variant must keep: a number, or the control's mean and a margin.

    It passes, or trips, once a confidence sequence lies wholly on one side of the limit; until then, and without data,
    it is inconclusive.
    """

    key: Key = Field(description="Its name; unset: the metric's.")
    metric: Key
    must_be: Side | None = Field(default=None, description="Unset: by the metric's goal, `below` for a decrease.")
    threshold: Limit | None = Field(default=None, description="The limit as a number.")
    margin: Limit | None = Field(
        default=None, description="The limit is the control's mean, less strict by this much; below 0: stricter."
    )
    relative_margin: Annotated[float, Field(gt=-1.0, le=1e6)] | None = Field(
        default=None, description="The same as a part of the control's mean."
    )
    minimum_units: int = Field(
        default=LEAST_OF_A_MEAN, ge=1, le=10**12, description="Values, of each variant it reads."
    )
    window: Duration | None = Field(
        default=None,
        ge=1.0,
        description="Reads trials that began within it; unset: since the guardrail, or step, began.",
    )
    alpha: float = Field(
        default=0.05,
        gt=0.0,
        lt=1.0,
        description="Probability of ever tripping, on any variant, while the limit is kept.",
    )

    @property
    def compares(self) -> bool:
        """Whether the limit follows from the control."""
        return self.threshold is None

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        if isinstance(given, dict) and "key" not in given and "metric" in given:
            return {**given, "key": given["metric"]}
        return given

    @model_validator(mode="after")
    def _has_one_limit(self) -> Self:
        if sum(limit is not None for limit in (self.threshold, self.margin, self.relative_margin)) != 1:
            raise ValueError("threshold, margin, relative_margin: exactly one must be given")
        return self


class Guardrail(Criterion):
    """A criterion that is watched while an experiment runs, and what is done when it trips."""

    variants: list[Key] | None = Field(
        default=None, min_length=1, max_length=1000, description="Which are watched; unset: all but the control."
    )
    action: Action = Field(
        default="alert",
        description=(
            "`pause_arm` serves the variant no more, `freeze_weights` lets weights learn no more, `stop` ends the"
            " experiment, `roll_back` serves the control alone. Each tells people, and lasts until the trip is cleared."
        ),
    )


class CheckResult(Model):
    """A criterion held against the data of one variant. An end of an interval is null where it is infinite.

    `value` and `limit` are means where the limit is a threshold; else the difference from the control, or that as a
    part of the control.
    """

    criterion: Key
    metric: Key
    variant: Key
    outcome: Outcome
    units: int
    control_units: int | None = None
    value: float | None = None
    interval: list[float | None] = Field(default=[None, None], min_length=2, max_length=2)
    must_be: Side
    limit: float
    reason: Text


class Checks(Model):
    """What every guardrail says of every variant it watches, and what has tripped and was not cleared."""

    results: list[CheckResult]
    trips: list["Trip"]


class Trip(CheckResult):
    """A guardrail that has tripped, with the value that tripped it; latched until somebody clears it.

    `action` is what was done, `wanted` what the guardrail asks for.
    """

    wanted: Action
    action: Action
    at: float


def consistent(
    criteria: Sequence[Criterion],
    metrics: Mapping[str, Metric],
    variants: Sequence[Variant],
    *,
    pooled: bool,
    canary: bool,
) -> Iterator[str]:
    """What is wrong with criteria of an experiment: the field, from within the list, and why.

    Args:
        criteria: Guardrails, or the criteria of a rollout.
        metrics: Those of the experiment by their keys.
        variants: Those of the experiment.
        canary: Whether they are a canary's.
        pooled: Whether the trials of a variant can be taken together, which those drawn in contexts cannot.
    """
    keys = [criterion.key for criterion in criteria]
    for place, criterion in enumerate(criteria):
        metric = metrics.get(criterion.metric)
        if keys.index(criterion.key) != place:
            yield f"[{place}].key: {criterion.key!r} is given twice"
        if metric is None or metric.type == "ratio":
            yield f"[{place}].metric: {criterion.metric!r} is not a metric that is rewarded"
            continue
        if canary and isinstance(criterion, Guardrail) and criterion.action in ("pause_arm", "freeze_weights"):
            yield f"[{place}].action: {criterion.action!r} given, a canary has roll_back, stop or alert"
        for reason in (
            _limit(criterion, metric, pooled=pooled),
            _control(criterion, variants),
            _watched(criterion, variants),
        ):
            if reason:
                yield f"[{place}].{reason}"


def _limit(criterion: Criterion, metric: Metric, *, pooled: bool) -> str | None:
    lower, upper = metric.bounds
    if criterion.threshold is not None and not lower < criterion.threshold < upper:
        return f"threshold: must lie between {lower:g} and {upper:g} for {metric.key!r}, given {criterion.threshold:g}"
    if criterion.margin is not None and math.isfinite(upper - lower) and abs(criterion.margin) >= upper - lower:
        return f"margin: must be within {upper - lower:g} for {metric.key!r}, given {criterion.margin:g}"
    if criterion.relative_margin is not None and not lower >= 0.0:
        return f"relative_margin: needs a metric that cannot be negative; give {metric.key!r} `lower` of 0 or more"
    if criterion.compares and not pooled:
        return "threshold: needed where a policy reads contexts; variants then have their trials in different ones"
    if metric.type != "conversion" and criterion.minimum_units < LEAST_OF_A_MEAN:
        return (
            f"minimum_units: must be at least {LEAST_OF_A_MEAN} for {metric.key!r}, whose guarantee is one in the"
            f" limit, given {criterion.minimum_units}"
        )
    return None


def _control(criterion: Criterion, variants: Sequence[Variant]) -> str | None:
    if any(variant.is_control for variant in variants):
        return None
    if criterion.compares:
        return "margin: needs a control; mark one of the variants with is_control"
    if isinstance(criterion, Guardrail) and criterion.action in ("roll_back", "pause_arm"):
        return f"action: {criterion.action!r} needs a control; mark one of the variants with is_control"
    return None


def _watched(criterion: Criterion, variants: Sequence[Variant]) -> str | None:
    if not isinstance(criterion, Guardrail) or criterion.variants is None:
        return None
    control = next((variant.key for variant in variants if variant.is_control), None)
    known = [variant.key for variant in variants]
    for place, key in enumerate(criterion.variants):
        if key not in known or key in criterion.variants[:place]:
            return f"variants[{place}]: {key!r} is not a variant, or given twice; there are {', '.join(known[:20])}"
        if key == control and (criterion.compares or criterion.action == "pause_arm"):
            return f"variants[{place}]: {key!r} is the control, which is not compared with itself, nor paused"
    return None
