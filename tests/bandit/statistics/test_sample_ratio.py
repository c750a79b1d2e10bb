"""Sample ratios against published figures, scipy, and simulation."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from bandit.statistics.comparison import Refused
from bandit.statistics.sample_ratio import TILTS, anytime, changing, fixed, sequential


def test_references():
    found = fixed([821_588, 815_482], [1, 1])
    assert found.statistic == pytest.approx(22.774369, abs=5e-7)
    assert found.p_value == pytest.approx(1.8218e-6, abs=5e-11)
    assert found.mismatch
    found = fixed([600, 400], [0.5, 0.5])
    assert found.statistic == pytest.approx(40, abs=1e-12)
    assert found.p_value == pytest.approx(2.5396e-10, abs=5e-15)
    assert not fixed([520, 480], [1, 1]).mismatch


@settings(derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.floats(0.1, 1)), min_size=2, max_size=8))
def test_pearson(arms):
    observed, weights = np.array(arms, np.float64).T
    expected = observed.sum() * weights / weights.sum()
    if expected.min() < 5:
        return
    reference = stats.chisquare(observed, expected)
    found = fixed(observed, weights)
    assert found.statistic == pytest.approx(reference.statistic, rel=1e-6, abs=1e-6)
    assert found.p_value == pytest.approx(reference.pvalue, rel=1e-5, abs=1e-12)
    assert found.degrees == len(arms) - 1
    # Constant weights are a special case, cut into epochs in any way.
    shares = weights / weights.sum()
    parts = np.array([np.floor(observed * 0.3), observed - np.floor(observed * 0.3)])
    cut = changing(parts, parts.sum(axis=1)[:, None] * shares)
    assert cut.statistic == pytest.approx(found.statistic, rel=1e-6, abs=1e-6)


def test_the_formula_for_changing_weights():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([2, 3, 4], 40)
    sizes = rng.integers(1, 30, 40)
    observed = np.array([rng.multinomial(n, e) for n, e in zip(sizes, probabilities, strict=True)], np.float64)
    found = changing(observed, sizes[:, None] * probabilities)
    distance = (observed - sizes[:, None] * probabilities).sum(axis=0)
    covariance = sum(n * (np.diag(e) - np.outer(e, e)) for n, e in zip(sizes, probabilities, strict=True))
    expected = distance @ np.linalg.pinv(covariance) @ distance
    assert found.statistic == pytest.approx(expected, rel=1e-9)
    assert (found.degrees, found.p_value) == (2, pytest.approx(stats.chi2.sf(expected, 2)))


def test_under_a_bandit_it_errs_as_often_as_it_says():
    """Weights follow what was drawn, one epoch a unit; and the naive test does not."""
    rng = np.random.default_rng(1)
    rejected, naive = 0, 0
    for _ in range(400):
        draws, expected = np.zeros((200, 2)), np.zeros((200, 2))
        ahead = 0.0
        for unit in range(200):
            p = 0.5 + 0.4 * math.tanh(0.05 * ahead)
            expected[unit] = p, 1 - p
            arm = int(rng.random() >= p)
            draws[unit, arm] = 1
            ahead += 1 if arm == 0 else -1
        rejected += changing(draws, expected).p_value < 0.05
        naive += fixed(draws.sum(axis=0), [1, 1]).p_value < 0.05
    assert 8 <= rejected <= 32
    assert naive > 200


def test_a_mismatch_under_changing_weights():
    rng = np.random.default_rng(2)
    probabilities = rng.dirichlet([5, 5], 50)
    lost = np.array([1.0, 0.85])
    observed = np.array([rng.multinomial(200, e * lost / (e * lost).sum()) for e in probabilities], np.float64)
    assert changing(observed, 200 * probabilities).mismatch


def test_what_cannot_be_drawn():
    found = fixed([600, 400, 1], [1, 1, 0])
    assert (found.p_value, found.statistic, found.mismatch) == (0.0, None, True)
    assert fixed([600, 590, 0], [1, 1, 0]).degrees == 1
    # In the second epoch the first variant was certain.
    found = changing(np.array([[50.0, 50.0], [99.0, 1.0]]), np.array([[50.0, 50.0], [100.0, 0.0]]))
    assert found.p_value < 1
    assert changing(np.array([[100.0, 0.0], [99.0, 1.0]]), np.array([[100.0, 0.0], [100.0, 0.0]])).p_value == 0.0


def test_variants_that_never_met():
    """Two pairs, each in its own epoch: the pairs' totals are what they are, so two directions are free."""
    observed = np.array([[60.0, 40.0, 0.0, 0.0], [0.0, 0.0, 45.0, 55.0]])
    expected = np.array([[50.0, 50.0, 0.0, 0.0], [0.0, 0.0, 50.0, 50.0]])
    found = changing(observed, expected)
    assert found.degrees == 2
    assert found.statistic == pytest.approx(4 + 1)


