"""Whether an experiment's plan will show the least effect that matters, by the sample size of a fixed split."""

from bandit.errors import InvalidInput
from bandit.experiment import Experiment
from bandit.sample_size import SampleSize, SampleSizeRequest
from policies import Fixed

Remarks = list[tuple[str, str]]


def needed(experiment: Experiment) -> tuple[SampleSize | None, Remarks]:
    """The units that the primary metric needs, or None and why that cannot be told."""
    from bandit.plan import plan as size  # loads scipy, which deciding does not need

    plan, metric, analysis = experiment.plan, experiment.primary, experiment.analysis
    if plan is None or plan.baseline is None:
        return None, [("plan.baseline", "unset, so that nothing is known of the power")]
    if metric.type == "continuous" and plan.sd is None:
        return None, [("plan.sd", "unset, so that nothing is known of the power")]
    effect = metric.minimum_effect or analysis.minimum_effect
    served = [variant for variant in experiment.variants if variant.weight > 0.0]
    try:
        request = SampleSizeRequest(
            metric_type=metric.type,
            baseline=plan.baseline,
            relative_effect=effect if metric.goal == "increase" else -effect,
            sd=plan.sd if metric.type == "continuous" else None,
            alpha=analysis.alpha,
            power=analysis.power,
            variants=max(2, len(served)),
            traffic=plan.traffic,
        )
        return size(request), []
    except InvalidInput as error:
        return None, [("plan.baseline", f"with an effect of {100.0 * effect:g}%: {error.detail}")]
    except ValueError:
        return None, [("analysis", "alpha or power are beyond what a sample size can be computed for")]


def power_warnings(experiment: Experiment, size: SampleSize) -> Remarks:
    """What is missing of the units that are needed."""
    units, of = _planned(experiment)
    wanted = f"{size.sample_size_per_variant:,} of each variant"
    if units is None:
        return [("plan", f"no units, nor days and traffic, are planned; it needs {wanted}")]
    if units >= size.sample_size_per_variant:
        return []
    split = "it needs" if isinstance(experiment.policy, Fixed) else "even in a fixed split it needs"
    effect = f"an effect of {100.0 * (size.relative_effect or 0.0):+g}% with a power of {size.power:g}"
    return [(of, f"underpowered: the least variant will have {units:,.0f} units; to see {effect} {split} {wanted}")]


def _planned(experiment: Experiment) -> tuple[float | None, str]:
    """Units that the variant of the least weight will have, and the field that says so."""
    plan = experiment.plan
    if plan is None:
        return None, "plan"
    found: list[tuple[float, str]] = [] if plan.units is None else [(float(plan.units), "plan.units")]
    if plan.days is not None and plan.traffic is not None:
        weights = [variant.weight for variant in experiment.variants if variant.weight > 0.0]
        found.append((plan.traffic * plan.days * min(weights) / sum(weights), "plan.days"))
    return min(found, default=(None, "plan"))
