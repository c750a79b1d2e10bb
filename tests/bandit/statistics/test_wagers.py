"""Wagers: not to be won by chance, worked out over all that can happen; and against sums by hand."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandit.statistics import score_wealth, wagers
from bandit.statistics.comparison import Refused
from bandit.statistics.epochs import Epochs
from bandit.statistics.pair import pair

FLOOR = 0.1


def chosen(successes, trials):
    """Probabilities that follow the past, as a bandit's do."""
    if not trials.sum():
        return np.array([0.5, 0.3, 0.2])
    weights = (successes + 1) / (trials + 2)
    weights = weights**4 / (weights**4).sum()
    return FLOOR + (1 - 3 * FLOOR) * weights


def everything(rates, epochs):
    """Every course of an experiment with one trial an epoch: its probability, and what was collected."""
    for arms in itertools.product(range(3), repeat=epochs):
        for values in itertools.product((0, 1), repeat=epochs):
            trials, successes, chance = (np.zeros((epochs, 3)) for _ in range(3))
            probability = 1.0
            for epoch, (arm, value) in enumerate(zip(arms, values, strict=True)):
                chance[epoch] = chosen(successes.sum(axis=0), trials.sum(axis=0))
                probability *= chance[epoch, arm] * (rates[arm] if value else 1 - rates[arm])
                trials[epoch, arm], successes[epoch, arm] = 1, value
            yield probability, Epochs.of_conversions(trials, successes, chance, floor=FLOOR)


@pytest.mark.parametrize("rates", [(0.3, 0.3, 0.9), (0.02, 0.02, 0.5), (0.8, 0.8, 0.1)])
def test_nothing_can_be_expected_to_be_won_where_there_is_no_effect(rates):
    total, expected = 0.0, np.zeros(4)
    for probability, epochs in everything(rates, 4):
        total += probability
        expected += probability * np.exp(score_wealth.log_wealth(pair("x", epochs, 1, 0)))
    assert total == pytest.approx(1.0)
    np.testing.assert_allclose(expected, 1.0, rtol=1e-12)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_nor_against_the_true_effect_of_single_trials(alternative):
    expected = np.zeros(3)
    for probability, epochs in everything((0.3, 0.75, 0.5), 3):
        expected += probability * np.exp(score_wealth.log_wealth(pair("x", epochs, 1, 0), 0.45, alternative))
    # The first epoch's prediction comes from its own trial, so no more than about.
    np.testing.assert_allclose(expected, 1.0, atol=0.05)


def test_a_first_batch_is_fair_given_its_outcomes():
    outcomes, expected = np.array([1.0, 0.0, 0.0, 1.0, 1.0]), 0.0
    for arms in itertools.product((0, 1), repeat=5):
        arms = np.array(arms)
        chance = np.where(arms, 0.2, 0.8).prod()
        trials = np.bincount(arms, minlength=2)[None]
        successes = np.bincount(arms, outcomes, minlength=2)[None]
        epochs = Epochs.of_conversions(trials, successes, np.array([[0.8, 0.2]]), floor=0.1)
        expected += chance * math.exp(score_wealth.log_wealth(pair("x", epochs, 1, 0))[-1])
    assert expected == pytest.approx(1.0)


def conversions(seed, rates=(0.3, 0.4), sizes=(300,) * 10, floor=0.05):
    rng = np.random.default_rng(seed)
    share = floor + (1 - 2 * floor) * rng.random(len(sizes))
    chance = np.stack([share, 1 - share], axis=1)
    trials = np.array([rng.multinomial(size, each) for size, each in zip(sizes, chance, strict=True)])
    return Epochs.of_conversions(trials, rng.binomial(trials, rates), chance, floor=floor)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.05, 0.2]))
def test_the_interval_has_what_was_not_won_against(seed, alpha):
    epochs = conversions(seed, rates=(0.3, 0.45))
    found = wagers.compare(epochs, 1, 0, alpha=alpha)
    chosen = pair("x", epochs, 1, 0)
    most = -math.log(alpha)
    for end in found.interval:
        if abs(end) < 1:
            assert score_wealth.log_wealth(chosen, end).max() == pytest.approx(most, abs=1e-5)
    inside = np.linspace(*found.interval, 9)[1:-1]
    assert all(score_wealth.log_wealth(chosen, float(effect)).max() < most for effect in inside)
    assert (found.p_value < alpha) == (not found.interval[0] <= 0.0 <= found.interval[1])
    assert found.p_value == pytest.approx(min(1.0, math.exp(-found.statistic)))
    mirrored = wagers.compare(epochs, 0, 1, alpha=alpha)
    assert mirrored.interval == pytest.approx((-found.interval[1], -found.interval[0]), abs=1e-7)


