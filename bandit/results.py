"""What an experiment has shown so far: sizes, estimates, weights."""

import json
import math
from typing import Literal

import numpy as np
from pydantic import Field

from bandit.experiment import Status, StoredExperiment
from bandit.metric import Metric
from bandit.model import Model
from bandit.rows import EpochRow, ExperimentRow, Standing
from bandit.running import EVERYONE, Running, load
from bandit.statistics.finding import Finding, Kind, Severity
from bandit.store import Reader
from policies import COLUMNS, ThompsonBeta, ThompsonNormal


class MetricResult(Model):
    """One metric of one variant: how many trials have a value, their sum and mean (None without any)."""

    count: float
    sum: float
    mean: float | None


class VariantResult(Model):
    """One variant: exposed decisions, trials, the probability of being drawn now and of being the best.

    Where the probability depends on the context, `weight` is the mean of those that the trials so far were drawn with.
    """

    key: str
    decisions: int
    units: int
    weight: float
    p_best: float
    metrics: dict[str, MetricResult]


class Reweighting(Model):
    """How often weights follow the rewards: `every` seconds, 0 for at once, as configured or as the budget forces."""

    every: float
    reason: Literal["immediate", "configured", "budget", "fixed"]


Interval = tuple[float | None, float | None]


class ComparisonResult(Model):
    """A variant held against the control for one metric.

    An end of an interval is null where it is infinite. Where there is no valid method the numbers are null and
    `refused` says why, and what to do. `significant` allows for the number of variants (Bonferroni), as the interval
    does; the p-value is that of this comparison alone. `variance_reduction` is the part of the effect's variance that a
    covariate took away.
    """

    metric: str
    variant: str
    control: str
    effect: float | None = None
    relative_effect: float | None = None
    interval: Interval = (None, None)
    relative_interval: Interval | None = None
    p_value: float | None = None
    significant: bool = False
    method: str | None = None
    variance_reduction: float | None = None
    warnings: list[str] = Field(default_factory=list)
    refused: str | None = None


class FindingResult(Model):
    """Something about the data that a reader of the results must know."""

    kind: Kind
    severity: Severity
    message: str
    recommendation: str
    numbers: dict[str, float | None]

    @classmethod
    def of(cls, finding: Finding) -> "FindingResult":
        """A finding as it is shown: a number that JSON cannot hold is null."""
        numbers = {
            name: number if number is not None and math.isfinite(number) else None
            for name, number in finding.numbers.items()
        }
        return cls(
            kind=finding.kind,
            severity=finding.severity,
            message=finding.message,
            recommendation=finding.recommendation,
            numbers=numbers,
        )


class VerdictResult(Model):
    """What to do, and why. `more_units` and `more_days` are what it would about take to decide."""

    decision: Literal["keep_collecting", "ship", "no_difference", "harmful", "not_trustworthy"]
    variant: str | None
    reasons: list[str]
    losing: list[str]
    more_units: int | None
    more_days: int | None


class Judgement(Model):
    """What follows from an experiment's sums. `method` is that of the primary metric's comparisons."""

    method: str | None
    withheld: str = Field(description="Why the usual tests are not shown; empty where they are.")
    comparisons: list[ComparisonResult]
    quality: list[FindingResult]
    verdict: VerdictResult


SWITCHED_OFF = "Statistical analysis is switched off, by the setting enable_statistical_analysis."
UNJUDGED = Judgement(
    method=None,
    withheld=SWITCHED_OFF,
    comparisons=[],
    quality=[],
    verdict=VerdictResult(
        decision="keep_collecting", variant=None, reasons=[SWITCHED_OFF], losing=[], more_units=None, more_days=None
    ),
)


class Quality(Model):
    """Everything that is odd about an experiment's data, from its log."""

    findings: list[FindingResult]


class SegmentResult(Model):
    """A comparison within one value of an attribute. `significant` follows from the adjusted p-value (Holm)."""

    value: str
    units: int
    adjusted_p_value: float | None
    comparison: ComparisonResult


class Segments(Model):
    """An experiment by the values of an attribute.

    `differ` has for each variant the p-value of its effect being the same in all of them, where weights never moved.
    """

    attribute: str
    metric: str
    segments: list[SegmentResult]
    differ: dict[str, float | None]


class Point(Model):
    """What was known of a variant at a time: the units and the mean value of the span before, and of all until then."""

    at: float
    variant: str
    units: int
    value: float | None
    count: float
    mean: float | None
    effect: float | None = None
    interval: Interval | None = None
    p_value: float | None = None
    method: str | None = None


class Series(Model):
    """An experiment over time, in spans of `every` seconds. Only sequential methods may be watched to stop by them."""

    metric: str
    every: float
    points: list[Point]


class Results(Judgement):
    """An experiment's results. `epoch` counts the spans of constant weights; the weights are those in force."""

    experiment: str
    status: Status
    epoch: int
    reweighting: Reweighting
    variants: list[VariantResult]


