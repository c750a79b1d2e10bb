"""Drawing the arms again: against enumeration, and against chance itself."""

import itertools

import numpy as np
import pytest

from bandit.statistics import replay, rerandomisation
from bandit.statistics.comparison import Refused
from bandit.statistics.epochs import Epochs
from bandit.statistics.mechanism import Calendar, Mechanism
from bandit.statistics.rerandomisation import Trials
from policies import UCB1, EpsilonGreedy, Fixed, ThompsonBeta


def collected(mechanism, sizes, rates, seed):
    rng = np.random.default_rng(seed)
    outcomes = (rng.random((sum(sizes), 1)) < rates).astype(float)
    played = replay.run(mechanism, Calendar.immediate(np.array(sizes)), outcomes, rng)
    return Epochs.of_conversions(played.sums[..., 0], played.sums[..., 1], played.probabilities, floor=mechanism.least)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize("policy", [Fixed(), EpsilonGreedy(epsilon=0.4)])
def test_it_is_the_share_of_all_draws_that_differ_as_much(policy, alternative):
    """Nine trials in three epochs: every draw that was possible, with its probability."""
    sizes, values = np.array([3, 3, 3]), np.array([1.0, 0, 2, 4, 1, 0, 3, 2, 5])
    mechanism = Mechanism(policy, (0.4, 0.6), floor=0.05)
    calendar = Calendar.immediate(sizes)
    arms = np.array([1, 0, 1, 1, 1, 0, 1, 0, 1])
    rng = np.random.default_rng(0)
    observed = replay.run(mechanism, calendar, values[:, None], rng, given=arms)
    trials = Trials(arms, values, calendar, observed.probabilities)

    def compared(given):
        difference = rerandomisation.observe(Trials(given, values, calendar, observed.probabilities), 1, 0)[1]
        return {"two-sided": abs(difference), "greater": difference, "less": -difference}[alternative]

    share = 0.0
    for each in itertools.product((0, 1), repeat=9):
        given = np.array(each)
        if compared(given) >= compared(arms) - 1e-9:
            share += np.exp(replay.run(mechanism, calendar, values[:, None], rng, given=given).log_weight)
    found = rerandomisation.compare(trials, mechanism, 1, 0, alternative=alternative, repetitions=19_999)
    assert found.p_value == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / 20_000) + 1e-4)
    assert found.effect == pytest.approx(values[arms == 1].mean() - values[arms == 0].mean())


@pytest.mark.parametrize(
    ("policy", "floor", "sizes", "rates"),
    [
        (ThompsonBeta(), 0.01, (20,) * 6, (0.04, 0.04)),
        (UCB1(), 0.0, (15,) * 6, (0.5, 0.5)),
        (ThompsonBeta(), 0.05, (1,) * 60, (0.3, 0.3)),
        (ThompsonBeta(), 0.05, (30,) * 4, (0.2, 0.2, 0.8)),
    ],
    ids=["rare", "no floor", "single trials", "three arms"],
)
def test_its_p_values_are_not_smaller_than_chance_allows(policy, floor, sizes, rates):
    mechanism, number = Mechanism.even(policy, len(rates), floor), 250
    found = [
        rerandomisation.compare(
            Trials.of(collected(mechanism, sizes, rates, seed)), mechanism, 1, 0, repetitions=39, seed=seed
        ).p_value
        for seed in range(number)
    ]
    for level in (0.05, 0.1, 0.3):
        assert np.mean(np.array(found) <= level) < level + 4 * np.sqrt(level * (1 - level) / number)


def test_it_finds_an_effect():
    mechanism = Mechanism.even(ThompsonBeta(), 2, 0.05)
    found = rerandomisation.compare(Trials.of(collected(mechanism, (100,) * 8, (0.3, 0.5), 1)), mechanism, 1, 0)
    assert found.p_value == pytest.approx(1 / 1000)
    assert found.interval == (-np.inf, np.inf)
    again = rerandomisation.compare(Trials.of(collected(mechanism, (100,) * 8, (0.3, 0.5), 1)), mechanism, 1, 0)
    assert again == found
    three = Mechanism.even(ThompsonBeta(), 3, 0.1)
    trials = Trials.of(collected(three, (100,) * 5, (0.3, 0.3, 0.6), 2))
    assert rerandomisation.compare(trials, three, 2, 0).p_value < 0.01
    assert rerandomisation.compare(trials, three, 1, 0).p_value > 0.05


def test_a_rescaled_metric_is_the_same():
    mechanism = Mechanism.even(ThompsonBeta(), 2, 0.05)
    trials = Trials.of(collected(mechanism, (40,) * 5, (0.3, 0.5), 1))
    scaled = Trials(trials.arms, 10.0 * trials.values - 4.0, trials.calendar, trials.probabilities)
    found = rerandomisation.compare(scaled, mechanism, 1, 0, lower=-4.0, scale=10.0)
    expected = rerandomisation.compare(trials, mechanism, 1, 0)
    assert found.p_value == expected.p_value
    assert found.effect == pytest.approx(10 * expected.effect)


def test_another_policy_is_refused():
    mechanism = Mechanism.even(ThompsonBeta(), 2, 0.05)
    trials = Trials.of(collected(mechanism, (40,) * 5, (0.3, 0.5), 1))
    with pytest.raises(Refused, match="epoch 1 was drawn with other probabilities than ucb1 gives"):
        rerandomisation.compare(trials, Mechanism.even(UCB1(), 2, 0.05), 1, 0)
    with pytest.raises(Refused, match="epoch 1 was drawn"):
        rerandomisation.compare(trials, Mechanism.even(ThompsonBeta(), 2, 0.06), 1, 0)
    with pytest.raises(ValueError, match="repetitions"):
        rerandomisation.compare(trials, mechanism, 1, 0, repetitions=0)
    sums = np.ones((1, 2))
    with pytest.raises(Refused, match="sums do not tell the values apart"):
        Trials.of(Epochs(sums, sums, sums / 2, np.full((1, 2), 0.5), 0.5))


def test_other_arms_that_leave_hardly_anything_are_told():
    mechanism = Mechanism.even(ThompsonBeta(), 5, 0.01)
    epochs = collected(mechanism, (300,) * 10, (0.5,) * 5, 1)
    found = rerandomisation.compare(Trials.of(epochs), mechanism, 1, 0, repetitions=99)
    assert "effective repetitions: it can hardly reject" in found.warnings[1]
    assert found.p_value > 0.05


def test_an_arm_that_was_never_drawn():
    mechanism = Mechanism(Fixed(), (1.0, 0.0))
    trials = Trials(np.zeros(5, int), np.ones(5), Calendar.immediate(np.array([5])), np.array([[1.0, 0.0]]))
    found = rerandomisation.compare(trials, mechanism, 1, 0)
    assert (found.effect, found.p_value) == (0.0, 1.0)
