"""What an experiment's results say: comparisons with the control, checks of the data, and what to do."""

import math
from collections.abc import Iterable
from functools import partial
from typing import Literal

from bandit import split
from bandit.errors import InvalidInput
from bandit.evidence import Evidence
from bandit.metric import Metric
from bandit.results import ComparisonResult, FindingResult, Judgement, VerdictResult
from bandit.running import Running
from bandit.statistics import quality, sample_ratio, selection
from bandit.statistics.comparison import Comparison, Refused
from bandit.statistics.covariates import AdjustedComparison
from bandit.statistics.finding import Finding
from bandit.statistics.gates import Gates
from bandit.statistics.selection import Data
from bandit.statistics.verdict import Contender, Verdict, verdict

UNPAIRED = (
    "every unit has an outcome of both variants, which are compared as if they were of different units: the interval "
    "is too wide where the outcomes of a unit go together, and too narrow where they go apart"
)


def judge(evidence: Evidence, days: float, asked: str | None = None) -> Judgement:
    """Compares every variant with the control for every metric, checks the data, and decides.

    Args:
        evidence: What the store says.
        days: Since the experiment started, until it ended or now.
        asked: A method by name, instead of the valid one; for metrics of another kind the default stays.

    Raises:
        InvalidInput: There is no such method, or it is for none of the metrics.
    """
    running = evidence.running
    experiment = running.experiment
    control, treatments = sides(running)
    alpha = experiment.analysis.alpha / max(1, len(treatments))
    for method in (asked, experiment.analysis.method):
        if method is not None:
            check(method, experiment.metrics)
    found: dict[tuple[int, int], Comparison | Refused] = {}
    for place, metric in enumerate(experiment.metrics):
        method = asked or metric.method or experiment.analysis.method
        for arm in treatments:
            data = collected(evidence, place, arm, control)
            try:
                named = method if method is not None and selection.METHODS[method].takes(data) else None
                found[place, arm] = selection.compare(data, alpha, named)
            except Refused as refusal:
                found[place, arm] = refusal
    primary = {arm: found[running.primary, arm] for arm in treatments}
    noticed = list(findings(evidence, days))
    used = [one.method for one in primary.values() if isinstance(one, Comparison)]
    shown_comparisons = [
        result(experiment.metrics[place], running.keys[arm], running.keys[control], alpha, one)
        for (place, arm), one in found.items()
    ]
    return Judgement(
        method=used[0] if used else None,
        withheld=selection.withheld(collected(evidence, running.primary, control, control)),
        comparisons=[_unpaired(one) for one in shown_comparisons] if evidence.shadow else shown_comparisons,
        quality=[FindingResult.of(finding) for finding in noticed],
        verdict=_verdict(evidence, primary, control, days, noticed),
    )


def _unpaired(shown: ComparisonResult) -> ComparisonResult:
    """A comparison of shadows, which says what it does not allow for."""
    return shown.model_copy(update={"warnings": [*shown.warnings, UNPAIRED]})


def sides(running: Running) -> tuple[int, list[int]]:
    """The control, which is the variant marked as one or the first that is served, and the other served ones."""
    return running.control, [arm for arm in running.full if arm != running.control]


def check(method: str, metrics: list[Metric]) -> None:
    """Checks that a method exists, and is for one of the metrics.

    Raises:
        InvalidInput: It does not, or is for none.
    """
    if method not in selection.METHODS:
        known = ", ".join(selection.METHODS)
        raise InvalidInput.field("method", f"{method[:100]!r} given, must be one of {known}")
    if selection.METHODS[method].covariate and not any(metric.covariate for metric in metrics):
        raise InvalidInput.field("method", f"{method!r} is for a metric with a covariate, of which there is none")
    if not any(_kind(metric) in selection.METHODS[method].kinds for metric in metrics):
        kinds = " or ".join(sorted(selection.METHODS[method].kinds))
        raise InvalidInput.field("method", f"{method!r} is for a {kinds}, of which there is none")


def _kind(metric: Metric) -> Literal["conversion", "mean", "ratio"]:
    return "conversion" if metric.type == "conversion" else "ratio" if metric.type == "ratio" else "mean"


