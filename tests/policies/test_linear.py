import numba
import numpy as np
import pytest
from numba import boolean, float64, int64, types
from scipy import optimize, special, stats

from policies import RECORD, SELECT, LinEpsilonGreedy, LinThompson, LinUCB, LogisticThompson
from policies.linear import scores
from policies.logistic_thompson import laplace
from policies.statistics import empty


def learnt(policy, trials, arms, size):
    """The statistics after trials of (arm, context, reward)."""
    statistics = empty(arms, size)
    params = policy.parameters(np.full(arms, 1 / arms))
    for arm, context, reward in trials:
        policy.record(statistics, np.asarray(context, dtype=float), int(arm), float(reward), 0.5, 1.0, params)
    return statistics


def some_trials(arms, size, length, seed=0, rows=1):
    """Linear rewards of contexts that hold `rows` times `size` features."""
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=(arms, size))
    chosen, contexts = rng.integers(arms, size=length), rng.normal(size=(length, rows * size))
    return [
        (arm, x, x[arm * size % len(x) :][:size] @ theta[arm] + 0.3 * rng.normal())
        for arm, x in zip(chosen, contexts, strict=True)
    ]


def ridge(trials, size, regulariser):
    """Mean and covariance over the noise, and what the squares leave, by dense linear algebra."""
    x, y = np.array([x for _, x, _ in trials]).reshape(-1, size), np.array([reward for _, _, reward in trials])
    covariance = np.linalg.inv(x.T @ x + regulariser * np.eye(size))
    return covariance @ x.T @ y, covariance, y @ y - y @ x @ covariance @ x.T @ y


def test_scores_are_ridge_regression():
    trials, context = some_trials(3, 4, 60), np.array([1.0, -0.5, 0.2, 2.0])
    statistics, mean, width = learnt(LinUCB(), trials, 3, 4), np.empty(3), np.empty(3)
    noise = scores(statistics, context, np.array([0.7, 0.0]), mean, width)
    left = 0.0
    for arm in range(3):
        theta, covariance, residual = ridge([trial for trial in trials if trial[0] == arm], 4, 0.7)
        assert mean[arm] == pytest.approx(context @ theta, rel=1e-11)
        assert width[arm] == pytest.approx(np.sqrt(context @ covariance @ context), rel=1e-11)
        left += residual
    squares = np.mean([reward**2 for _, _, reward in trials])
    assert noise == pytest.approx((left + 2 * squares) / 62, rel=1e-11)


def test_a_shared_model_reads_every_arms_own_features(weigh):
    trials = some_trials(3, 2, 40, rows=3)
    policy, context = LinUCB(shared=True, exploration=0.5), np.random.default_rng(1).normal(size=6)
    statistics, mean, width = learnt(policy, trials, 3, 2), np.empty(3), np.empty(3)
    noise = scores(statistics, context, policy.parameters(np.ones(3) / 3), mean, width)
    seen = [(arm, x[2 * arm : 2 * arm + 2], reward) for arm, x, reward in trials]
    theta, covariance, residual = ridge(seen, 2, 1.0)
    np.testing.assert_allclose(mean, context.reshape(3, 2) @ theta, rtol=1e-10)
    np.testing.assert_allclose(width**2, [x @ covariance @ x for x in context.reshape(3, 2)], rtol=1e-10)
    assert noise == pytest.approx((residual + 2 * np.mean([r**2 for _, _, r in trials])) / 42, rel=1e-10)
    assert np.argmax(weigh(policy, statistics, context)) == np.argmax(mean + 0.5 * width)


