"""The posterior of the difference of two means, and of their ratio.

P(treatment - control <= d) is the integral of the control's density times the treatment's distribution function moved
by d, over panels that follow the shape of both; quantiles are its roots. To about 1e-9, unless a prior has b < 1/2 and
rates are near 1: of those closer to 1 than 1e-16 only the order is known.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from bandit.statistics.posterior import Posterior
from bandit.statistics.ranking import grid, panels, support
from bandit.statistics.tails import Interval
from policies.kernel import Array

NEGLIGIBLE = 1e-6
"""A ratio is given while the control's mean has less than this probability of being 0 or less."""
TINY = 1e-100
"""A mean below this is none to divide by."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """A treatment's mean less a control's, from independent posteriors of one family.

    Attributes:
        treatment: What is believed of the treatment's mean.
        control: What is believed of the control's.
    """

    treatment: Posterior
    control: Posterior

    def __post_init__(self) -> None:
        if type(self.treatment) is not type(self.control):
            names = f"{type(self.treatment).__name__} and {type(self.control).__name__}"
            raise TypeError(f"treatment, control: {names} given, must be of one family")

    @property
    def mean(self) -> float:
        """Of the difference; nan where one of the means does not exist."""
        return self.treatment.mean - self.control.mean

    def difference_below(self, difference: float) -> float:
        """The probability that the difference is at most this."""
        if difference == 0.0:
            return self._no_greater()
        return self._below(lambda x: x + difference, lambda x: x - difference)

    def ratio_below(self, ratio: float) -> float:
        """The probability that the treatment's mean is at most `ratio` times the control's, which is above 0."""
        if ratio == 1.0:
            return self._no_greater()
        return self._below(lambda x: x * ratio, lambda x: x / ratio if ratio else x[:0])

    def difference_interval(self, alpha: float) -> Interval:
        """The equal-tailed interval that holds the difference with probability 1 - alpha."""
        centre = self.treatment.quantile(0.5) - self.control.quantile(0.5)
        width = math.hypot(_width(self.treatment), _width(self.control))
        return _interval(self.difference_below, alpha, centre, width)

    def lift_interval(self, alpha: float) -> Interval | None:
        """The same of the relative lift, treatment / control - 1; None where the control's mean may well be 0."""
        if self.control.quantile(min(NEGLIGIBLE, alpha / 4.0)) <= TINY:
            return None
        control = self.control.quantile(0.5)
        centre = self.treatment.quantile(0.5) / control
        width = math.hypot(_width(self.treatment), centre * _width(self.control)) / control
        lower, upper = _interval(self.ratio_below, alpha, centre, width)
        return lower - 1.0, upper - 1.0

    def _no_greater(self) -> float:
        """P(treatment <= control), compared on the axis, where rates near 1 are told apart."""
        if self.control.scale == 0.0:
            return float(self.treatment.below(self.control.marks()[:1])[0])
        y, weights = grid([self.treatment, self.control])
        inside = support(self.control, y)
        return float((self.control.density(y[inside]) * self.treatment.below(y[inside]) * weights[inside]).sum())

    def _below(self, move: Callable[[Array], Array], back: Callable[[Array], Array]) -> float:
        """P(treatment <= move(control)); `back` is the inverse of `move`."""
        treatment, control = self.treatment, self.control
        axis = control.axis
        marks = control.marks()
        if control.scale == 0.0:
            return float(treatment.below(axis.position(move(axis.value(marks[:1]))))[0])
        moved = axis.position(back(axis.value(treatment.marks())))
        y, weights = panels(np.unique(np.concatenate([marks, np.clip(moved, marks[0], marks[-1])])))
        return float((control.density(y) * treatment.below(axis.position(move(axis.value(y)))) * weights).sum())


def _width(posterior: Posterior) -> float:
    return posterior.quantile(0.75) - posterior.quantile(0.25)


def _interval(below: Callable[[float], float], alpha: float, centre: float, width: float) -> Interval:
    if width == 0.0:
        return centre, centre
    return _root(below, alpha / 2.0, centre, width), _root(below, 1.0 - alpha / 2.0, centre, width)


def _root(below: Callable[[float], float], probability: float, centre: float, width: float) -> float:
    """Where a distribution function reaches a probability."""
    low, high = centre, centre
    step = width
    while below(low) > probability:
        low, step = low - step, 2.0 * step
    step = width
    while below(high) < probability:
        high, step = high + step, 2.0 * step
    if low == high:
        return centre
    return float(optimize.brentq(lambda x: below(x) - probability, low, high, xtol=1e-12 * width, rtol=1e-14))