def collected(evidence: Evidence, place: int, arm: int, control: int) -> Data:
    """What two arms have shown of the metric at a place, as a comparison takes it."""
    metric = evidence.running.experiment.metrics[place]
    kind, moved, contextual = _kind(metric), evidence.moved, evidence.contextual
    sequential = evidence.running.experiment.analysis.sequential
    if kind == "ratio":
        joint = evidence.ratio(arm, place), evidence.ratio(control, place)
        by_epoch = partial(evidence.ratio_epochs, place)
        return Data(kind, moved, sequential, contextual, joint=joint, joint_epochs=by_epoch, places=(arm, control))
    return Data(
        kind,
        moved,
        sequential,
        contextual,
        covariate=evidence.adjusted(place, (arm, control)),
        treatment=evidence.sample(arm, place),
        control=evidence.sample(control, place),
        epochs=partial(evidence.epochs, place),
        places=(arm, control),
        bounds=metric.bounds,
        again=partial(evidence.redrawable, place),
    )


def findings(evidence: Evidence, days: float) -> Iterable[Finding]:
    """What the sums tell of how the data were collected; what needs the log is not here."""
    running, analysis = evidence.running, evidence.running.experiment.analysis
    keys = [running.keys[arm] for arm in running.full]
    trials = [evidence.trials[arm] for arm in running.full]
    for found in (
        _split(evidence),
        quality.too_few_units(keys, trials, analysis.minimum_units),
        quality.too_few_days(days, analysis.minimum_days),
    ):
        if found:
            yield found


def _split(evidence: Evidence) -> Finding | None:
    running = evidence.running
    if not split.independent(running):
        return None
    if running.experiment.analysis.sequential:
        return split.mismatch(running, split.by_epoch(evidence.reader, running), sample_ratio.anytime)
    return split.mismatch(running, evidence.draws(), sample_ratio.changing)


def _verdict(
    evidence: Evidence,
    primary: dict[int, Comparison | Refused],
    control: int,
    days: float,
    findings: list[Finding],
) -> VerdictResult:
    running, analysis = evidence.running, evidence.running.experiment.analysis
    several = len(primary)
    contenders = []
    for arm, found in primary.items():
        comparison = found if isinstance(found, Comparison) else None
        p_value = None if comparison is None or comparison.p_value is None else min(1.0, comparison.p_value * several)
        contenders.append(Contender(running.keys[arm], evidence.trials[arm], comparison, p_value))
    metric = running.experiment.primary
    least = metric.minimum_effect or analysis.minimum_effect
    gates = Gates(analysis.minimum_days, analysis.minimum_units, analysis.alpha, least)
    decided: Verdict = verdict(contenders, evidence.trials[control], days, findings, goal=metric.goal, gates=gates)
    reasons = [*decided.reasons, *(str(refused) for refused in primary.values() if isinstance(refused, Refused))]
    return VerdictResult(
        decision=decided.decision,
        variant=decided.variant,
        reasons=reasons,
        losing=list(decided.losing),
        more_units=decided.more_units,
        more_days=decided.more_days,
    )


def result(metric: Metric, variant: str, control: str, alpha: float, found: Comparison | Refused) -> ComparisonResult:
    """A comparison, or why there is none, as it is shown."""
    if isinstance(found, Refused):
        return ComparisonResult(metric=metric.key, variant=variant, control=control, refused=str(found))
    lower, upper = found.interval
    significant = found.p_value <= alpha if found.p_value is not None else not lower <= 0.0 <= upper
    return ComparisonResult(
        metric=metric.key,
        variant=variant,
        control=control,
        effect=finite(found.effect),
        relative_effect=finite(found.relative_effect),
        interval=(finite(lower), finite(upper)),
        relative_interval=None
        if found.relative_interval is None
        else (finite(found.relative_interval[0]), finite(found.relative_interval[1])),
        p_value=finite(found.p_value),
        significant=significant,
        method=found.method,
        variance_reduction=finite(found.variance_reduction) if isinstance(found, AdjustedComparison) else None,
        warnings=list(found.warnings),
    )


def finite(number: float | None) -> float | None:
    """The number, or None where it is none that JSON can hold."""
    return number if number is not None and math.isfinite(number) else None
