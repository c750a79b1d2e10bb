"""Effect sizes without a unit, and Cohen's words for them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.special import poch

from bandit.statistics.comparison import Refused
from bandit.statistics.contingency import statistic_of
from bandit.statistics.means import need_two, pooled_variance
from bandit.statistics.proportion import Proportion
from bandit.statistics.proportions import need_trials
from bandit.statistics.sample import Sample

Magnitude = Literal["negligible", "small", "medium", "large"]

DIFFERENCE = (0.2, 0.5, 0.8)
ASSOCIATION = (0.1, 0.3, 0.5)
"""From where on an effect is called small, medium and large."""


@dataclass(frozen=True, slots=True)
class EffectSize:
    """An effect in standard units.

    Attributes:
        measure: Its name.
        value: Treatment less control; for Cramer's V, from 0 to 1.
        magnitude: Cohen's word for it: a convention, which says nothing of what an effect is worth.
    """

    measure: str
    value: float
    magnitude: Magnitude


def cohen_d(treatment: Sample, control: Sample) -> EffectSize:
    """The difference of two means in standard deviations, which both arms are taken to share.

    Raises:
        Refused: An arm has fewer than two values, or the values of neither vary.

    Source: Cohen, "Statistical Power Analysis for the Behavioral Sciences", 2nd ed. 1988, chapter 2.
    """
    return _of_distance("cohen_d", _standardised("cohen_d", treatment, control))


def hedges_g(treatment: Sample, control: Sample) -> EffectSize:
    """Cohen's d without its bias, which makes it too great by 3 / (4 n) for n values in all.

    Raises:
        Refused: As for `cohen_d`.

    Source: Hedges, "Distribution theory for Glass's estimator of effect size and related estimators", Journal of
    Educational Statistics 6, 1981.
    """
    half = (treatment.count + control.count - 2.0) / 2.0
    distance = _standardised("hedges_g", treatment, control)
    return _of_distance("hedges_g", distance * float(poch(half - 0.5, 0.5)) / math.sqrt(half))


def cohen_h(treatment: Proportion, control: Proportion) -> EffectSize:
    """The difference of two rates after the arcsine transformation, which makes their variances alike.

    Raises:
        Refused: An arm has no trials.

    Source: Cohen 1988, chapter 6.
    """
    need_trials("cohen_h", treatment, control)
    angles = [2.0 * math.asin(math.sqrt(arm.rate)) for arm in (treatment, control)]
    return _of_distance("cohen_h", angles[0] - angles[1])


def cramers_v(arms: Sequence[Proportion]) -> EffectSize:
    """How much the rates of several arms differ: 0 where they are equal, 1 where the arm tells the outcome.

    Raises:
        Refused: There are fewer than two arms, or one has no trials.

    Source: Cramer, "Mathematical Methods of Statistics", 1946, chapter 21.
    """
    if len(arms) < 2 or not all(arm.trials for arm in arms):
        raise Refused("cramers_v", "it needs two arms or more, each with trials", "it once there are")
    value = math.sqrt(statistic_of(arms, "chi_square") / math.fsum(arm.trials for arm in arms))
    return EffectSize("cramers_v", value, _word(value, ASSOCIATION))


def _standardised(measure: str, treatment: Sample, control: Sample) -> float:
    need_two(measure, treatment, control)
    variance = pooled_variance(treatment, control)
    if not variance:
        raise Refused(measure, "the values of neither arm vary", "the difference of the means")
    return (treatment.mean - control.mean) / math.sqrt(variance)


def _of_distance(measure: str, value: float) -> EffectSize:
    return EffectSize(measure, value, _word(abs(value), DIFFERENCE))


def _word(value: float, thresholds: tuple[float, float, float]) -> Magnitude:
    words: tuple[Magnitude, ...] = ("negligible", "small", "medium", "large")
    return words[sum(value >= threshold for threshold in thresholds)]
