import numpy as np
import pytest
from scipy import special
from scipy import stats as distributions

from policies import ThompsonBeta, ThompsonGamma, ThompsonNormal
from policies.thompson_normal import noise_variance


def sums(rewards, origin=0.0):
    rows = [np.asarray(arm, dtype=float) - origin for arm in rewards]
    return np.array([[len(row), row.sum(), (row**2).sum(), 0.0] for row in rows])


def weights(policy, stats):
    out = np.empty(len(stats))
    policy.weights(stats, np.empty(0), stats[:, 0].sum(), policy.parameters(np.full(len(stats), 1 / len(stats))), out)
    return out


REWARDS = [[1.0, 2.0, 4.0], [2.5, 3.0, 2.0, 5.0], [1.0], []]


def test_beta_posterior_with_prior():
    stats = np.array([[1000, 120, 120, 0], [1000, 150, 150, 0]], dtype=float)
    np.testing.assert_allclose(weights(ThompsonBeta(), stats), [0.0249321632, 0.9750678368], atol=1e-10)
    stats = np.array([[0, 0, 0, 0], [1, 1, 1, 0]], dtype=float)
    np.testing.assert_allclose(weights(ThompsonBeta(prior_successes=1, prior_failures=1), stats), [1 / 3, 2 / 3])
    # Beta(3, 1) and Beta(4, 1).
    np.testing.assert_allclose(weights(ThompsonBeta(prior_successes=3, prior_failures=1), stats), [3 / 7, 4 / 7])


def test_no_success_is_not_no_knowledge():
    stats = np.array([[50, 0, 0, 0], [0, 0, 0, 0]], dtype=float)
    # Beta(1, 51) against Beta(1, 1): 1 / 52.
    np.testing.assert_allclose(weights(ThompsonBeta(), stats), [1 / 52, 51 / 52])


@pytest.mark.parametrize("prior", [(0.05, 0.05), (0.02, 1.0), (1.0, 0.02)])
def test_beta_draws_with_priors_near_zero(prior, count):
    """Most draws of Beta(.05, .05) are 0 or 1 as far as a double can tell, and would tie."""
    policy = ThompsonBeta(prior_successes=prior[0], prior_failures=prior[1])
    stats = np.array([[0, 0, 0, 0], [1, 1, 1, 0], [3, 1, 1, 0], [2, 2, 2, 0]], dtype=float)
    drawn = count(policy, stats, policy.parameters(np.empty(4)), 20_000)
    assert distributions.chisquare(drawn, 20_000 * weights(policy, stats)).pvalue > 1e-3


def test_noise_estimate():
    everything = np.concatenate([np.array(arm) for arm in REWARDS])
    within = sum(((np.array(arm) - np.mean(arm)) ** 2).sum() for arm in REWARDS if arm)
    freedom = sum(len(arm) - 1 for arm in REWARDS if arm)
    assert noise_variance(sums(REWARDS)) == pytest.approx((within + 2 * everything.var()) / (freedom + 2))


def test_normal_two_arms_in_closed_form():
    stats = sums(REWARDS[:2])
    s, grand, c = 2.0, np.mean(REWARDS[0] + REWARDS[1]), 1.5
    mean = [(np.sum(arm) + c * grand) / (len(arm) + c) for arm in REWARDS[:2]]
    sd = [s / np.sqrt(len(arm) + c) for arm in REWARDS[:2]]
    expected = distributions.norm.cdf((mean[0] - mean[1]) / np.hypot(*sd))
    assert weights(ThompsonNormal(noise_sd=s, prior_count=c), stats)[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("shift", "scale"), [(5.0, 1.0), (0.0, 1e-3), (-1e3, 1e5), (1e3, 1.0)])
def test_normal_ignores_the_origin_and_the_unit(shift, scale):
    moved = [[shift + scale * reward for reward in arm] for arm in REWARDS]
    np.testing.assert_allclose(
        weights(ThompsonNormal(), sums(moved)), weights(ThompsonNormal(), sums(REWARDS)), atol=1e-6
    )


@pytest.mark.parametrize("rewards", [[[], [], []], [[0.1] * 7, [0.1] * 3, []], [[5.0], [], []]])
def test_normal_is_uniform_where_nothing_tells_the_arms_apart(rewards):
    np.testing.assert_array_equal(weights(ThompsonNormal(), sums(rewards)), np.full(3, 1 / 3))


def test_normal_with_known_noise_and_no_data_is_uniform():
    np.testing.assert_allclose(weights(ThompsonNormal(noise_sd=1.0), sums([[], [], []])), np.full(3, 1 / 3))


def test_regret_of_beta_thompson_sampling(play):
    """Bernoulli means .1 to .9, T = 1,000: 28.4 +- .7 by an independent program, 200 runs."""
    means = np.arange(1, 10) / 10
    regrets = [play(ThompsonBeta(), means, 1000, seed) for seed in range(400)]
    error = np.std(regrets) / np.sqrt(len(regrets))
    assert abs(np.mean(regrets) - 28.4) < 4 * np.hypot(error, 0.7)


def test_gamma_posterior_with_prior():
    # Exponentials with rates 3 and 2 (shape 1 each): the greater is the second with probability 3 / 5.
    stats = np.array([[1, 0, 0, 0], [0, 0, 0, 0]], dtype=float)
    np.testing.assert_allclose(weights(ThompsonGamma(prior_rate=2), stats), [2 / 5, 3 / 5])
    # Which of two Gammas is the greater is decided by a Beta(shape, shape) variable and the rates.
    stats = np.array([[100, 250, 0, 0], [40, 120, 0, 0]], dtype=float)
    expected = special.betaincc(250.5, 120.5, 100.1 / (100.1 + 40.1))
    np.testing.assert_allclose(
        weights(ThompsonGamma(prior_shape=0.5, prior_rate=0.1), stats), [expected, 1 - expected], atol=1e-11
    )


@pytest.mark.parametrize("shape", [0.05, 0.5])
def test_gamma_draws_with_priors_near_zero(shape, count):
    policy = ThompsonGamma(prior_shape=shape)
    stats = np.array([[0, 0, 0, 0], [1, 1, 1, 0], [3, 0, 0, 0]], dtype=float)
    drawn = count(policy, stats, policy.parameters(np.empty(3)), 20_000)
    assert distributions.chisquare(drawn, 20_000 * weights(policy, stats)).pvalue > 1e-3