def test_rules_over_the_scores(weigh):
    trials, context = some_trials(3, 2, 30), np.array([1.0, 0.5])
    statistics, mean, width = learnt(LinUCB(), trials, 3, 2), np.empty(3), np.empty(3)
    noise = scores(statistics, context, np.array([1.0, 0.0]), mean, width)
    greedy = np.eye(3)[np.argmax(mean)]
    np.testing.assert_allclose(weigh(LinEpsilonGreedy(epsilon=0.3), statistics, context), 0.7 * greedy + 0.1)
    np.testing.assert_array_equal(weigh(LinUCB(exploration=0), statistics, context), greedy)
    np.testing.assert_array_equal(weigh(LinUCB(exploration=1e6), statistics, context), np.eye(3)[np.argmax(width)])
    two = np.ascontiguousarray(statistics[:2])
    known = weigh(LinThompson(noise_sd=2.0), two, context)
    assert known[0] == pytest.approx(stats.norm.cdf((mean[0] - mean[1]) / (2 * np.hypot(*width[:2]))), abs=1e-11)
    estimated = weigh(LinThompson(), statistics, context)
    np.testing.assert_allclose(weigh(LinThompson(noise_sd=np.sqrt(noise)), statistics, context), estimated, atol=1e-12)


def test_scaling_the_rewards_changes_nothing_without_a_known_noise(weigh):
    trials, context = some_trials(3, 2, 30), np.array([1.0, 0.5])
    scaled = [(arm, x, 1e5 * reward) for arm, x, reward in trials]
    first, second = (weigh(LinThompson(), learnt(LinThompson(), each, 3, 2), context) for each in (trials, scaled))
    np.testing.assert_allclose(first, second, atol=1e-9)


@pytest.mark.parametrize("policy", [LinUCB(), LinThompson(), LinEpsilonGreedy(), LogisticThompson()])
def test_without_knowledge_or_features_all_arms_are_equal(policy, weigh):
    for statistics, context in (
        (empty(4, 3), [1.0, 2.0, 3.0]),
        (empty(4), []),
        (learnt(policy, [(0, [1.0, 0.5], 1.0)], 4, 2), [0.0, 0.0]),
    ):
        np.testing.assert_allclose(weigh(policy, statistics, context), np.full(4, 0.25), atol=1e-12)


def test_sums_far_above_the_regulariser_with_features_that_say_the_same(weigh):
    x = np.array([1.0, 3.0])
    trials = [(arm, x, arm + 1e-3 * k) for arm in range(2) for k in range(5)]
    statistics = 1e12 * learnt(LinThompson(), trials, 2, 2)
    out = weigh(LinThompson(regulariser=1e-6), statistics, x)
    np.testing.assert_allclose(out, [0, 1], atol=1e-9)


@pytest.mark.parametrize(
    ("mean", "variance"), [(0, 1), (-4, 0.3), (3, 25), (-10, 100), (20, 400), (0.1, 1e-9), (0, 1e6)]
)
@pytest.mark.parametrize("reward", [0.0, 0.3, 1.0])
def test_laplace_finds_the_mode(mean, variance, reward):
    eta = optimize.brentq(
        lambda eta: eta - mean - variance * (reward - special.expit(eta)),
        mean - variance,
        mean + variance,
        xtol=1e-13,
        rtol=1e-14,
    )
    rate = special.expit(eta)
    information, response = laplace(float(mean), float(variance), reward)
    assert information == pytest.approx(rate * (1 - rate), rel=1e-8, abs=1e-12)
    assert response == pytest.approx(rate * (1 - rate) * eta + reward - rate, rel=1e-8, abs=1e-10)
    # Prior and factor have the mode of prior and likelihood.
    assert (mean / variance + response) / (1 / variance + information) == pytest.approx(eta, rel=1e-7, abs=1e-8)


