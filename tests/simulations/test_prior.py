"""Environments drawn anew in every replication, against scipy and arithmetic."""

import numpy as np
import pytest
from scipy import stats as distributions

from bandit import InvalidInput
from simulations import simulate
from simulations.prior import RandomBernoulli, RandomLinear

SEEDS = range(400)


def drawn(environment, seed):
    means = np.zeros(environment.arms)
    environment.advance(0.0, environment.parameters(), np.random.default_rng(seed), np.zeros(0), means)
    return means


def test_means_have_the_prior():
    means = np.array([drawn(RandomBernoulli(choices=5, a=2.0, b=3.0), seed) for seed in SEEDS])
    assert distributions.kstest(means.ravel(), distributions.beta(2, 3).cdf).pvalue > 1e-3
    assert np.abs(np.corrcoef(means.T) - np.eye(5)).max() < 0.2


def linear_run(environment, seed, steps):
    params, rng = environment.parameters(), np.random.default_rng(seed)
    context, means = np.zeros(environment.features), np.zeros(environment.arms)
    found = []
    for step in range(steps):
        environment.advance(float(step), params, rng, context, means)
        found.append((params[1:].reshape(environment.arms, -1).copy(), context.copy(), means.copy()))
    return found


def test_coefficients_are_drawn_once_and_the_context_at_every_step():
    environment = RandomLinear(choices=3, size=4, sd=0.5)
    run = linear_run(environment, 1, 500)
    theta = run[0][0]
    for coefficients, context, means in run:
        np.testing.assert_array_equal(coefficients, theta)
        np.testing.assert_allclose(means, theta @ context, rtol=1e-12)
    contexts = np.array([context for _, context, _ in run])
    assert distributions.kstest(contexts.ravel(), distributions.norm.cdf).pvalue > 1e-3
    coefficients = np.array([linear_run(environment, seed, 1)[0][0] for seed in SEEDS])
    assert distributions.kstest(coefficients.ravel(), distributions.norm.cdf).pvalue > 1e-3
    assert not environment.parameters()[1:].any()  # what one run drew is not another's


def test_replications_differ_and_policies_meet_the_same_world():
    """A policy that never learns, in the two places of a study, has the same arms and so nearly the same regret."""
    outcome = simulate(["fixed", "thompson_beta"], "random_bernoulli:choices=2", horizon=2000, replications=60, seed=3)
    gaps = outcome.regret[0, :, -1] / 1000  # half the decisions lose the gap
    assert distributions.kstest(gaps, distributions.triang(0.0, 0.0, 1.0).cdf).pvalue > 1e-3
    # Thompson sampling loses no more than the gap a decision, of the very same arms.
    assert (outcome.regret[1, :, -1] <= 2000 * gaps * 1.2).all()
    assert outcome.regret[1, :, -1].mean() < 0.1 * outcome.regret[0, :, -1].mean()


def test_contextual_policies_learn_it():
    outcome = simulate(
        ["lin_ucb", "lin_epsilon_greedy:epsilon=1"],
        "random_linear:choices=3,size=2,sd=.5",
        horizon=1000,
        replications=10,
        seed=1,
    )
    learned, uniform = outcome.regret[:, :, -1].mean(axis=1)
    assert learned < 0.1 * uniform


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ("random_bernoulli:choices=1", "choices: Input should be greater than or equal to 2, given 1"),
        ("random_bernoulli:choices=5,a=0", "a: Input should be greater than 0, given 0"),
        ("random_bernoulli", "choices: Field required"),
        ("random_linear:choices=5,size=0", "size: Input should be greater than or equal to 1, given 0"),
        ("random_linear:choices=5,size=4,sd=0", "sd: Input should be greater than 0, given 0"),
    ],
)
def test_what_is_refused(environment, message):
    with pytest.raises(InvalidInput) as refused:
        simulate("fixed", environment, replications=2)
    assert message in refused.value.detail
