"""The engine in the loop: a simulated policy is the shipped one."""

import math
from typing import Literal

import numpy as np
import pytest

from bandit import InvalidInput, spec
from policies import POLICIES, Fixed
from simulations import ENVIRONMENTS, simulate
from simulations.served import metric
from simulations.study import FITS


class Unknown(Fixed):
    """Not in the table."""

    name: Literal["unknown"] = "unknown"  # type: ignore[assignment]


FREE = [name for name, cls in POLICIES.items() if not cls.contextual]


def agrees(policy, environment, feedback=(), horizon=250, replications=12):
    served = simulate(
        policy, environment, horizon=horizon, replications=replications, feedback=feedback, through="engine"
    )
    compiled = simulate(policy, environment, horizon=horizon, replications=400, feedback=feedback, seed=1)
    one, other = served.regret[0, :, -1], compiled.regret[0, :, -1]
    error = math.hypot(one.std(ddof=1) / math.sqrt(len(one)), other.std(ddof=1) / math.sqrt(len(other)))
    assert abs(one.mean() - other.mean()) < 4 * error + 1e-9  # sums of a rule without chance differ in rounding only
    np.testing.assert_allclose(served.allocation.sum(axis=2)[0], served.grid)
    assert served.grid[-1] == horizon


@pytest.mark.parametrize("policy", FREE)
def test_the_engine_regrets_what_the_kernels_do(policy):
    fits = FITS[POLICIES[policy].rewards]
    environment = "bernoulli:means=.2/.5" if "binary" in fits else "poisson:means=1/2"
    agrees(policy, environment)


LINEAR = "linear:coefficients=0/1/0;.2/-1/.5;.1/0/-1,sd=.5"
LOGISTIC = "logistic:coefficients=-1/1/0;-.8/-1/.5;-1/0/-1"


@pytest.mark.parametrize("policy", [name for name, cls in POLICIES.items() if cls.contextual])
def test_contexts_too(policy):
    agrees(policy, LOGISTIC if policy == "logistic_thompson" else LINEAR)


@pytest.mark.parametrize(
    ("policy", "environment", "feedback"),
    [
        ("lin_thompson:shared=true", "linear:coefficients=0/1/-.5,choices=4,sd=.5", []),
        ("lin_ucb", "linear:coefficients=0/1/-.5,choices=4,sd=.5", []),
        ("logistic_thompson:shared=true", "logistic:coefficients=-1/1,choices=3", []),
        ("lin_ucb:half_life=60", LINEAR, ["missing:probability=.3"]),
        ("lin_thompson", LINEAR, ["delayed:steps=10", "batched:size=25"]),
    ],
)
def test_features_of_arms_forgetting_and_feedback_with_contexts(policy, environment, feedback):
    agrees(policy, environment, feedback)


def test_a_context_of_the_constant_alone_is_refused():
    with pytest.raises(InvalidInput, match="'engine' given, features: 'lin_ucb' reads a context"):
        simulate("lin_ucb", "linear:coefficients=0;1", horizon=5, replications=1, through="engine")


@pytest.mark.parametrize(
    ("policy", "environment", "feedback"),
    [
        ("thompson_normal", "gaussian:means=1000/1000.5", []),
        ("epsilon_greedy:half_life=30", "drifting:means=.2/.5,step=.03", []),
        ("thompson_beta", "bounded:means=.2/.5", ["missing:probability=.3"]),
        ("thompson_beta", "bernoulli:means=.2/.5", ["delayed:steps=10", "batched:size=25"]),
    ],
)
def test_forgetting_and_feedback_are_the_same_too(policy, environment, feedback):
    agrees(policy, environment, feedback)


def test_what_the_table_of_policies_lacks_is_refused():
    with pytest.raises(InvalidInput, match="unknown is not one of those it serves"):
        simulate(Unknown(), "bernoulli:means=.1/.2", horizon=5, replications=1, through="engine")


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_rewards_are_events_of_a_metric(name):
    lists = {
        "abrupt": "means=.2/.8;.8/.2,at=5",
        "linear": "coefficients=0/1;0/2",
        "logistic": "coefficients=0/1;0/2",
        "random_bernoulli": "choices=2",
        "random_linear": "choices=2,size=1",
    }
    text = f"{name}:{lists.get(name, 'means=.2/.8')}"
    environment = spec.build(text, ENVIRONMENTS, "environment")
    rng, params = np.random.default_rng(1), environment.parameters()
    for _ in range(50):
        reward = environment.draw(0.5, 0, 0.0, params, rng)
        assert metric(environment, Fixed()).refusal(reward) is None
