"""The likeliest rates with a given difference, against a search of their likelihood."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandit.statistics import score
from bandit.statistics.proportion import Proportion
from bandit.statistics.restricted import rates


@st.composite
def tables(draw):
    trials = [draw(st.integers(1, 3000)) for _ in range(2)]
    return trials, [draw(st.integers(0, number)) for number in trials]


@given(tables(), st.floats(-0.999, 0.999))
def test_they_are_the_likeliest(table, difference):
    trials, successes = (np.array(part, float) for part in table)
    found = rates(trials, successes, difference)
    arms = (Proportion(*map(float, arm)) for arm in zip(successes, trials, strict=True))
    assert found[1] == pytest.approx(score._control_rate(*arms, difference), abs=2e-7)
    assert found[0] - found[1] == pytest.approx(difference, abs=1e-12)
    assert ((found >= 0.0) & (found <= 1.0)).all()


def test_many_at_once_and_without_trials():
    trials, successes = (
        np.array([[10.0, 30.0], [0.0, 0.0], [1e12, 1e12]]),
        np.array([[1.0, 9.0], [0.0, 0.0], [1e11, 1e11]]),
    )
    found = rates(trials, successes, np.zeros(3))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[0], [0.25, 0.25])
    np.testing.assert_allclose(found[2], [0.1, 0.1], rtol=1e-9)
