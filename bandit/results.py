"""What an experiment has shown so far: sizes, estimates, weights."""

import json
from typing import Literal

import numpy as np

from bandit.experiment import Metric, Model, Status
from bandit.memory import load
from bandit.running import EVERYONE, Running
from bandit.store import EpochRow, ExperimentRow, Reader, Standing
from policies import COLUMNS, ThompsonBeta, ThompsonNormal


class MetricResult(Model):
    """One metric of one variant: how many trials have a value, their sum and mean (None without any)."""

    count: float
    sum: float
    mean: float | None


class VariantResult(Model):
    """One variant: exposed decisions, trials, the probability of being drawn now and of being the best."""

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


class Results(Model):
    """An experiment's results. `epoch` counts the spans of constant weights; the weights are those in force."""

    experiment: str
    status: Status
    epoch: int
    reweighting: Reweighting
    variants: list[VariantResult]


def results(reader: Reader, row: ExperimentRow, standing: Standing, interval: float) -> Results:
    """Reads the results of an experiment.

    Args:
        reader: Of one moment.
        row: The experiment.
        standing: Where it is.
        interval: Seconds between two epochs that the compute budget forces now.
    """
    running = load(row, standing)
    experiment = running.experiment
    sizes = {variant: (decisions, trials) for variant, decisions, trials, _ in reader.sizes(row.id, 0)}
    sums = {(variant, metric): values for variant, metric, values in reader.sums(row.id, 0)}
    weights = current(running, reader.epoch(row.id, standing.epoch, EVERYONE))
    best = p_best(running, sums)
    variants = []
    for arm, key in enumerate(running.keys):
        decisions, trials = sizes.get(arm, (0.0, 0.0))
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
        experiment=experiment.key,
        status=experiment.status,
        epoch=standing.epoch,
        reweighting=_reweighting(running, interval),
        variants=variants,
    )


def current(running: Running, epoch: EpochRow | None) -> list[float]:
    """The probabilities in force; before the start, those that the configured weights would give."""
    if epoch is None:
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