def results(
    reader: Reader,
    row: ExperimentRow,
    standing: Standing,
    interval: float,
    now: float,
    method: str | None = None,
    *,
    analysis: bool = True,
) -> Results:
    """Reads the results of an experiment.

    Args:
        reader: Of one moment.
        row: The experiment.
        standing: Where it is.
        interval: Seconds between two epochs that the compute budget forces now.
        now: Seconds since 1970.
        method: A method of comparing, instead of the one that is valid for how the data were collected.
        analysis: Whether to compare and judge; without, only what was counted is given.

    Raises:
        InvalidInput: There is no such method, or it is for none of the metrics.
    """
    from bandit.evidence import Evidence  # what decides must not load scipy
    from bandit.judgement import judge

    running = load(row, standing)
    experiment = running.experiment
    sizes = {variant: (decisions, trials, expected) for variant, decisions, trials, expected in reader.sizes(row.id, 0)}
    evidence = Evidence(reader, running)
    sums = evidence.sums
    judgement = judge(evidence, days(experiment, now), method) if analysis else UNJUDGED
    weights = current(running, reader.epoch(row.id, standing.epoch, EVERYONE))
    if running.contextual is not None and (opened := sum(trials for _, trials, _ in sizes.values())):
        weights = [sizes.get(arm, (0.0, 0.0, 0.0))[2] / opened for arm in range(len(running.keys))]
    best = p_best(running, sums)
    variants = []
    for arm, key in enumerate(running.keys):
        decisions, trials, _ = sizes.get(arm, (0.0, 0.0, 0.0))
        metrics = {metric.key: _metric(running, metric, arm, sums) for metric in experiment.metrics}
        variants.append(
            VariantResult(
                key=key,
                decisions=round(decisions),
                units=round(trials),
                weight=weights[arm],
                p_best=best[arm],
                metrics=metrics,
            )
        )
    return Results(
        **dict(judgement),
        experiment=experiment.key,
        status=experiment.status,
        epoch=standing.epoch,
        reweighting=_reweighting(running, interval),
        variants=variants,
    )


def days(experiment: StoredExperiment, now: float) -> float:
    """Days that an experiment has run, or ran, in whole tenths: results that nothing happened to stay the same."""
    if experiment.started_at is None:
        return 0.0
    return math.floor(max(0.0, (experiment.ended_at or now) - experiment.started_at) / 8640.0) / 10.0


def current(running: Running, epoch: EpochRow | None) -> list[float]:
    """The probabilities in force; those that the configured weights give, before the start and without a context."""
    if running.experiment.type == "shadow":
        return [float(arm == running.control) for arm in range(len(running.keys))]
    if epoch is None or running.contextual is not None:
        return running.distribution(EVERYONE, running.base).probabilities
    probabilities: list[float] = json.loads(epoch.probabilities)
    return probabilities


def p_best(running: Running, sums: dict[tuple[int, int], list[float]]) -> list[float]:
    """Each variant's probability of having the best mean of the primary metric; 0 for those that are not served.

    From Beta posteriors with a uniform prior where the metric is bounded, else from Gaussian ones. It is a statement of
    belief about the data so far, not a test.
    """
    metric = running.experiment.primary
    state = np.zeros((len(running.keys), COLUMNS))
    for arm in range(len(running.keys)):
        if values := sums.get((arm, running.primary)):
            state[arm, : len(values)] = values
    lower, upper = metric.bounds
    sign = 1.0 if metric.goal == "increase" else -1.0
    if np.isfinite([lower, upper]).all():
        count, total = state[:, 0], state[:, 1] + state[:, 0] * metric.origin
        share = (total - count * lower) / (upper - lower)
        state[:, 1] = np.clip(share if sign > 0 else count - share, 0.0, count)
        policy: ThompsonBeta | ThompsonNormal = ThompsonBeta()
    else:
        state[:, 1] *= sign
        policy = ThompsonNormal()
    served = list(running.full)
    out = np.empty(len(served))
    base = np.array(running.base)[served]
    policy.weights(state[served], np.empty(0), float(state[served, 0].sum()), policy.parameters(base), out)
    best = [0.0] * len(running.keys)
    for arm, probability in zip(served, out.tolist(), strict=True):
        best[arm] = probability
    return best


def _metric(running: Running, metric: Metric, arm: int, sums: dict[tuple[int, int], list[float]]) -> MetricResult:
    if metric.type == "ratio" and metric.numerator is not None and metric.denominator is not None:
        above = _metric(running, running.experiment.metrics[running.metrics[metric.numerator]], arm, sums)
        below = _metric(running, running.experiment.metrics[running.metrics[metric.denominator]], arm, sums)
        return MetricResult(count=below.count, sum=above.sum, mean=above.sum / below.sum if below.sum else None)
    count, total, _, _ = sums.get((arm, running.metrics[metric.key]), (0.0, 0.0, 0.0, 0.0))
    total += count * metric.origin
    return MetricResult(count=count, sum=total, mean=total / count if count else None)


def _reweighting(running: Running, interval: float) -> Reweighting:
    every = running.experiment.reweight.every
    if running.fixed:
        return Reweighting(every=every, reason="fixed")
    if interval > every:
        return Reweighting(every=interval, reason="budget")
    return Reweighting(every=every, reason="configured" if every else "immediate")
