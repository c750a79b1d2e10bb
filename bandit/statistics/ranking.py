"""Which variant is the best and what choosing another one costs, from independent posteriors.

The probabilities are those that the policies draw from (`policies.best`). Where those have no answer, with
Student's t and with counts of which fewer are better, and for the losses, the same kind of panels is used here: a grid
for all variants with breakpoints that follow the shape of each.
"""

import math
from collections.abc import Sequence
from typing import Literal, cast

import numpy as np

from bandit.statistics.posterior import Posterior
from bandit.statistics.posteriors import Beta, Gamma
from bandit.statistics.student import Student
from policies.best import best_beta, best_gamma, best_normal
from policies.kernel import Array
from policies.panels import CLOSEST
from policies.quadrature import MATRIX, NODE_WEIGHTS, NODES, ORDER

Goal = Literal["increase", "decrease"]
"""Whether the greater mean is the better one."""


def best(posteriors: Sequence[Posterior], goal: Goal = "increase") -> Array:
    """The probability that each variant's mean is the best, shape (variants,), a distribution.

    A statement of belief about the data so far. It is not a test: stopping as soon as it passes a threshold errs more
    often than the threshold says.

    Args:
        posteriors: One a variant, all of one family.
        goal: Whether the greatest or the least mean is the best.

    Raises:
        TypeError: The posteriors are not of one family.
    """
    family = _family(posteriors)
    out = np.empty(len(posteriors))
    if family is Beta:
        a, b = np.array([(one.a, one.b) for one in cast("Sequence[Beta]", posteriors)]).T.copy()
        best_beta(*((a, b) if goal == "increase" else (b, a)), out)
    elif family is Gamma and goal == "increase":
        shape, rate = np.array([(one.shape, one.rate) for one in cast("Sequence[Gamma]", posteriors)]).T.copy()
        best_gamma(shape, rate, out)
    elif family is Student and all(_is_normal(one) for one in cast("Sequence[Student]", posteriors)):
        mean, sd = np.array([(one.location, one.width) for one in cast("Sequence[Student]", posteriors)]).T.copy()
        best_normal(mean if goal == "increase" else -mean, sd, out)
    else:
        out = _integrated(posteriors, goal)
    return out


def expected_losses(posteriors: Sequence[Posterior], goal: Goal = "increase") -> list[float | None]:
    """What choosing each variant is expected to cost: the mean of the best one's mean less its own.

    In the metric's unit, to about 1e-10 of the posteriors' width. None where a posterior has no mean, which is so
    with one degree of freedom.

    Args:
        posteriors: One a variant, all of one family.
        goal: Whether the greatest or the least mean is the best.

    Raises:
        TypeError: The posteriors are not of one family.
    """
    _family(posteriors)
    if any(math.isnan(one.mean) for one in posteriors):
        return [None] * len(posteriors)
    y, weights = grid(posteriors)
    worse, better = _tails(posteriors, y, weights, goal)
    _, not_all = _others(worse, better)
    # The loss of one is the integral of P(it is worse than x) P(some other is better than x) over x.
    cost = weights * posteriors[0].axis.slope(y)
    return [float((own * other * cost).sum()) for own, other in zip(worse, not_all, strict=True)]


def grid(posteriors: Sequence[Posterior]) -> tuple[Array, Array]:
    """Nodes and weights on the axis that integrate products of the posteriors' densities and distribution functions.

    Breakpoints that lie closer together than any posterior varies there are left out.
    """
    marks = [one.marks() for one in posteriors]
    ends, scales = np.array([one[-1] for one in marks]), np.array([one.scale for one in posteriors])
    order = np.argsort(ends)
    least = np.append(np.minimum.accumulate(scales[order][::-1])[::-1], 0.0)
    points = np.unique(np.concatenate(marks))
    spacing = CLOSEST * least[np.searchsorted(ends[order], points, side="right")]
    kept = [0]
    for i in range(1, points.size):
        if points[i] - points[kept[-1]] >= spacing[kept[-1]] or i == points.size - 1:
            kept.append(i)
    return panels(points[kept])


