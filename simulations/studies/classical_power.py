"""The power that a design promises by formula, and that its test has.

Sizes are those of the formulas for a power of .8 at a two-sided .05, rounded up; what is published beside ours is the
formula's power at that size. A normal approximation may be off by a part of a percent; the t test's formula is exact.
"""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import Executor

import numpy as np

from bandit.statistics import means, proportions, rates
from bandit.statistics.comparison import Comparison
from bandit.statistics.count_designs import Proportions, Rates
from bandit.statistics.design import Design
from bandit.statistics.mean_designs import Means
from bandit.statistics.planning import sample_size
from bandit.statistics.proportion import Proportion
from bandit.statistics.rates import Rate
from bandit.statistics.sample import Sample
from simulations.block import REWARD, generator
from simulations.collection import blocks
from simulations.published import Figure

REPLICATIONS = 10_000
ALPHA = 0.05

Drawn = Callable[[np.random.Generator, int], Comparison]


def _pooled(rng: np.random.Generator, size: int) -> Comparison:
    return proportions.pooled_z(
        Proportion(float(rng.binomial(size, 0.12)), size), Proportion(float(rng.binomial(size, 0.1)), size)
    )


def _unpooled(rng: np.random.Generator, size: int) -> Comparison:
    return proportions.unpooled_z(
        Proportion(float(rng.binomial(size, 0.5)), size), Proportion(float(rng.binomial(size, 0.4)), size)
    )


def _student(rng: np.random.Generator, size: int) -> Comparison:
    return means.student(Sample.of(rng.normal(0.5, 1.0, size)), Sample.of(rng.normal(0.0, 1.0, size)))


def _score(rng: np.random.Generator, size: int) -> Comparison:
    return rates.score(
        Rate(float(rng.poisson(0.6 * size)), float(size)), Rate(float(rng.poisson(0.5 * size)), float(size))
    )


DESIGNS: tuple[tuple[str, Design, float, Drawn], ...] = (
    ("pooled_z, .10 v .12", Proportions(baseline=0.1), 0.02, _pooled),
    ("unpooled_z, .40 v .50", Proportions(baseline=0.4, formula="unpooled"), 0.1, _unpooled),
    ("student, half a standard deviation", Means(unit_deviation=1.0), 0.5, _student),
    ("score test of rates, .5 v .6", Rates(baseline=0.5), 0.1, _score),
)


def _rejected(draw: Drawn, size: int, seed: int, first: int, last: int) -> int:
    rejected = 0
    for replication in range(first, last):
        found = draw(generator(seed, replication, REWARD), size).p_value
        rejected += found is not None and found < ALPHA
    return rejected


def figures(executor: Executor, replications: int, seed: int) -> Iterator[Figure]:
    """The power of each."""
    for name, design, effect, draw in DESIGNS:
        size = sample_size(design, effect).control
        futures = [
            executor.submit(_rejected, draw, size, seed, first, last) for first, last in blocks(replications, 500)
        ]
        share = sum(future.result() for future in futures) / replications
        error = math.sqrt(share * (1.0 - share) / replications)
        yield Figure(f"{name}, {size:,} an arm", design.power(size, effect), 0.0, share, error)
