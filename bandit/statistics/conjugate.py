"""Posteriors from samples and conjugate priors.

Source: Gelman, Carlin, Stern, Dunson, Vehtari and Rubin, "Bayesian Data Analysis", 3rd ed. 2013, chapters 2 and 3.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Self

from bandit.statistics.comparison import Refused
from bandit.statistics.posteriors import Beta, Gamma
from bandit.statistics.sample import Sample
from bandit.statistics.student import Student

UNIFORM = Beta(1.0, 1.0)
"""The prior of a rate unless another is given: every rate is as likely as any other."""
ONE_EVENT = Gamma(1.0, 1.0)
"""The prior of the mean of a count unless another is given: one event in one trial."""
ROUNDING = 1e-9
"""By how much the mean of rates, from sums, may lie outside of the unit interval."""


@dataclass(frozen=True, slots=True)
class NormalInverseGamma:
    """A prior, or posterior, of the mean and variance of Gaussian values.

    The variance is the reciprocal of a Gamma(shape, rate) variable, and given the variance the mean is Gaussian
    around `mean` with the variance divided by `count`.

    Attributes:
        mean: Where the mean is expected.
        count: Values that this expectation is worth, >= 0.
        shape: Half the values that what is known of the variance is worth.
        rate: Half their sum of squares, >= 0.
    """

    mean: float
    count: float
    shape: float
    rate: float

    def updated(self, sample: Sample) -> Self:
        """The posterior after a sample."""
        if not sample.count:
            return self
        count = self.count + sample.count
        squares = (sample.count - 1.0) * sample.variance if sample.count > 1.0 else 0.0
        distance = sample.mean - self.mean
        return type(self)(
            self.mean + distance * sample.count / count,
            count,
            self.shape + sample.count / 2.0,
            self.rate + squares / 2.0 + self.count * sample.count / count * distance * distance / 2.0,
        )

    @property
    def marginal(self) -> Student:
        """What is believed of the mean alone.

        Raises:
            Refused: The prior was improper and the sample too small for a posterior.
        """
        if self.count <= 0.0 or self.shape <= 0.0:
            raise Refused(
                "a normal posterior from the reference prior",
                "the sample has fewer than 2 values",
                "a proper prior, such as conjugate.empirical",
            )
        return Student(self.mean, math.sqrt(self.rate / self.shape / self.count), 2.0 * self.shape)


REFERENCE = NormalInverseGamma(0.0, 0.0, -0.5, 0.0)
"""The prior that is flat in the mean and the logarithm of the variance: credible intervals are then those of a t test.

It needs two values of every variant.
"""


def beta(sample: Sample, prior: Beta = UNIFORM) -> Beta:
    """The posterior of a rate, or of the mean of values in the unit interval.

    Values between 0 and 1 count as fractions of a success, which leaves the mean right and makes the posterior wider
    than the data warrant.

    Args:
        sample: Of values from 0 to 1; its variance is not read.
        prior: What was believed before.

    Raises:
        ValueError: The sample's mean lies outside the unit interval.
    """
    if not sample.count:
        return prior
    if not -ROUNDING <= sample.mean <= 1.0 + ROUNDING:
        raise ValueError(
            f"sample.mean: {sample.mean:g} given, must lie from 0 to 1: scale by the metric's bounds first"
        )
    mean = min(max(sample.mean, 0.0), 1.0)
    return Beta(prior.a + sample.count * mean, prior.b + sample.count * (1.0 - mean))


def gamma(sample: Sample, prior: Gamma = ONE_EVENT) -> Gamma:
    """The posterior of the mean of Poisson counts.

    The variance of a count is taken to be its mean; where it is greater, the posterior is too narrow, and `normal`
    holds.

    Args:
        sample: Of counts; its variance is not read.
        prior: What was believed before.

    Raises:
        ValueError: The sample's mean is negative.
    """
    if not sample.count:
        return prior
    if not sample.mean >= 0.0:
        raise ValueError(f"sample.mean: {sample.mean:g} given, must be 0 or more for a count")
    return Gamma(prior.shape + sample.count * sample.mean, prior.rate + sample.count)


def normal(sample: Sample, prior: NormalInverseGamma = REFERENCE) -> Student:
    """The posterior of the mean of Gaussian values of unknown variance.

    For other values it holds as far as their mean is about Gaussian: with hundreds of them, or many thousands if a few
    make most of the sum.

    Args:
        sample: Its variance is read.
        prior: What was believed before.

    Raises:
        Refused: The prior is improper, as the default is, and the sample has fewer than 2 values.
    """
    return prior.updated(sample).marginal


def empirical(samples: Sequence[Sample]) -> NormalInverseGamma:
    """A prior from all variants together: one value at their mean, two values' worth of their variance.

    With it every variant has a posterior, one without values too, and `policies.ThompsonNormal` uses the same prior
    (there one variance is shared by all variants). It sees the data, by as much as one value.

    Args:
        samples: One a variant.

    Raises:
        Refused: There are fewer than two values in all.
    """
    everything = reduce(add, samples, Sample(0.0, math.nan, math.nan))
    if everything.count <= 1.0:
        raise Refused("conjugate.empirical", f"there are {everything.count:g} values in all", "a prior of your own")
    return NormalInverseGamma(everything.mean, 1.0, 1.0, everything.variance)
