"""Analysis of variance of factorial experiments, full or fractional, from the sample of each cell."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc

from bandit.statistics.aliases import Array, contrasts, estimable
from bandit.statistics.comparison import Refused
from bandit.statistics.sample import Sample
from bandit.statistics.tails import Interval, around

MOST_FACTORS = 10
"""Beyond, there are more than a thousand interactions."""


@dataclass(frozen=True, slots=True)
class Term:
    """A main effect, or an interaction.

    Attributes:
        name: The factor, or the factors joined by a colon.
        degrees: Of freedom.
        sum_squares: What leaving this term out of the model would add to the residual (type III).
        f: Its mean square by the residual's.
        p_value: Of the hypothesis that it is zero.
        estimate: For factors of two levels, the mean at the second less that at the first, all cells counting alike; of
            an interaction, half of what one factor changes in the effect of the others. None for more levels.
        interval: Of the estimate.
        aliases: Terms that this design cannot tell from it: what is seen is a mixture of all of them.
    """

    name: str
    degrees: int
    sum_squares: float
    f: float
    p_value: float
    estimate: float | None
    interval: Interval | None
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Anova:
    """An analysis of variance.

    Attributes:
        terms: Main effects, then interactions of two factors, then of more, as far as the cells allow.
        residual_degrees: Of freedom of what no term explains.
        residual_sum_squares: What no term explains.
        mean_aliases: Terms that this design cannot tell from the mean of all cells.
    """

    terms: tuple[Term, ...]
    residual_degrees: float
    residual_sum_squares: float
    mean_aliases: tuple[str, ...]


def anova(
    factors: Mapping[str, Sequence[Hashable]],
    cells: Mapping[tuple[Hashable, ...], Sample],
    *,
    alpha: float = 0.05,
) -> Anova:
    """Main effects and interactions of a factorial experiment.

    Every effect is the mean over the levels of the other factors, all counting alike whatever the cells' sizes, and is
    tested beside all other terms (type III). Exact for normal values of one variance in all cells; good for others in
    many. A fraction of the cells is enough for some of the effects: each then comes with the effects it is mixed with,
    which have to be taken as zero.

    Args:
        factors: The levels of each.
        cells: The sample of each combination of levels that was tried, in the order of the factors. Empty ones count
            as not tried.
        alpha: One less the level of the intervals.

    Raises:
        ValueError: See `tails.check`; or a factor has fewer than two levels, or a cell is no combination of them.
        Refused: There are more than 10 factors, or fewer than two cells, or no cell has two values, or none vary.

    Source: Montgomery, "Design and Analysis of Experiments", 8th ed. 2012, chapters 5, 6 and 8.
    """
    for name, levels in factors.items():
        if len(set(levels)) < 2 or len(set(levels)) < len(levels):
            raise ValueError(f"factors.{name}: levels {list(levels)} given, must be two or more, all different")
    if len(factors) > MOST_FACTORS:
        raise Refused("anova", f"{len(factors)} factors have too many interactions", f"at most {MOST_FACTORS}")
    tried = {key: sample for key, sample in cells.items() if sample.count}
    within = sum(sample.variance * (sample.count - 1.0) for sample in tried.values() if sample.count > 1.0)
    if len(tried) < 2 or not within > 0.0:
        raise Refused("anova", "it needs two cells, and values that vary within one", "it once there are")
    columns = contrasts(factors, list(tried))
    kept, aliases = estimable(columns)
    means, counts = (np.array([getattr(sample, name) for sample in tried.values()]) for name in ("mean", "count"))
    design = np.hstack([np.ones((len(tried), 1)), *(columns[name] for name in kept)])
    centred = means - np.average(means, weights=counts)
    inverse = np.linalg.inv(design.T @ (counts[:, None] * design))
    coefficients = inverse @ (design.T @ (counts * centred))
    missed = float((counts * (centred - design @ coefficients) ** 2).sum()) if design.shape[1] < len(tried) else 0.0
    degrees = float(counts.sum()) - design.shape[1]
    residual = (within + missed) / degrees
    terms, begun = [], 1
    for name in kept:
        part = slice(begun, begun + columns[name].shape[1])
        begun = part.stop
        terms.append(_term(name, coefficients[part], inverse[part, part], residual, degrees, alpha, aliases[name]))
    return Anova(tuple(terms), degrees, within + missed, tuple(aliases[""]))


def _term(
    name: str,
    coefficients: Array,
    inverse: Array,
    residual: float,
    degrees: float,
    alpha: float,
    aliases: Sequence[str],
) -> Term:
    squares = float(coefficients @ np.linalg.solve(inverse, coefficients))
    f = squares / coefficients.size / residual
    single = coefficients.size == 1
    # The levels are -1 and 1, two apart.
    estimate = 2.0 * float(coefficients[0]) if single else None
    return Term(
        name,
        coefficients.size,
        squares,
        f,
        float(fdtrc(coefficients.size, degrees, f)),
        estimate,
        around(estimate, 2.0 * float(residual * inverse[0, 0]) ** 0.5, alpha, "two-sided", degrees)
        if estimate is not None
        else None,
        tuple(aliases),
    )
