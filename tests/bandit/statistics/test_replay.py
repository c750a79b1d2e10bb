"""The loop draws as the engine does, and knows what was known."""

import numpy as np
import pytest
from scipy import stats

from bandit.assignment import Allocation
from bandit.statistics import repetitions, replay
from bandit.statistics.mechanism import Calendar, Mechanism
from policies import POLICIES, UCB1, Exp3, Fixed, ThompsonBeta

REPLAYED = [cls() for cls in POLICIES.values() if not cls.contextual]


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("policy", REPLAYED, ids=lambda policy: policy.name)
def test_probabilities_are_those_of_the_engine(policy):
    base, floor, holdout = (0.5, 0.2, 0.3), 0.04, 0.1
    mechanism = Mechanism(policy, base, floor, holdout)
    arms, rewards = np.array([0, 1, 2, 2, 1, 0, 1]), np.array([1.0, 0, 1, 1, 0, 1, 1])
    calendar = Calendar(np.array([2, 3, 7]), np.array([2, 1, 2, 9, 9, 9, 9]))
    found = replay.run(mechanism, calendar, rewards[:, None], rng(), given=arms)
    state, params, out = np.zeros((3, 4)), policy.parameters(np.array(base)), np.empty(3)
    for epoch, known in enumerate([[], [1], [1, 0, 2]]):
        state[:] = 0.0
        for trial in known:
            chance = found.probabilities[calendar.epochs[trial], arms[trial]]
            state[arms[trial]] += [1, rewards[trial], rewards[trial] ** 2, rewards[trial] / chance]
        policy.weights(state, np.empty(0), float(len(known)), params, out)
        expected = Allocation(out.tolist(), base, (0, 1, 2), floor, holdout).probabilities
        np.testing.assert_allclose(found.probabilities[epoch], expected, rtol=1e-12)
    drawn = found.probabilities[calendar.epochs, arms]
    assert found.log_weight == pytest.approx(np.log(drawn).sum())
    assert found.sums[:, :, 0].sum(axis=1).tolist() == [2, 1, 4]
    np.testing.assert_allclose(found.sums[..., 1].sum(axis=0), np.bincount(arms, rewards))


def test_each_arm_may_earn_something_else():
    outcomes = np.tile([1.0, 3.0], (500, 1))
    found = replay.run(Mechanism.even(Fixed(), 2), Calendar.immediate(np.array([500])), outcomes, rng(1))
    np.testing.assert_allclose(found.sums[0, :, 1], found.sums[0, :, 0] * [1.0, 3.0])
    np.testing.assert_allclose(found.sums[0, :, 2], found.sums[0, :, 0] * [1.0, 9.0])
    assert stats.binomtest(int(found.sums[0, 0, 0]), 500).pvalue > 1e-4


@pytest.mark.parametrize("policy", [ThompsonBeta(), UCB1(), Exp3()], ids=lambda policy: policy.name)
def test_many_small_epochs_are_drawn_like_few_large_ones(policy):
    """The policy draws by itself in small epochs, and its weights are drawn from in large ones."""
    mechanism = Mechanism(policy, (0.6, 0.4), floor=0.05, holdout=0.2)
    rewards = (rng(3).random((60, 1)) < 0.4).astype(float)
    by_policy = Calendar(np.arange(1, 61), np.full(60, 60))
    by_weights = Calendar(np.array([60]), np.full(60, 1))
    shares = []
    for calendar in (by_policy, by_weights):
        drawn = repetitions.repeat(mechanism, calendar, rewards, rng(4), 1, 0, repetitions=800, sides=(1.0, 1.0))
        shares.append(drawn[:, 0])
    assert stats.ks_2samp(*shares).pvalue > 1e-3


def test_the_studentised_difference_is_that_of_a_pooled_test():
    values, others = rng(5).normal(0.3, 1, 40), rng(6).normal(0, 1, 70)
    rows = [np.array([part.size, part.sum(), (part**2).sum()]) for part in (values, others)]
    together = np.concatenate([values, others])
    expected = (values.mean() - others.mean()) / (together.std(ddof=1) * np.sqrt(1 / 40 + 1 / 70))
    assert repetitions.studentised(*rows) == pytest.approx(expected)
    assert repetitions.studentised(rows[0], np.zeros(3)) == 0.0
    assert repetitions.studentised(np.array([2.0, 2, 2]), np.array([3.0, 3, 3])) == 0.0


def test_repetitions_end_when_it_is_certain():
    mechanism, calendar = Mechanism.even(Fixed(), 2), Calendar.immediate(np.array([30]))
    rewards = rng(7).normal(size=(30, 1))
    found = repetitions.repeat(mechanism, calendar, rewards, rng(), 1, 0, repetitions=500, threshold=1.0, enough=7)
    assert (found[:, 0] >= 1.0).sum() == 7
    assert found[-1, 0] >= 1.0
    whole = repetitions.repeat(mechanism, calendar, rewards, rng(), 1, 0, repetitions=500)
    np.testing.assert_array_equal(whole[: len(found)], found)