def test_online_laplace_comes_close_to_laplace_on_all_trials():
    rng, theta = np.random.default_rng(3), np.array([-2.0, 1.0, -0.7])
    x = np.column_stack([np.ones(3000), rng.normal(size=(3000, 2))])
    rewards = rng.random(3000) < special.expit(x @ theta)
    policy = LogisticThompson()
    statistics = learnt(policy, zip(np.zeros(3000), x, rewards, strict=True), 1, 3)

    def loss(theta):
        return np.logaddexp(0, x @ theta).sum() - rewards @ x @ theta + theta @ theta / 2

    mode = optimize.minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-3}).x
    rate = special.expit(x @ mode)
    covariance = np.linalg.inv((x.T * rate * (1 - rate)) @ x + np.eye(3))
    mean, sd = np.empty(1), np.empty(1)
    for context in np.vstack([np.eye(3), [1.0, 2.0, 2.0]]):
        scores(statistics, context, policy.parameters(np.ones(1)), mean, sd)
        exact = np.sqrt(context @ covariance @ context)
        assert abs(mean[0] - context @ mode) < 0.3 * exact
        assert sd[0] == pytest.approx(exact, rel=0.05)


def test_a_trial_of_a_shared_model_adds_what_record_does():
    policy, params = LogisticThompson(shared=True), LogisticThompson(shared=True).parameters(np.full(3, 1 / 3))
    statistics = learnt(policy, [(arm, x, reward > 0) for arm, x, reward in some_trials(3, 2, 30, rows=3)], 3, 2)
    x, before = np.random.default_rng(2).normal(size=6), statistics.copy()
    note = policy.note(statistics, np.ascontiguousarray(x[4:]), 2, params)
    policy.record(statistics, x, 2, 0.0, 0.5, 1.0, params)
    np.testing.assert_allclose(policy.trial(x[4:], 0.0, 0.5, 1.0, params, note), (statistics - before)[2], rtol=1e-9)


def contextual(select, record, theta, logistic, params, rng, horizon):
    arms, size = theta.shape
    statistics, regret, expected = np.zeros((arms, 4 + size + size * size)), 0.0, np.empty(arms)
    x = np.empty(size)
    for t in range(horizon):
        x[0] = 1.0
        for i in range(1, size):
            x[i] = rng.standard_normal()
        for arm in range(arms):
            expected[arm] = np.sum(theta[arm] * x)
            if logistic:
                expected[arm] = 1.0 / (1.0 + np.exp(-expected[arm]))
        arm = select(statistics, x, float(t), params, rng)
        regret += expected.max() - expected[arm]
        reward = expected[arm] + 0.5 * rng.standard_normal()
        if logistic:
            reward = 1.0 if rng.random() < expected[arm] else 0.0
        record(statistics, x, arm, reward, 1.0, 1.0, params)
    return regret


@pytest.fixture(scope="module")
def play_contextual():
    """Regret with linear or logistic rewards, of arms that are best in different contexts."""
    select, record = types.FunctionType(SELECT), types.FunctionType(RECORD)
    signature = float64(select, record, float64[:, ::1], boolean, float64[::1], types.npy_rng, int64)
    loop = numba.njit(signature)(contextual)
    theta = np.array([[-1.0, 0.5, 0.0], [-1.0, -0.5, 0.0], [-1.2, 0.0, 0.8]])

    def run(policy, logistic, horizon, seed):
        policy.select.compile(SELECT)
        policy.record.compile(RECORD)
        params = policy.parameters(np.full(3, 1 / 3))
        return loop(policy.select, policy.record, theta, logistic, params, np.random.default_rng(seed), horizon)

    return run


@pytest.mark.parametrize(
    ("policy", "logistic"),
    [
        (LinUCB(), False),
        (LinThompson(), False),
        (LinEpsilonGreedy(epsilon=0.02), False),
        (LogisticThompson(), True),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_they_learn_which_arm_is_best_where(policy, logistic, play_contextual):
    even = LinEpsilonGreedy(epsilon=1)
    chance = np.mean([play_contextual(even, logistic, 1000, seed) for seed in range(20)])
    first = [play_contextual(policy, logistic, 1000, seed) for seed in range(20)]
    whole = [play_contextual(policy, logistic, 3000, seed) for seed in range(20)]
    assert np.mean(first) < 0.35 * chance
    assert np.mean(whole) - np.mean(first) < 0.1 * 2 * chance
