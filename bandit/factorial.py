"""What the factors of an experiment do, alone and together."""

from collections.abc import Hashable
from typing import Any

from bandit.effects import Effect, Factorial
from bandit.errors import InvalidInput
from bandit.evidence import Evidence
from bandit.judgement import finite
from bandit.running import Running
from bandit.statistics.comparison import Refused
from bandit.statistics.factorial import Anova, anova
from bandit.statistics.multiplicity import holm
from bandit.statistics.sample import Sample
from bandit.store import Reader

MOVED = "weights have moved, or callers have restricted the variants, so that cells differ by when and who as well"
RATIO = "a ratio has no value for one trial; ask for its numerator or denominator"


def factorial(reader: Reader, running: Running, metric: str | None) -> Factorial:
    """The effects of an experiment's factors, from all its trials.

    Args:
        reader: Of one moment.
        running: The experiment.
        metric: A key; None for the primary metric.

    Raises:
        InvalidInput: There is no such metric, or there are no factors.
    """
    experiment = running.experiment
    place = running.metric(metric)
    if not experiment.factors:
        raise InvalidInput(f"experiment {experiment.key!r} has no factors")
    given: dict[str, Any] = {
        "experiment": experiment.key,
        "metric": experiment.metrics[place].key,
        "alpha": experiment.analysis.alpha,
    }
    evidence = Evidence(reader, running)
    units = round(sum(evidence.trials))
    try:
        found = _analysed(evidence, place)
    except Refused as refused:
        return Factorial(**given, units=units, effects=[], mean_aliases=[], warnings=[], refused=str(refused))
    return Factorial(
        **given,
        units=units,
        effects=_effects(found, experiment.analysis.alpha),
        mean_aliases=list(found.mean_aliases),
        warnings=_warnings(running, found),
    )


def _analysed(evidence: Evidence, place: int) -> Anova:
    experiment = evidence.running.experiment
    if experiment.metrics[place].type == "ratio":
        raise Refused("anova", RATIO, "one of these")
    if evidence.moved or evidence.masked:
        raise Refused("anova", MOVED, "the results, which compare variants by a method for that")
    levels = {factor.key: list(factor.named) for factor in experiment.factors}
    cells: dict[tuple[Hashable, ...], Sample] = {
        tuple(variant.levels[factor] for factor in levels): evidence.sample(arm, place)
        for arm, variant in enumerate(experiment.variants)
    }
    return anova(levels, cells, alpha=experiment.analysis.alpha)


def _effects(found: Anova, alpha: float) -> list[Effect]:
    adjusted = holm([term.p_value for term in found.terms])
    return [
        Effect(
            term=term.name,
            degrees=term.degrees,
            f=finite(term.f),
            p_value=finite(term.p_value),
            adjusted_p_value=finite(float(p_value)),
            significant=bool(p_value <= alpha),
            estimate=finite(term.estimate),
            interval=None if term.interval is None else (finite(term.interval[0]), finite(term.interval[1])),
            aliases=list(term.aliases),
        )
        for term, p_value in zip(found.terms, adjusted, strict=True)
    ]


def _warnings(running: Running, found: Anova) -> list[str]:
    warnings = []
    if any(term.aliases for term in found.terms) or found.mean_aliases:
        warnings.append("the design is a fraction: an effect is its own only if those that it is mixed with are zero")
    if running.experiment.analysis.sequential:
        warnings.append("an analysis of variance holds for one look at the end, not for any look")
    return warnings
