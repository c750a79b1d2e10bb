"""Any comparison, segment by segment: corrected for the number of looks, and whether the segments differ at all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bandit.statistics.comparison import Comparison, Refused
from bandit.statistics.sample import Sample

Arm = TypeVar("Arm")

Adjust = Callable[[Sequence[float]], NDArray[np.float64]]
"""Adjusts p-values for their number, as the functions of `multiplicity` do."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A comparison within one segment.

    Attributes:
        key: Of the segment.
        comparison: As if it were the only one; None if the method refused.
        p_value: Corrected for the number of segments; None without one.
        refused: Why there is no comparison.
    """

    key: str
    comparison: Comparison | None
    p_value: float | None
    refused: str | None = None


def by_segment(
    segments: Mapping[str, tuple[Arm, Arm]], compare: Callable[[Arm, Arm], Comparison], adjust: Adjust
) -> list[Segment]:
    """Compare within every segment.

    The p-values are corrected, the intervals are each at its own level: an interval may exclude 0 where the corrected
    p-value does not. That a segment has an effect and another has not does not say that they differ: see
    `heterogeneity`.

    Args:
        segments: By key, treatment and control, as `compare` takes them.
        compare: A treatment with a control.
        adjust: `multiplicity.holm` for any mistake among them, `multiplicity.benjamini_hochberg` for a share of them.
    """
    found: dict[str, Comparison | Refused] = {}
    for key, (treatment, control) in segments.items():
        try:
            found[key] = compare(treatment, control)
        except Refused as refusal:
            found[key] = refusal
    tested = {key: one.p_value for key, one in found.items() if isinstance(one, Comparison) and one.p_value is not None}
    adjusted = dict(zip(tested, adjust(list(tested.values())).tolist(), strict=True)) if tested else {}
    return [
        Segment(key, None, None, str(one)) if isinstance(one, Refused) else Segment(key, one, adjusted.get(key))
        for key, one in found.items()
    ]


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """Whether an effect differs between segments.

    Attributes:
        statistic: Cochran's Q, chi-square distributed if it does not.
        degrees: Of freedom, one less than segments.
        p_value: Of the effect being the same in all.
        share: Of the variation between segments that is more than chance, 0 to 1 (I^2).
    """

    statistic: float
    degrees: int
    p_value: float
    share: float


def heterogeneity(segments: Mapping[str, tuple[Sample, Sample]]) -> Heterogeneity:
    """Cochran's test that the difference of two means is the same in all segments.

    It holds for large samples. Segments in which an arm has fewer than 2 values, or nothing varies, are left out.

    Source: Cochran, "The combination of estimates from different experiments", Biometrics 10, 1954; Higgins and
    Thompson, "Quantifying heterogeneity in a meta-analysis", Statistics in Medicine 21, 2002, for the share.

    Args:
        segments: By key, treatment and control.

    Raises:
        Refused: Fewer than two segments can be used.
    """
    effects, weights = [], []
    for treatment, control in segments.values():
        if min(treatment.count, control.count) >= 2.0:
            variance = treatment.variance / treatment.count + control.variance / control.count
            if variance > 0.0:
                effects.append(treatment.mean - control.mean)
                weights.append(1.0 / variance)
    if len(effects) < 2:
        raise Refused(
            "heterogeneity", f"it needs 2 segments with values, there are {len(effects)}", "a comparison of all"
        )
    effect, weight = np.array(effects), np.array(weights)
    statistic = float((weight * (effect - np.average(effect, weights=weight)) ** 2).sum())
    degrees = effect.size - 1
    return Heterogeneity(
        statistic=statistic,
        degrees=degrees,
        p_value=float(special.chdtrc(degrees, statistic)),
        share=max(0.0, 1.0 - degrees / statistic) if statistic > 0.0 else 0.0,
    )