def panels(breakpoints: Array) -> tuple[Array, Array]:
    """Nodes and weights, shape (nodes,) each, of the Gauss-Legendre rule between each two ascending breakpoints."""
    left = breakpoints[:-1, None]
    half = 0.5 * np.diff(breakpoints)[:, None]
    return (left + half * (1.0 + NODES)).ravel(), (half * NODE_WEIGHTS).ravel()


def support(posterior: Posterior, y: Array) -> slice:
    """Those of the ascending positions that lie between the marks of a posterior."""
    first, last = np.searchsorted(y, posterior.marks()[[0, -1]])
    return slice(int(first), int(last))


def _density(posterior: Posterior, y: Array) -> Array:
    """Zero beyond the marks, where the polynomial of a narrow density means nothing."""
    inside = support(posterior, y)
    density = np.zeros(y.size)
    density[inside] = posterior.density(y[inside])
    return density


def _integrated(posteriors: Sequence[Posterior], goal: Goal) -> Array:
    y, weights = grid(posteriors)
    rest, _ = _others(*_tails(posteriors, y, weights, goal))
    points = np.array([one.scale == 0.0 for one in posteriors])
    out = np.zeros(len(posteriors))
    for arm, posterior in enumerate(posteriors):
        if not points[arm]:
            out[arm] = (_density(posterior, y) * rest[arm] * weights).sum()
    if points.any():
        sign = 1.0 if goal == "increase" else -1.0
        standing = np.where(points, [sign * one.mean for one in posteriors], -np.inf)
        first = standing == standing.max()
        out[first] = max(0.0, 1.0 - out.sum()) / first.sum()
    return np.asarray(out / out.sum())


def _tails(posteriors: Sequence[Posterior], y: Array, weights: Array, goal: Goal) -> tuple[Array, Array]:
    """The probabilities of each variant to be worse and to be better than each position, shape (variants, nodes)."""
    below, above = np.empty((len(posteriors), y.size)), np.empty((len(posteriors), y.size))
    for arm, posterior in enumerate(posteriors):
        if isinstance(posterior, Student):
            below[arm], above[arm] = posterior.below(y), posterior.above(y)
        else:
            below[arm], above[arm] = _running(_density(posterior, y), weights)
    return (below, above) if goal == "increase" else (above, below)


def _running(density: Array, weights: Array) -> tuple[Array, Array]:
    """The integrals of a density from the left and from the right to its own nodes: much faster than its functions."""
    panels = density.reshape(-1, ORDER)
    half = weights.reshape(-1, ORDER)[:, :1] / NODE_WEIGHTS[0]
    totals = half * (panels @ NODE_WEIGHTS)[:, None]
    inner = half * (panels @ MATRIX.T)
    before = np.cumsum(totals, axis=0) - totals
    after = np.cumsum(totals[::-1], axis=0)[::-1] - totals
    return (before + inner).ravel(), (after + totals - inner).ravel()


def _others(worse: Array, better: Array) -> tuple[Array, Array]:
    """For each variant, the probability that all others are worse, and one less it, without cancellation."""
    arms = worse.shape[0]
    before, after = np.ones_like(worse), np.ones_like(worse)
    not_before, not_after = np.zeros_like(worse), np.zeros_like(worse)
    for arm in range(1, arms):
        before[arm] = before[arm - 1] * worse[arm - 1]
        not_before[arm] = not_before[arm - 1] + before[arm - 1] * better[arm - 1]
    for arm in range(arms - 2, -1, -1):
        after[arm] = after[arm + 1] * worse[arm + 1]
        not_after[arm] = not_after[arm + 1] + after[arm + 1] * better[arm + 1]
    return before * after, not_before + before * not_after


def _is_normal(posterior: Student) -> bool:
    return math.isinf(posterior.freedom) or posterior.width == 0.0


def _family(posteriors: Sequence[Posterior]) -> type:
    families = {type(posterior) for posterior in posteriors}
    if len(families) != 1:
        names = ", ".join(sorted(family.__name__ for family in families)) or "none"
        raise TypeError(f"posteriors: {names} given, must be of one family")
    return families.pop()
