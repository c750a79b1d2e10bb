import numba
import numpy as np
import pytest
from numba import float64, int64, types

from policies import COUNT, SELECT, SUM

LOOP = types.FunctionType(SELECT)


def frequencies(select, stats, t, params, rng, draws):
    counts = np.zeros(stats.shape[0], np.int64)
    context = np.empty(0)
    for _ in range(draws):
        counts[select(stats, context, t, params, rng)] += 1
    return counts


def bernoulli(select, means, params, rng, horizon):
    stats, context, regret = np.zeros((means.shape[0], 4)), np.empty(0), 0.0
    for t in range(horizon):
        arm = select(stats, context, float(t), params, rng)
        regret += means.max() - means[arm]
        stats[arm, COUNT] += 1.0
        stats[arm, SUM] += 1.0 if rng.random() < means[arm] else 0.0
    return regret


@pytest.fixture(scope="session")
def count():
    """How often a policy selects each arm: `count(policy, stats, params, draws)`, in one loop for all policies."""
    signature = int64[::1](LOOP, float64[:, ::1], float64, float64[::1], types.npy_rng, int64)
    loop = numba.njit(signature)(frequencies)

    def run(policy, stats, params, draws):
        policy.select.compile(SELECT)
        return loop(policy.select, stats, stats[:, COUNT].sum(), params, np.random.default_rng(11), draws)

    yield run
    assert len(loop.signatures) == 1


@pytest.fixture(scope="session")
def play():
    """The pseudo-regret of a policy on Bernoulli arms: `play(policy, means, horizon, seed)`."""
    loop = numba.njit(float64(LOOP, float64[::1], float64[::1], types.npy_rng, int64))(bernoulli)

    def run(policy, means, horizon, seed):
        policy.select.compile(SELECT)
        params = policy.parameters(np.full(len(means), 1 / len(means)))
        return loop(policy.select, means, params, np.random.default_rng(seed), horizon)

    return run
