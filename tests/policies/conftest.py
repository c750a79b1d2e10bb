import numba
import numpy as np
import pytest
from numba import float64, int64, types

from policies import COUNT, SELECT, SQUARES, SUM, WEIGHTED, WEIGHTS
from policies.choice import draw

LOOP = types.FunctionType(SELECT)
EXACT = types.FunctionType(WEIGHTS)


def frequencies(select, stats, context, t, params, rng, draws):
    counts = np.zeros(stats.shape[0], np.int64)
    for _ in range(draws):
        counts[select(stats, context, t, params, rng)] += 1
    return counts


def bernoulli(select, means, params, rng, horizon):
    stats, context, regret = np.zeros((means.shape[0], 4)), np.empty(0), 0.0
    for t in range(horizon):
        arm = select(stats, context, float(t), params, rng)
        regret += means.max() - means[arm]
        stats[arm, COUNT] += 1.0
        reward = 1.0 if rng.random() < means[arm] else 0.0
        stats[arm, SUM] += reward
        stats[arm, SQUARES] += reward
    return regret


def bernoulli_with_propensities(weights, means, params, rng, horizon):
    """The same for policies that read WEIGHTED: arms are drawn from the weights, whose values are the propensities."""
    stats, context, regret = np.zeros((means.shape[0], 4)), np.empty(0), 0.0
    propensities = np.empty(means.shape[0])
    for t in range(horizon):
        weights(stats, context, float(t), params, propensities)
        arm = draw(propensities, rng)
        regret += means.max() - means[arm]
        reward = 1.0 if rng.random() < means[arm] else 0.0
        stats[arm, COUNT] += 1.0
        stats[arm, SUM] += reward
        stats[arm, SQUARES] += reward
        stats[arm, WEIGHTED] += reward / propensities[arm]
    return regret


@pytest.fixture(scope="session")
def count():
    """How often a policy selects each arm: `count(policy, stats, params, draws, context)`, in one loop for all."""
    signature = int64[::1](LOOP, float64[:, ::1], float64[::1], float64, float64[::1], types.npy_rng, int64)
    loop = numba.njit(signature)(frequencies)

    def run(policy, stats, params, draws, context=None):
        policy.select.compile(SELECT)
        context = np.empty(0) if context is None else context
        return loop(policy.select, stats, context, stats[:, COUNT].sum(), params, np.random.default_rng(11), draws)

    yield run
    assert len(loop.signatures) == 1


@pytest.fixture(scope="session")
def play():
    """The pseudo-regret of a policy on Bernoulli arms: `play(policy, means, horizon, seed)`."""
    selecting = numba.njit(float64(LOOP, float64[::1], float64[::1], types.npy_rng, int64))(bernoulli)
    exact = numba.njit(float64(EXACT, float64[::1], float64[::1], types.npy_rng, int64))(bernoulli_with_propensities)

    def run(policy, means, horizon, seed):
        loop, function, signature = selecting, policy.select, SELECT
        if policy.reads_propensities:
            loop, function, signature = exact, policy.weights, WEIGHTS
        function.compile(signature)
        params = policy.parameters(np.full(len(means), 1 / len(means)))
        return loop(function, np.asarray(means), params, np.random.default_rng(seed), horizon)

    return run


@pytest.fixture(scope="session")
def weigh():
    """The weights that a policy gives arms with these statistics: `weigh(policy, stats, context)`."""

    def run(policy, stats, context=()):
        stats = np.array(stats, dtype=float)
        out = np.empty(len(stats))
        params = policy.parameters(np.full(len(stats), 1 / len(stats)))
        policy.weights(stats, np.array(context, dtype=float), float(stats[:, COUNT].sum()), params, out)
        return out

    return run
