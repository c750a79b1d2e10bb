import numpy as np
import pytest
from scipy import stats

from simulations.interval import estimate


@pytest.mark.parametrize(("successes", "count"), [(0, 1), (0, 20), (3, 7), (46, 10_000), (5, 5)])
def test_wilson(successes, count):
    found = estimate([1.0] * successes + [0.0] * (count - successes))
    expected = stats.binomtest(successes, count).proportion_ci(method="wilson")
    assert found.method == "Wilson"
    assert (found.count, found.mean) == (count, successes / count)
    assert (found.lower, found.upper) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_student():
    values = np.random.default_rng(1).normal(1e6, 2.0, 12).tolist()
    found = estimate(values)
    expected = stats.ttest_1samp(values, 0.0).confidence_interval()
    assert found.method == "Student t"
    assert (found.lower, found.upper) == pytest.approx((expected.low, expected.high), rel=1e-12)


def test_too_few_values():
    assert estimate([]).mean is None
    one = estimate([2.5])
    assert (one.mean, one.lower, one.upper) == (2.5, None, None)