def test_one_sided_puts_all_on_one_side():
    epochs = conversions(4, rates=(0.3, 0.42))
    both, one, other = (wagers.compare(epochs, 1, 0, alternative=side) for side in ("two-sided", "greater", "less"))
    assert one.p_value < both.p_value < 1e-3
    assert one.interval[0] > both.interval[0]
    assert one.interval[1] == math.inf
    assert other.interval[0] == -math.inf
    assert other.p_value == 1.0


def test_an_effect_that_was_found_once_stays_found():
    epochs = conversions(4, rates=(0.3, 0.6))
    p_values = [wagers.compare(epochs.first(look), 1, 0).p_value for look in range(1, 11)]
    assert p_values == sorted(p_values, reverse=True)


def test_bounds_scale():
    plain = conversions(4)
    totals = 5.0 * plain.totals - 2.0 * plain.trials
    scaled = Epochs(plain.trials, totals, 99.0 * plain.trials, plain.probabilities, 0.05, (-2.0, 3.0))
    found, expected = wagers.compare(scaled, 1, 0), wagers.compare(plain, 1, 0)
    assert found.p_value == pytest.approx(expected.p_value)
    assert found.effect == pytest.approx(5 * expected.effect)
    assert found.interval == pytest.approx(tuple(5 * end for end in expected.interval), abs=1e-6)


def test_repetitions_are_those_of_each():
    several = [conversions(seed) for seed in range(3)]
    together = Epochs.of_conversions(
        *(np.stack([getattr(each, name) for each in several]) for name in ("trials", "totals", "probabilities")),
        floor=0.05,
    )
    found = score_wealth.log_wealth(pair("x", together, 1, 0), 0.02)
    for place, each in enumerate(several):
        np.testing.assert_allclose(found[place], score_wealth.log_wealth(pair("x", each, 1, 0), 0.02))


def test_effects_that_change_leave_no_constant_one():
    trials, chance = np.full((4, 2), 4000.0), np.full((4, 2), 0.5)
    successes = trials * np.array([[0.2, 0.6], [0.2, 0.6], [0.6, 0.2], [0.6, 0.2]])
    found = wagers.compare(Epochs.of_conversions(trials, successes, chance, floor=0.5), 1, 0)
    assert "changed over time" in found.warnings[0]
    assert found.interval[0] < 0.0 < found.interval[1]
    assert found.p_value < 1e-100


def test_few_trials_none_and_refusals():
    nothing = Epochs.of_conversions(np.zeros((1, 2)), np.zeros((1, 2)), np.full((1, 2), 0.5), floor=0.5)
    found = wagers.compare(nothing, 1, 0)
    assert (found.p_value, found.interval) == (1.0, (-1.0, 1.0))
    one = Epochs.of_conversions(np.array([[1.0, 0.0]]), np.array([[1.0, 0.0]]), np.full((1, 2), 0.5), floor=0.5)
    assert wagers.compare(one, 1, 0).p_value == 1.0
    with pytest.raises(Refused, match="the values have no bounds"):
        wagers.compare(Epochs(one.trials, one.totals, one.squares, one.probabilities, 0.5), 1, 0)
    with pytest.raises(Refused, match="without a floor"):
        wagers.compare(Epochs.of_conversions(one.trials, one.totals, one.probabilities, floor=0.0), 1, 0)
    with pytest.raises(ValueError, match="must lie strictly between 0 and 1"):
        wagers.compare(one, 1, 0, alpha=1.5)


def test_the_effect_lies_where_one_can():
    """Two successes in three trials, of an arm that was drawn once in a hundred: the weighted mean is far above 1."""
    trials, successes = np.array([[97.0, 3.0]]), np.array([[40.0, 2.0]])
    found = wagers.compare(Epochs.of_conversions(trials, successes, np.array([[0.995, 0.005]]), floor=0.005), 1, 0)
    assert found.interval[0] <= found.effect <= found.interval[1] <= 1.0
