import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from bandit.assignment import Allocation, marks_of, rendezvous

# Made by an implementation in another language, from the steps in the module's docstring.
GOLDEN = json.loads((Path(__file__).parent / "rendezvous.json").read_text())


@pytest.mark.parametrize("case", GOLDEN, ids=range(len(GOLDEN)))
def test_golden_vectors(case):
    marks = marks_of(variant["key"] for variant in case["variants"])
    weights = [variant["weight"] for variant in case["variants"]]
    winner = rendezvous(case["salt"], case["unit"], marks, np.array(weights, dtype=float))
    assert case["variants"][winner]["key"] == case["assigned"]
    scores = [
        -math.log((int(uniform) + 0.5) / 2**53) / weight if weight else math.inf
        for uniform, weight in zip(case["uniforms"], weights, strict=True)
    ]
    assert winner == int(np.argmin(scores))


def test_shares_are_the_weights():
    marks = marks_of("abcd")
    weights = [1.0, 2.0, 3.0, 4.0]
    counts = Counter(rendezvous("salt", f"user-{n}", marks, np.array(weights, dtype=float)) for n in range(20_000))
    expected = np.array(weights) / 10 * 20_000
    assert chisquare([counts[arm] for arm in range(4)], expected).pvalue > 0.001


def test_salts_are_independent():
    marks, even = marks_of("ab"), np.array([1.0, 1.0])
    table = np.zeros((2, 2))
    for n in range(20_000):
        table[rendezvous("one", f"u{n}", marks, even), rendezvous("two", f"u{n}", marks, even)] += 1
    assert chisquare(table.ravel()).pvalue > 0.001


@given(
    st.lists(st.floats(0.01, 100.0), min_size=2, max_size=6),
    st.integers(0, 5),
    st.floats(1.0, 10.0),
    st.text(max_size=20),
)
def test_a_greater_weight_only_moves_units_towards_it(weights, arm, factor, unit):
    arm %= len(weights)
    marks = marks_of(str(index) for index in range(len(weights)))
    before = rendezvous("s", unit, marks, np.array(weights, dtype=float))
    weights[arm] *= factor
    after = rendezvous("s", unit, marks, np.array(weights, dtype=float))
    assert after in (before, arm)


def test_moved_share_is_the_least_possible():
    marks = marks_of("ab")
    moved = sum(
        rendezvous("s", f"u{n}", marks, np.array([0.5, 0.5])) != rendezvous("s", f"u{n}", marks, np.array([0.4, 0.6]))
        for n in range(20_000)
    )
    assert abs(moved / 20_000 - 0.1) < 4 * math.sqrt(0.1 * 0.9 / 20_000)


@given(
    st.lists(st.floats(0.0, 1.0), min_size=2, max_size=8).filter(lambda weights: sum(weights) > 0.01),
    st.floats(0.0, 0.99),
    st.data(),
)
def test_allocation_is_a_distribution_over_the_eligible(weights, holdout, data):
    arms = range(len(weights))
    eligible = data.draw(st.lists(st.sampled_from(arms), min_size=1, unique=True))
    if not any(weights[arm] for arm in eligible):
        weights[eligible[0]] = 1.0
    floor = data.draw(st.floats(0.0, 1.0)) / len(weights)
    allocation = Allocation(weights, [1.0] * len(weights), eligible, floor, holdout)
    assert math.isclose(sum(allocation.probabilities), 1.0, rel_tol=1e-12)
    for arm in arms:
        probability = allocation.probabilities[arm]
        if arm in eligible:
            assert probability >= floor * (1.0 - holdout) + holdout / len(eligible) - 1e-12
        else:
            assert probability == 0.0
    for uniform in (0.0, 0.5, math.nextafter(1.0, 0.0)):
        arm, _ = allocation.draw(lambda uniform=uniform: uniform)
        assert allocation.probabilities[arm] > 0.0


def test_floor_is_additive():
    allocation = Allocation([0.7, 0.3, 0.0], [1.0] * 3, (0, 1, 2), 0.1, 0.0)
    assert allocation.probabilities == pytest.approx([0.1 + 0.7 * 0.7, 0.1 + 0.7 * 0.3, 0.1])
