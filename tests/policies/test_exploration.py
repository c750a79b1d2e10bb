"""Policies whose aim is not, or not only, to earn: they commit, eliminate, find the best, or trust nobody."""

import math
import time

import numba
import numpy as np
import pytest
from scipy.stats import chisquare

from policies import Exp3, ExploreThenCommit, SuccessiveElimination, TopTwoThompson
from policies.best import best_beta
from policies.beta_posterior import posteriors
from policies.top_two_thompson import challengers, drawn_challenger


@pytest.fixture(scope="module")
def drawn_challengers():
    """How often each arm is drawn: `drawn_challengers(stats, params, leader, rng, draws)`."""

    @numba.njit
    def run(stats, params, leader, rng, draws):
        counts = np.zeros(stats.shape[0], np.int64)
        for _ in range(draws):
            counts[drawn_challenger(stats, params, leader, rng)] += 1
        return counts

    return run


def rows(*arms):
    return [[count, total, total, 0.0] for count, total in arms]


def test_explore_then_commit(weigh):
    policy = ExploreThenCommit(trials=10)
    assert list(weigh(policy, rows((10, 9), (3, 0), (9, 8)))) == [0, 0.5, 0.5]
    assert list(weigh(policy, rows((10, 3), (10, 5), (12, 6)))) == [0, 0.5, 0.5]
    assert list(weigh(policy, rows((10, 3), (10 - 1e-12, 5), (12, 5)))) == [0, 1, 0]


def test_successive_elimination(weigh):
    policy = SuccessiveElimination(delta=0.1)
    assert list(weigh(policy, rows((100, 50), (100, 48), (0, 0)))) == pytest.approx([1 / 3] * 3)
    half_width = math.sqrt(math.log(math.pi**2 * 2 * 400**2 / 0.3) / 800)
    out = 400 * (0.9 - 2 * half_width)
    assert list(weigh(policy, rows((400, 360), (400, out + 0.01)))) == [0.5, 0.5]
    assert list(weigh(policy, rows((400, 360), (400, out - 0.01)))) == [1, 0]


def test_successive_elimination_keeps_the_best_arm(play):
    """A gap of .3 needs some 200 trials an arm: the regret stops there, and no run eliminates the best arm."""
    half = [play(SuccessiveElimination(), [0.3, 0.6], 2_000, seed) for seed in range(100)]
    whole = [play(SuccessiveElimination(), [0.3, 0.6], 4_000, seed) for seed in range(100)]
    assert half == whole
    assert max(whole) < 0.3 * 600


def test_top_two_in_closed_form(weigh):
    stats = rows((100, 10), (102, 20), (120, 30), (130, 50))
    psi = [6.5888e-6, 0.03289870, 0.46710397, 0.49999074]
    np.testing.assert_allclose(weigh(TopTwoThompson(), stats), psi, rtol=1e-5)
    best = np.array([1.611863334e-7, 8.048292560e-4, 1.142867156e-2, 0.9877663380])
    np.testing.assert_allclose(weigh(TopTwoThompson(beta=1), stats), best, rtol=1e-9)


def test_top_two_where_the_leader_is_certain(weigh):
    # The share of the challengers is that among them alone: Beta(2, 100) against Beta(3, 99).
    stats = rows((1e6, 9e5), (100, 1), (100, 2))
    alone = weigh(TopTwoThompson(beta=1), stats[1:])
    np.testing.assert_allclose(weigh(TopTwoThompson(beta=0.3), stats), [0.3, *(0.7 * alone)], atol=1e-9)
    assert list(weigh(TopTwoThompson(), rows((5, 1)))) == [1]


def test_exp3_with_explicit_exploration(weigh):
    stats = [[10, 6, 6, 20.0], [10, 3, 3, 12.0]]
    odds = math.exp(0.2 * (20 - 12) / 2)
    expected = 0.8 * odds / (1 + odds) + 0.1
    assert list(weigh(Exp3(exploration=0.2), stats)) == pytest.approx([expected, 1 - expected])
    rate = math.sqrt(2 * math.log(2) / ((math.e - 1) * 20))
    np.testing.assert_allclose(weigh(Exp3(), stats), weigh(Exp3(exploration=rate), stats))


