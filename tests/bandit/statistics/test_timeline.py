"""Estimates over time."""

import numpy as np
import pytest

from bandit.statistics.sample import Sample
from bandit.statistics.timeline import Timeline, of_effects, of_means

EMPTY = Sample.of([])


def test_means():
    buckets = [Sample.of([1.0, 0.0]), EMPTY, Sample.of([0.0, 0.0, 0.0])]
    line = of_means([1, 2, 3], buckets)
    assert line.times.tolist() == [1, 3]
    assert line.estimates.tolist() == [0.5, 0]
    # Within: 1/2 on one degree of freedom and 0 on two.
    np.testing.assert_allclose(line.variances, [0.5 / 3 / 2, 0.5 / 3 / 3])


def test_effects():
    treatment, control = [Sample.of([1.0, 3.0]), Sample.of([5.0])], [Sample.of([1.0, 1.0]), Sample.of([2.0, 4.0])]
    line = of_effects([1, 2], treatment, control)
    assert line.estimates.tolist() == [1, 2]
    np.testing.assert_allclose(line.variances, [2 / 2 + 1 / 2, 2 / 1 + 1 / 2])


def test_one_value_a_bucket():
    line = of_means([1, 2, 3], [Sample.of([1.0]), Sample.of([2.0]), Sample.of([3.0])])
    assert line.variances.tolist() == [1, 1, 1]


def test_nothing_to_see():
    assert of_means([1, 2], [EMPTY, EMPTY]).times.size == 0
    assert of_means([1, 2], [Sample.of([5.0, 5.0])] * 2).times.size == 0
    assert of_effects([1, 2], [EMPTY] * 2, [Sample.of([1.0, 2.0])] * 2).times.size == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2], [1], [1, 1]), r"estimates: shape \(1,\) given"),
        (([1, 2], [1, np.nan], [1, 1]), "estimates: .* finite"),
        (([2, 1], [1, 1], [1, 1]), "times: must ascend"),
        (([1, 2], [1, 1], [1, 0]), "variances: must be above 0"),
    ],
)
def test_what_is_no_timeline(arguments, message):
    with pytest.raises(ValueError, match=message):
        Timeline(*map(np.array, arguments))