@pytest.mark.parametrize("size", [1e12, 1e5])
def test_many_units_and_many_variants(size):
    assert fixed([size] * 100, [1] * 100).p_value == 1.0
    assert fixed([size * 1.1] + [size] * 99, [1] * 100).p_value < 1e-90


def test_few_units_are_refused():
    with pytest.raises(Refused, match=r"some variant expects 4.5 units, fewer than 5"):
        fixed([5, 4], [1, 1])
    with pytest.raises(Refused, match="there are no units"):
        fixed([0, 0], [1, 1])
    with pytest.raises(Refused, match="only one variant is served"):
        fixed([100, 0], [1, 0])
    assert not fixed([5, 5], [1, 1]).mismatch


def by_definition(counts, shares, concentration):
    prior = concentration * shares
    return (
        special.gammaln(concentration)
        - special.gammaln(concentration + counts.sum())
        + (special.gammaln(prior + counts) - special.gammaln(prior)).sum()
        - (counts * np.log(shares)).sum()
    )


@settings(derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**4), st.floats(0.05, 1)), min_size=2, max_size=6), st.floats(1, 10**4))
def test_the_sequential_test(arms, concentration):
    counts, weights = np.array(arms, np.float64).T
    factor = by_definition(counts, weights / weights.sum(), concentration)
    (found,) = sequential([counts], weights, concentration)
    assert found == pytest.approx(math.exp(-max(factor, 0)), rel=1e-6, abs=1e-300)


def test_the_sequential_test_errs_at_any_time_as_often_as_it_says():
    rng = np.random.default_rng(3)
    rejected = 0
    for _ in range(300):
        draws = rng.random((2000, 1)) < 0.3
        looks = np.cumsum(np.hstack([draws, ~draws]), axis=0)
        found = sequential(looks, [3, 7], 100)
        assert found[-1] == min(found)
        rejected += found[-1] < 0.05
    assert 1 <= rejected <= 15


def test_it_finds_what_is_wrong():
    assert sequential([[300, 200], [600, 400]], [1, 1])[-1] < 0.001
    assert sequential([[821_588, 815_482]], [1, 1])[-1] < 0.001
    assert sequential([[5e11, 5e11]], [1, 1]) == (1.0,)
    assert sequential([[5.1e11, 4.9e11]], [1, 1]) == (0.0,)
    assert sequential([[0, 0]], [1, 1]) == (1.0,)
    assert sequential(np.empty((0, 2)), [1, 1]) == ()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fixed([1, -1], [1, 1]), "observed: -1 given, must be finite numbers, 0 or more"),
        (lambda: fixed([1, 1], [0, 0]), "weights: must not all be 0"),
        (lambda: fixed([1, 1], [1, 1, 1]), "weights: 3 given, must be as many as the counts, 2"),
        (lambda: changing(np.ones((2, 2)), np.ones((2, 3))), r"expected: shape \(2, 3\) given"),
        (lambda: changing(np.ones((2, 2)), 2 * np.ones((2, 2))), r"expected\[0\]: 4 units given in all"),
        (lambda: sequential([[1, 1]], [1, 0]), "weights: 0 given, must be above 0"),
        (lambda: sequential([[1, 1, 1]], [1, 1]), r"looks: shape \(1, 3\) given, must be \(looks, 2\)"),
        (lambda: sequential([[2, 2], [1, 2]], [1, 1]), "looks: must not fall"),
        (lambda: sequential([[2, 2]], [1, 1], 0), "concentration: 0 given, must be above 0 and finite"),
    ],
)
def test_arguments_that_do_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_the_test_at_any_time_wins_is_fair_whatever_chose_the_weights():
    def weights(past):
        first = (1.0 + sum(arm == 0 for arm in past)) / (3.0 + len(past))
        return np.array([first, 0.7 * (1.0 - first), 0.3 * (1.0 - first)])

    won = 0.0
    for arms in itertools.product(range(3), repeat=5):
        expected = np.array([weights(arms[:place]) for place in range(5)])
        observed = np.eye(3)[list(arms)]
        chance = (expected * observed).sum(axis=1).prod()
        won += chance * math.exp(anytime(observed, expected).statistic)
    assert won == pytest.approx(1.0, abs=1e-12)


