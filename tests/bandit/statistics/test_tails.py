"""p-values and intervals against scipy's distributions."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from strategies import alphas, alternatives

from bandit.statistics import tails


@given(st.floats(-30, 30), st.one_of(st.floats(1, 1e6), st.just(math.inf)))
def test_p_values(statistic, degrees):
    law = stats.norm if math.isinf(degrees) else stats.t(degrees)
    assert tails.p_value(statistic, "greater", degrees) == pytest.approx(law.sf(statistic), rel=1e-9, abs=1e-300)
    assert tails.p_value(statistic, "less", degrees) == pytest.approx(law.cdf(statistic), rel=1e-9, abs=1e-300)
    assert tails.p_value(statistic, "two-sided", degrees) == pytest.approx(
        2 * law.sf(abs(statistic)), rel=1e-9, abs=1e-300
    )


@given(st.floats(-5, 5), st.floats(0.1, 5), alphas, alternatives, st.floats(1, 100))
def test_an_interval_ends_where_the_test_begins_to_reject(estimate, error, alpha, alternative, degrees):
    lower, upper = tails.around(estimate, error, alpha, alternative, degrees)
    for end in (lower, upper):
        if math.isfinite(end):
            p = tails.p_value((estimate - end) / error, alternative, degrees)
            assert p == pytest.approx(alpha, rel=1e-8)
    assert math.isinf(lower) == (alternative == "less")
    assert math.isinf(upper) == (alternative == "greater")


def test_a_p_value_too_small_for_a_float_is_zero():
    assert tails.p_value(37.0) == pytest.approx(1.1451142445047853e-299, rel=1e-9)
    assert tails.p_value(50.0) == 0.0


@pytest.mark.parametrize(
    ("alpha", "alternative", "message"),
    [
        (1.5, "two-sided", "alpha: 1.5 given, must lie strictly between 0 and 1"),
        (0.0, "two-sided", "alpha: 0.0 given"),
        (math.nan, "two-sided", "alpha: nan given"),
        (0.5, "less", "alpha: 0.5 given, must lie strictly between 0 and 0.5"),
        (0.05, "larger", "alternative: 'larger' given, must be one of two-sided, greater, less"),
    ],
)
def test_refusals(alpha, alternative, message):
    with pytest.raises(ValueError, match=message):
        tails.quantile(alpha, alternative)


def test_disagreement():
    assert tails.disagreement(0.06, (0.1, 0.2), 0.05)
    assert tails.disagreement(0.04, (-0.1, 0.2), 0.05)
    assert not tails.disagreement(0.04, (0.1, 0.2), 0.05)
    assert not tails.disagreement(0.06, (-0.1, math.inf), 0.05)
