"""What hypothesis draws for the statistics."""

import numpy as np
from hypothesis import strategies as st

from bandit.statistics.proportion import Proportion

alternatives = st.sampled_from(["two-sided", "greater", "less"])
alphas = st.sampled_from([0.01, 0.05, 0.1, 0.3])
seeds = st.integers(0, 2**32 - 1)

LARGER = {"two-sided": "two-sided", "greater": "larger", "less": "smaller"}
"""An alternative as statsmodels calls it."""


@st.composite
def proportions(draw, most=300, least=1):
    """Whole numbers of successes in one trial or more."""
    trials = draw(st.integers(least, most))
    return Proportion(draw(st.integers(0, trials)), trials)


@st.composite
def mixed(draw, most=300):
    """A proportion that has successes and failures."""
    trials = draw(st.integers(2, most))
    return Proportion(draw(st.integers(1, trials - 1)), trials)


@st.composite
def values(draw, least=2, most=60):
    """Values of a random size, mean and spread, which vary."""
    random = np.random.default_rng(draw(seeds))
    size = draw(st.integers(least, most))
    return random.normal(draw(st.floats(-5, 5)), draw(st.floats(0.1, 10)), size)