def test_the_test_at_any_time_by_hand():
    observed, expected = np.array([[30.0, 70.0], [5.0, 5.0]]), np.array([[50.0, 50.0], [9.0, 1.0]])
    logs = [
        d * observed[:, arm].sum()
        - 100 * math.log(1 + expected[0, arm] / 100 * (math.exp(d) - 1))
        - 10 * math.log(1 + expected[1, arm] / 10 * (math.exp(d) - 1))
        for arm in range(2)
        for d in TILTS
    ]
    found = anytime(observed, expected)
    assert found.statistic == pytest.approx(math.log(np.exp(logs).mean()))
    assert found.p_value == pytest.approx(math.exp(-found.statistic))
    # Sums alone are never more evidence, and the order of the epochs is none.
    together = anytime(observed.sum(axis=0, keepdims=True), expected.sum(axis=0, keepdims=True))
    assert together.statistic <= found.statistic
    assert anytime(observed[::-1], expected[::-1]).statistic == pytest.approx(found.statistic)


def test_the_test_at_any_time_errs_as_often_as_it_says_where_weights_follow_the_counts():
    rng, ever, replications = np.random.default_rng(5), 0, 1000
    for _ in range(replications):
        observed, expected = np.zeros((0, 2)), np.zeros((0, 2))
        least = 1.0
        for _ in range(20):
            chance = np.clip((1.0 + observed[:, 0].sum()) / (2.0 + observed.sum()) + rng.normal(0.0, 0.2), 0.05, 0.95)
            drawn = rng.binomial(50, chance)
            observed = np.vstack([observed, [drawn, 50 - drawn]])
            expected = np.vstack([expected, [50 * chance, 50 * (1 - chance)]])
            least = min(least, anytime(observed, expected).p_value)
        ever += least <= 0.05
    assert ever / replications <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / replications)


def test_the_test_at_any_time_finds_lost_units():
    rng = np.random.default_rng(6)
    chance = np.clip(rng.beta(2, 2, 200), 0.05, 0.95)
    first, second = rng.binomial(100, chance), rng.binomial(100, 1 - chance)
    kept = rng.binomial(second, 0.8)
    sizes = (first + kept)[:, None]
    observed = np.column_stack([first, kept])
    found = anytime(observed, sizes * np.column_stack([chance, 1 - chance]))
    assert found.mismatch
    assert not anytime(
        np.column_stack([first, second]), (first + second)[:, None] * np.column_stack([chance, 1 - chance])
    ).mismatch
    assert anytime([[40, 0]], [[20, 20]]).mismatch
    assert anytime([[5e11, 5e11]], [[5e11, 5e11]]).p_value == 1.0
    assert anytime([[5.01e11, 4.99e11]], [[5e11, 5e11]]).p_value == 0.0
    assert anytime([[3, 2]], [[5, 0]]).p_value == 0.0


def test_the_test_at_any_time_refuses_what_cannot_be_told():
    with pytest.raises(Refused, match="no units"):
        anytime([[0, 0]], [[0, 0]])
    with pytest.raises(Refused, match="only one variant"):
        anytime([[3, 0]], [[3, 0]])
    with pytest.raises(ValueError, match=r"expected\[0\]: 3 units given in all"):
        anytime([[2, 2]], [[1, 2]])
