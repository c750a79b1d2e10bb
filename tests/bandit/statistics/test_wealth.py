"""The bound: a supermartingale by enumeration, coverage by simulation, and no wider than it must be."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import logsumexp

from bandit.statistics.wealth import BETS, Wealth


def one(value, weight, share, predicted, expected, worst):
    return Wealth.of(*(np.array([each], float) for each in (value, weight, share, predicted, expected, worst)))


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("share", [1.0, 0.25])
@pytest.mark.parametrize("value", [0.05, 0.4, 0.97])
def test_every_bet_is_fair_at_most(known, share, value):
    """All eight outcomes of two trials, the second logged and predicted by what came of the first."""
    means, target = (value, value / 2), (0.7, 0.3)
    expectation = np.zeros_like(BETS)
    truth = target[0] * means[0] + target[1] * means[1]
    for (first, won), (second, gained) in product(product((0, 1), (0, 1)), repeat=2):
        probability, wealth = 1.0, Wealth.none()
        for arm, outcome, history in ((first, won, 0), (second, gained, 1 + first + 2 * won)):
            logging = ((0.5, 0.5), (0.9, 0.1), (0.01, 0.99), (0.2, 0.8), (0.6, 0.4))[history]
            predictions = ((0.0, 0.0), (0.3, 1.0), (1.0, 0.1), (0.05, 0.05), (0.9, 0.9))[history]
            probability *= logging[arm] * (means[arm] if outcome else 1.0 - means[arm])
            weights = [share * wanted / drawn for wanted, drawn in zip(target, logging, strict=True)]
            worst = max(map(float.__mul__, weights, predictions)) if known else np.inf
            expected = sum(map(float.__mul__, target, predictions))
            wealth += one(outcome, weights[arm], share, predictions[arm], expected, worst)
        expectation += probability * np.exp(wealth.logarithms + BETS * (wealth.guesses - wealth.share * truth))
    assert (expectation <= 1.0 + 1e-12).all()
    assert expectation.max() > 0.999


@pytest.mark.parametrize("alpha", [0.05, 1e-9])
def test_the_bound_is_where_the_wealth_reaches_its_goal(alpha):
    rng = np.random.default_rng(1)
    value, weight = rng.beta(2, 3, 500), rng.exponential(size=500)
    ones = np.ones(500)
    wealth = Wealth.of(value, weight, ones, 0.4 * ones, 0.4 * ones, np.full(500, np.inf))

    def excess(mean):
        gains = np.log1p(BETS[:, None] * (weight * value - np.minimum(0.4, 0.9 / BETS[:, None]))).sum(axis=1)
        guesses = 500 * np.minimum(0.4, 0.9 / BETS)
        return logsumexp(gains - BETS * (500 * mean - guesses), b=1 / BETS.size) + np.log(alpha)

    assert wealth.bound(alpha) == pytest.approx(brentq(excess, -1.0, 1.0, xtol=1e-14), abs=1e-9)
    assert wealth.bound(alpha) < (weight * value).mean()


def test_parts_of_a_log_merge():
    rng = np.random.default_rng(2)
    columns = [rng.random(90) for _ in range(5)] + [rng.choice([0.5, 3.0, np.inf], 90)]
    whole = Wealth.of(*columns)
    parts = Wealth.none()
    for start in (0, 7, 50):
        parts += Wealth.of(*(column[start : {0: 7, 7: 50, 50: 90}[start]] for column in columns))
    assert parts.logarithms == pytest.approx(whole.logarithms, rel=1e-12)
    assert parts.bound(0.1) == pytest.approx(whole.bound(0.1), rel=1e-9)


def test_nothing_is_known_without_trials():
    assert Wealth.none().bound(0.05) == 0.0
    assert one(1.0, 0.0, 0.0, 0.0, 0.0, 0.0).bound(0.05) == 0.0


@pytest.mark.filterwarnings("error")
def test_extremes_are_numbers():
    huge = one(1.0, 1e12, 1.0, 0.0, 0.0, np.inf)
    assert 0.0 <= huge.bound(0.05) <= 1.0
    many = Wealth.of(*(np.ones(10**5) for _ in range(5)), np.full(10**5, np.inf))
    assert 0.999 < many.bound(0.05) <= 1.0
    assert many.bound(1e-300) < many.bound(0.05)


def walk(rng, trials, value):
    """Trials whose weights have no variance: a Pareto tail of index 1.5, of mean 1."""
    weight = (rng.pareto(1.5, trials) + 1.0) / 3.0
    return weight, (rng.random(trials) < value).astype(float)


def test_the_bound_holds_at_every_look_where_weights_have_no_variance():
    """Ten looks at each of 200 logs; the usual interval misses far more than it says at the last look alone."""
    rng, value, missed, usual = np.random.default_rng(3), 0.2, 0, 0
    ones, unknown = np.ones(200), np.full(200, np.inf)
    for _ in range(200):
        weight, reward = walk(rng, 2000, value)
        known = np.concatenate([[0.0], np.cumsum(reward)[:-1] / np.arange(1, 2000)])
        below = above = Wealth.none()
        misses = False
        for w, r, q in zip(*(column.reshape(10, 200) for column in (weight, reward, known)), strict=True):
            below += Wealth.of(r, w, ones, q, q, unknown)
            above += Wealth.of(1 - r, w, ones, 1 - q, 1 - q, unknown)
            misses |= not below.bound(0.025) <= value <= 1 - above.bound(0.025)
        missed += misses
        terms = weight * reward
        usual += abs(terms.mean() - value) > 1.96 * terms.std(ddof=1) / np.sqrt(2000)
    assert missed / 200 <= 0.05
    assert usual / 200 > 0.1


@pytest.mark.parametrize(("value", "trials"), [(0.5, 2_000), (0.1, 20_000), (0.9, 20_000), (0.01, 200_000)])
def test_the_bound_is_not_wide(value, trials):
    """Half of the trials drawn by the target: within 2.3 times the interval of a single look at normal means."""
    rng = np.random.default_rng(4)
    weight = 2.0 * (rng.random(trials) < 0.5)
    reward = (rng.random(trials) < value).astype(float)
    earned, seen = np.cumsum(weight * reward), np.cumsum(weight)
    known = np.concatenate([[0.0], (earned / np.maximum(seen, 2.0))[:-1]])
    ones = np.ones(trials)
    lower = Wealth.of(reward, weight, ones, known, known, 2.0 * known).bound(0.025)
    upper = 1.0 - Wealth.of(1 - reward, weight, ones, 1 - known, 1 - known, 2.0 * (1 - known)).bound(0.025)
    usual = 2 * 1.96 * np.sqrt(2.0 * value * (1.0 - value) / trials)
    assert lower < value < upper
    assert usual < upper - lower < 2.3 * usual