def test_exp3_with_implicit_exploration(weigh):
    """Where each arm was drawn with probability 1/2 all along, the losses are exact."""
    stats = [[10, 6, 6, 12.0], [10, 3, 3, 6.0]]
    first, second = 4 / (0.5 + 0.1), 7 / (0.5 + 0.1)
    odds = math.exp(0.2 * (second - first))
    weights = weigh(Exp3(exploration=0.1, implicit=True), stats)
    assert list(weights) == pytest.approx([odds / (1 + odds), 1 / (1 + odds)])
    rate = math.sqrt(math.log(2) / (2 * 20)) / 2
    np.testing.assert_allclose(weigh(Exp3(implicit=True), stats), weigh(Exp3(exploration=rate, implicit=True), stats))
    assert list(weigh(Exp3(implicit=True), rows((0, 0), (0, 0), (0, 0)))) == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize("implicit", [False, True])
def test_exp3_keeps_its_bound(implicit, play):
    horizon, means = 5_000, [0.4, 0.4, 0.6]
    rate = math.sqrt(3 * math.log(3) / ((math.e - 1) * horizon))
    bound = 2 * math.sqrt((math.e - 1) * horizon * 3 * math.log(3))
    policies = [Exp3(implicit=implicit), Exp3(exploration=rate)]
    for policy in policies:
        regrets = [play(policy, means, horizon, seed) for seed in range(50)]
        assert np.mean(regrets) + 4 * np.std(regrets) / math.sqrt(50) < bound
        assert np.mean(regrets) < 0.4 * 2 / 3 * 0.2 * horizon


@pytest.mark.parametrize(
    ("stats", "leader"),
    [
        (rows((100, 10), (102, 20), (120, 30), (130, 50)), 0),
        (rows((100, 10), (102, 20), (120, 30), (130, 50)), 3),
        (rows((20_000, 6_000), (18_000, 5_000), (20_000, 5_600)), 0),
        (rows((1_000, 300), (800, 200), (900, 210), (30, 4), (10, 0)), 0),
        (rows((5_000, 5_000), (3, 3), (3, 2)), 0),
        (rows((1e6, 9e5), (100, 1), (100, 2)), 0),
        (rows((0, 0), (0, 0), (0, 0)), 1),
    ],
)
@pytest.mark.parametrize("prior", [1, 0.2])
def test_top_two_draws_challengers_however_unlikely_they_are(stats, leader, prior, drawn_challengers):
    """The quadrature tells how often: probabilities that an arm is the best go down to 1e-13 here."""
    stats, params = np.array(stats, dtype=float), TopTwoThompson(prior_successes=prior, prior_failures=prior)
    params = params.parameters(np.ones(len(stats)))
    best, expected = np.empty(len(stats)), np.empty(len(stats))
    a, b = posteriors(stats, params)
    best_beta(a, b, best)
    challengers(stats, params, best, leader, expected)
    drawn = drawn_challengers(stats, params, leader, np.random.default_rng(5), 50_000)
    assert not drawn[expected == 0].any()
    often = 50_000 * expected > 5
    drawn, expected = np.append(drawn[often], drawn[~often].sum()), np.append(expected[often], expected[~often].sum())
    assert chisquare(drawn[expected > 0], 50_000 * expected[expected > 0]).pvalue > 1e-3


@pytest.mark.parametrize("stats", [rows((1, 1), (5e6, 0)), rows((1, 1), (2e6, 1), (3e6, 0)), rows((5e6, 5e6), (1, 0))])
def test_top_two_draws_a_challenger_soon_where_counts_are_far_apart(stats, drawn_challengers):
    """A tilt that leaves one of each parameter takes a million draws for a single challenger here."""
    stats, draws = np.array(stats), 2_000
    params = TopTwoThompson().parameters(np.ones(len(stats)))
    a, b = posteriors(stats, params)
    best, expected = np.empty(len(stats)), np.empty(len(stats))
    best_beta(a, b, best)
    challengers(stats, params, best, 0, expected)
    begun = time.perf_counter()
    drawn = drawn_challengers(stats, params, 0, np.random.default_rng(5), draws)
    assert time.perf_counter() - begun < 20.0
    np.testing.assert_allclose(drawn / draws, expected, atol=0.05)
