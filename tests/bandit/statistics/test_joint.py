"""Joint samples against numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

from bandit.statistics.joint import JointSample
from bandit.statistics.sample import Sample

sizes = st.integers(0, 20)


def drawn(random, size):
    return {name: random.normal(100 * index, 1 + index, size) for index, name in enumerate("abc")}


@given(seeds, sizes, sizes)
def test_they_merge(seed, left, right):
    random = np.random.default_rng(seed)
    first, second = drawn(random, left), drawn(random, right)
    both = JointSample.of(first) + JointSample.of(second)
    rows = np.array([np.concatenate((first[name], second[name])) for name in "abc"])
    assert both.count == left + right
    if both.count:
        assert both.mean == pytest.approx(rows.mean(axis=1), rel=1e-9, abs=1e-9)
    if both.count > 1:
        assert both.covariance == pytest.approx(np.cov(rows), rel=1e-9, abs=1e-9)
        column = both.sample("b")
        assert (column.count, column.mean, column.variance) == pytest.approx(
            (left + right, rows[1].mean(), rows[1].var(ddof=1))
        )


def test_sums_about_an_origin():
    random = np.random.default_rng(1)
    columns = {name: values + 1e8 for name, values in drawn(random, 50).items()}
    rows = np.array(list(columns.values())) - 1e8
    joint = JointSample.of_sums("abc", 50.0, rows.sum(axis=1), np.triu(rows @ rows.T), 1e8)
    expected = JointSample.of(columns)
    assert joint.mean == pytest.approx(expected.mean)
    assert joint.covariance == pytest.approx(expected.covariance, rel=1e-6)


def test_none_and_one():
    for joint in (JointSample.of({"a": [], "b": []}), JointSample.of_sums("ab", 0.0, [0, 0], np.zeros((2, 2)))):
        assert joint.count == 0
        assert np.isnan(joint.mean).all()
    for joint in (JointSample.of({"a": [1], "b": [2]}), JointSample.of_sums("ab", 1.0, [1, 2], [[1, 2], [2, 4]])):
        assert joint.mean.tolist() == [1, 2]
        assert np.isnan(joint.covariance).all()
        assert (joint + joint).covariance.tolist() == [[0, 0], [0, 0]]
    assert isinstance(JointSample.of({"a": [1, 2]}).sample("a"), Sample)


def test_refusals():
    joint = JointSample.of({"a": [1, 2], "b": [3, 5]})
    with pytest.raises(ValueError, match="'c' given, must be one of a, b"):
        joint.sample("c")
    with pytest.raises(ValueError, match="a, b and b, a do not merge"):
        joint + JointSample.of({"b": [1, 2], "a": [3, 5]})
    with pytest.raises(ValueError, match="a: 2, b: 1"):
        JointSample.of({"a": [1, 2], "b": [3]})
