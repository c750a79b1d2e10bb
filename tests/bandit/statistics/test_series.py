"""Series of estimates against the same analysis of everything up to each moment."""

import json
import math
from dataclasses import asdict
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

from bandit.statistics import beta_binomial, confidence_sequences, means
from bandit.statistics.sample import Sample
from bandit.statistics.series import Point, intersected, of_comparison, of_mean


def test_means():
    rng = np.random.default_rng(0)
    parts = [rng.normal(5, 2, n) for n in (0, 1, 3, 10)]
    points = of_mean([1, 2, 3, 4], [Sample.of(part) for part in parts], means.interval)
    assert [point.count for point in points] == [0, 1, 4, 14]
    assert points[0] == Point(1, 0)
    assert (points[1].estimate, points[1].lower) == (pytest.approx(parts[1][0]), None)
    everything = Sample.of(np.concatenate(parts))
    assert (points[3].lower, points[3].upper) == pytest.approx(means.interval(everything))
    json.dumps([asdict(point) for point in points], allow_nan=False)


def test_comparisons():
    rng = np.random.default_rng(1)
    draws = [(rng.random((2, 300)) < [[0.3], [0.4]]).astype(float) for _ in range(6)]
    treatment, control = ([Sample.of(draw[side]) for draw in draws] for side in (1, 0))
    points = of_comparison(range(6), treatment, control, confidence_sequences.compare)
    expected = confidence_sequences.compare(
        Sample.of(np.concatenate([draw[1] for draw in draws[:3]])),
        Sample.of(np.concatenate([draw[0] for draw in draws[:3]])),
    )
    assert points[2].estimate == pytest.approx(expected.effect)
    assert (points[2].lower, points[2].upper) == pytest.approx(expected.interval)
    assert points[2].p_value == pytest.approx(expected.p_value)


def test_nothing_where_a_method_refuses():
    few = [Sample.of([1.0, 0.0])] * 3
    points = of_comparison([1, 2, 3], few, few, confidence_sequences.compare)
    assert [(point.count, point.estimate) for point in points] == [(4, None), (8, None), (12, None)]


def test_an_interval_without_an_end():
    one_sided = partial(means.interval, alternative="greater")
    (point,) = of_mean([1], [Sample.of([1.0, 2.0])], one_sided)
    assert point.upper is None
    assert math.isfinite(point.lower)


def test_sequences_may_be_intersected():
    rng = np.random.default_rng(2)
    values = (rng.random(2000) < 0.3).astype(float)
    points = of_mean(range(100), [Sample.of(part) for part in values.reshape(100, -1)], beta_binomial.interval)
    cut = intersected(points)
    assert all(a.lower <= b.lower and a.upper >= b.upper for a, b in pairwise(cut))
    assert cut[-1].lower == max(point.lower for point in points)
    assert cut[-1].upper == min(point.upper for point in points)
    assert cut[-1].lower < 0.3 < cut[-1].upper


def test_intersections_with_gaps():
    points = [
        Point(1, 0),
        Point(2, 5, 0.5, 0.0, 1.0, 0.3),
        Point(3, 6),
        Point(4, 7, 0.6, 0.4, None, 0.5),
        Point(5, 8, 3.0, 2.0, 4.0, 0.01),
    ]
    cut = intersected(points)
    assert [(point.lower, point.upper, point.p_value) for point in cut] == [
        (None, None, None),
        (0.0, 1.0, 0.3),
        (0.0, 1.0, 0.3),
        (0.4, 1.0, 0.3),
        (0.4, 1.0, 0.01),
    ]
