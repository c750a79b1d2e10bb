import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import rel_entr
from scipy.stats import beta, chisquare

from policies import KLUCB, MOSS, UCB1, BayesUCB, EpsilonGreedy, Softmax, UCB1Tuned
from policies.kl_ucb import kl_ucb_index
from policies.moss import moss_index
from policies.ucb import ucb1_index, ucb1_tuned_index

CASES = [
    (0.5, 10, 100, 0.8879087616, 1.4597051824),
    (0.0, 10, 100, 1 - 100**-0.1, 0.9597051824),
    (0.1, 100, 1000, 0.2457350099, 0.1 + math.sqrt(0.02 * math.log(1000))),
]


@pytest.mark.parametrize(("mean", "count", "t", "kl_ucb", "ucb1"), CASES)
def test_reference(mean, count, t, kl_ucb, ucb1):
    assert kl_ucb_index(mean, math.log(t) / count) == pytest.approx(kl_ucb, abs=6e-11)
    row = np.array([count, count * mean, count * mean, 0.0])
    assert ucb1_index(row, math.log(t), math.sqrt(2)) == pytest.approx(ucb1, abs=6e-11)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.floats(0, 1), st.floats(-13, 3))
def test_kl_ucb_solves_its_equation(mean, exponent):
    level = 10.0**exponent
    q = kl_ucb_index(mean, level)
    assert mean <= q <= 1
    if 0 < q < 1:
        step = 1e-12 + 4 * np.spacing(q)
        above, below = min(q + step, 1.0), max(q - step, mean)
        assert rel_entr(mean, above) + rel_entr(1 - mean, 1 - above) >= level - 4e-16
        assert rel_entr(mean, below) + rel_entr(1 - mean, 1 - below) <= level + 4e-16


def weights(policy, rows):
    stats = np.array([[count, total, total, 0.0] for count, total in rows], dtype=float)
    out = np.empty(len(rows))
    policy.weights(stats, np.empty(0), stats[:, 0].sum(), policy.parameters(np.full(len(rows), 1 / len(rows))), out)
    return list(out)


@pytest.mark.parametrize("policy", [EpsilonGreedy(), Softmax(), UCB1(), UCB1Tuned(), MOSS(), KLUCB()])
def test_untried_arms_come_first(policy):
    assert weights(policy, [(10, 9), (0, 0), (3, 1), (0, 0)]) == [0, 0.5, 0, 0.5]
    assert weights(policy, [(10, 9), (1e-12, 1e-12)]) == [0, 1]


@pytest.mark.parametrize("policy", [UCB1(), UCB1Tuned(), MOSS(), KLUCB(), BayesUCB()])
def test_ties_share(policy):
    assert weights(policy, [(10, 4), (10, 4), (10, 1)]) == [0.5, 0.5, 0]


def test_epsilon_greedy_and_softmax():
    assert weights(EpsilonGreedy(epsilon=0.3), [(10, 4), (5, 2), (10, 1)]) == pytest.approx([0.45, 0.45, 0.1])
    odds = math.exp((0.4 - 0.1) / 0.2)
    assert weights(Softmax(temperature=0.2), [(10, 4), (10, 1)]) == pytest.approx([odds / (1 + odds), 1 / (1 + odds)])


def test_kl_ucb_with_the_term_of_the_proof():
    # With t = 1000, ln t + 3 ln ln t = 12.7 instead of ln t = 6.9: the index of the rarely tried arm passes the other.
    rows = [(980, 441), (20, 1)]
    assert weights(KLUCB(), rows) == [1, 0]
    assert weights(KLUCB(c=3), rows) == [0, 1]


def test_ucb1_tuned_and_moss():
    rate = math.log(1000) / 50
    # Rewards 0 and 1 in equal shares have the greatest variance; at 2% the variance is small and the bonus with it.
    logarithm = math.log(1000)
    even, rare = np.array([50.0, 25.0, 25.0, 0.0]), np.array([5000.0, 100.0, 100.0, 0.0])
    assert ucb1_tuned_index(even, logarithm) == pytest.approx(0.5 + math.sqrt(rate / 4))
    rate = math.log(1000) / 5000
    small = 0.02 + math.sqrt(rate * (0.02 * 0.98 + math.sqrt(2 * rate)))
    assert ucb1_tuned_index(rare, logarithm) == pytest.approx(small)
    few, many = np.array([5.0, 1.5, 1.5, 0.0]), np.array([101.0, 25.25, 25.25, 0.0])
    assert moss_index(few, 100.0, 1.0) == pytest.approx(0.3 + math.sqrt(math.log(20) / 5))
    assert moss_index(many, 100.0, 1.0) == 0.25
    # At t = 40 the bonus of neither exceeds its mean; planned for 100,000 decisions the rarely tried arm is worth it.
    rows = [(30, 21), (10, 6)]
    assert weights(MOSS(), rows) == [0, 1]
    assert weights(MOSS(exploration=0), rows) == [1, 0]
    assert weights(MOSS(horizon=40), [(30, 21), (19, 11)]) == [1, 0]
    assert weights(MOSS(horizon=100_000), [(30, 21), (19, 11)]) == [0, 1]


def test_bayes_ucb_takes_the_quantile_of_the_posterior():
    rng = np.random.default_rng(2)
    for c in (0, 5):
        policy = BayesUCB(prior_successes=0.5, prior_failures=2, c=c)
        for _ in range(50):
            counts = rng.integers(0, 200, 5)
            sums = rng.binomial(counts, 0.1)
            t = counts.sum()
            quantiles = beta.isf(1 / (1 + t * math.log(t) ** c), 0.5 + sums, 2 + counts - sums)
            assert np.argmax(weights(policy, list(zip(counts, sums, strict=True)))) == np.argmax(quantiles)
    assert weights(BayesUCB(), [(0, 0), (0, 0)]) == [0.5, 0.5]


@pytest.mark.parametrize(("policy", "regret", "error"), [(UCB1Tuned(), 59.2, 2.3), (MOSS(), 84.3, 0.9)])
def test_regret(policy, regret, error, play):
    """Bernoulli means .1 to .9, T = 10,000: by an independent program, 200 runs."""
    regrets = [play(policy, np.arange(1, 10) / 10, 10_000, seed) for seed in range(200)]
    assert abs(np.mean(regrets) - regret) < 4 * np.hypot(np.std(regrets) / np.sqrt(len(regrets)), error)


def test_ucb1_among_many_arms(count):
    """Arms are looked at some at a time: the greatest index may lie anywhere, and those that tie anywhere else."""
    for tied in ([0, 31, 32, 74], [73], [40, 41]):
        stats = np.zeros((75, 4))
        stats[:, 0] = 100 + np.arange(75) % 7
        stats[:, 1] = 30.0
        stats[tied, :2] = 50, 20
        params = UCB1().parameters(np.full(75, 1 / 75))
        drawn = count(UCB1(), stats, params, 10_000)
        assert list(np.flatnonzero(drawn)) == tied
        assert len(tied) == 1 or chisquare(drawn[tied]).pvalue > 1e-3
        assert weights(UCB1(), stats[:, :2]) == [(arm in tied) / len(tied) for arm in range(75)]
