"""The compiled loop against one written plainly, and against figures computed by others."""

import math
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import ClassVar, Literal

import numpy as np
import pytest

from policies import COLUMNS, COUNT, POLICIES, SELECT, SQUARES, SUM, WEIGHTED, WEIGHTS, Policy, kernel
from simulations import ENVIRONMENTS as ENVIRONMENTS_KNOWN
from simulations import loop, simulate
from simulations.block import POLICY, REWARD, WORLD, generator
from simulations.feedback import arrival, rows
from simulations.simulation import blocks, points
from simulations.study import FITS, study

BERNOULLI = "bernoulli:means=.2/.5/.4"
ENVIRONMENTS = [
    BERNOULLI,
    "bounded:means=.2/.5/.4",
    "gaussian:means=.2/.5/.4,sd=.3",
    "heavy_tailed:means=.2/.5/.4",
    "poisson:means=1/2/3",
    "abrupt:means=.2/.5;.5/.2,at=20",
    "drifting:means=.2/.5/.4,step=.1",
    "seasonal:means=.2/.5/.4,period=30",
    "linear:coefficients=0/1;0/-1",
    "linear:coefficients=.5/1/-1,choices=3",
    "logistic:coefficients=0/1;0/-1",
]
FEEDBACK = [
    [],
    ["delayed:steps=7"],
    ["batched:size=9"],
    ["missing:probability=.4"],
    ["missing:probability=.2", "delayed:steps=12,distribution=exponential", "batched:size=4"],
]


def plainly(defined, policy, replication):
    """The regret after every decision, every sum recomputed from the list of all that was seen."""
    environment = defined.environment
    arms = environment.arms
    streams = [generator(defined.seed, replication, stream) for stream in (POLICY, WORLD, REWARD)]
    policy_rng, world_rng, reward_rng = streams
    params, world = policy.parameters(np.full(arms, 1 / arms)), environment.parameters()
    context, means = np.zeros(environment.features), np.zeros(arms)
    size = environment.dimension if policy.contextual else 0
    seen, regret = [], [0.0]
    for step in range(defined.horizon):
        if step == 0 or not environment.stationary:
            environment.advance(float(step), world, world_rng, context, means)
        stats = np.zeros((arms, COLUMNS + size + size * size))
        for due, decided, arm, reward, x in seen:
            if due <= step:
                weight = 1.0 if policy.half_life is None else 2.0 ** ((decided - step) / policy.half_life)
                stats[arm, [COUNT, SUM, SQUARES, WEIGHTED]] += weight * np.array([1, reward, reward**2, reward])
                if size:
                    x = x[arm * size : (arm + 1) * size] if len(x) > size else x
                    stats[arm, COLUMNS:] += weight * np.concatenate([reward * x, np.outer(x, x).ravel()])
        arm = policy.select(stats, context, float(stats[:, COUNT].sum()), params, policy_rng)
        reward = environment.draw(float(means[arm]), arm, float(step), world, reward_rng) - environment.origin
        feedback = rows(defined.feedback)
        due = arrival(step + 1.0, feedback, world_rng) if len(feedback) else step + 1.0
        seen.append((due, step, arm, reward, context.copy()))
        regret.append(regret[-1] + means.max() - means[arm])
    return regret[1:]


def fitting(environment):
    world = study({"policies": ["fixed"], "environment": environment}).environment
    fits = [name for name, cls in POLICIES.items() if world.support in FITS[cls.rewards]]
    # Those with sums of their own are told apart below.
    fits = [name for name in fits if POLICIES[name].record is Policy.record]
    return [name for name in fits if world.dimension or not POLICIES[name].contextual]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_policy_decides_as_in_a_loop_written_plainly(environment):
    # One that forgets, and has no ties: which of two sums that fade is the greater may be a matter of rounding.
    policies = [*fitting(environment), "softmax:half_life=10"]
    policies = [name for name in policies if not getattr(POLICIES.get(name), "reads_propensities", False)]
    outcome = simulate(policies, environment, horizon=60, replications=2, seed=3)
    assert list(outcome.grid) == list(range(1, 61))
    for number, policy in enumerate(outcome.study.policies):
        for replication in (0, 1):
            np.testing.assert_allclose(
                outcome.regret[number, replication], plainly(outcome.study, policy, replication), atol=1e-9
            )


@pytest.mark.parametrize("feedback", FEEDBACK, ids=lambda each: "+".join(each) or "none")
def test_feedback_is_seen_when_it_is_due(feedback):
    policies = ["epsilon_greedy", "thompson_beta:half_life=20", "ucb1"]
    outcome = simulate(policies, BERNOULLI, horizon=150, replications=2, seed=4, feedback=feedback)
    for number, policy in enumerate(outcome.study.policies):
        for replication in (0, 1):
            np.testing.assert_allclose(
                outcome.regret[number, replication], plainly(outcome.study, policy, replication), atol=1e-9
            )


def test_the_outputs_agree_with_each_other():
    outcome = simulate(["thompson_beta", "ucb1"], BERNOULLI, horizon=5000, replications=20)
    assert len(outcome.grid) <= 200
    assert outcome.grid[-1] == 5000
    np.testing.assert_allclose(outcome.allocation.sum(axis=2), np.tile(outcome.grid, (2, 1)))
    np.testing.assert_allclose(outcome.allocation @ [0.3, 0.0, 0.1], outcome.regret.mean(axis=1))
    np.testing.assert_allclose(outcome.allocation[:, :, 1], outcome.best.mean(axis=1))
    assert (np.diff(outcome.regret, axis=2) >= 0).all()


@pytest.mark.parametrize("horizon", [1, 2, 199, 200, 201, 1000, 10**9])
def test_curves_have_few_points_and_both_ends(horizon):
    grid = points(horizon)
    assert (grid[0], grid[-1]) == (1, horizon)
    assert len(grid) <= 200
    assert (np.diff(grid) > 0).all()


def same(one, other):
    for field in ("grid", "regret", "best", "allocation", "replications"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field))


def test_numbers_do_not_depend_on_threads_processes_or_blocks(monkeypatch):
    def run(executor=None):
        return simulate(["thompson_beta", "kl_ucb"], BERNOULLI, horizon=500, replications=30, seed=7, executor=executor)

    expected = run()
    for workers in (1, 3):
        with ThreadPoolExecutor(workers) as threads:
            same(run(threads), expected)
    with ProcessPoolExecutor(1) as processes:
        same(run(processes), expected)
    several = simulate(["thompson_beta"], BERNOULLI, horizon=5_000, replications=300, seed=7).study
    sizes = [block.last - block.first for block in blocks(several)]
    assert sum(sizes) == 300
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[0], min(sizes[:-1])) == (37, 10)
    monkeypatch.setattr("simulations.simulation.STEPS_IN_BLOCK", 1)
    assert len(blocks(expected.study)) == 30
    same(run(), expected)
    more = simulate(["kl_ucb"], BERNOULLI, horizon=500, replications=40, seed=7)
    np.testing.assert_array_equal(more.regret[0, :30], expected.regret[1])
    assert not np.array_equal(simulate(["kl_ucb"], BERNOULLI, horizon=500, replications=40, seed=8).regret, more.regret)


def test_streams_are_those_that_spawning_gives():
    spawned = np.random.SeedSequence(5).spawn(4)[3].spawn(3)[REWARD]
    expected = np.random.Generator(np.random.PCG64(spawned)).random(5)
    np.testing.assert_array_equal(generator(5, 3, REWARD).random(5), expected)


def test_policies_meet_the_same_world():
    outcome = simulate(["fixed", "softmax"], "drifting:means=.3/.4/.5,step=.05", horizon=300, replications=3)
    walked = simulate(["softmax", "fixed"], "drifting:means=.3/.4/.5,step=.05", horizon=300, replications=3)
    np.testing.assert_array_equal(outcome.regret[0], walked.regret[1])


@pytest.mark.parametrize(
    ("means", "policy", "published", "error"),
    [
        ((0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9), "ucb1", 332.5, 2.1),
        ((0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9), "thompson_beta", 40.8, 0.7),
        ((0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9), "kl_ucb", 58.4, 0.8),
        ((0.1,) * 9 + (0.2,), "thompson_beta", 111.4, 2.1),
    ],
)
def test_regret_is_what_others_computed(means, policy, published, error):
    final = simulate(policy, {"name": "bernoulli", "means": means}, replications=60, seed=2).regret[0, :, -1]
    assert abs(final.mean() - published) < 4 * math.hypot(error, final.std(ddof=1) / math.sqrt(60))


@kernel(WEIGHTS)
def proportional_weights(stats, _context, _t, _params, out):
    out[:] = 1.0 + stats[:, 3]
    out /= out.sum()


@kernel(SELECT)
def never_select(_stats, _context, _t, _params, _rng):
    return -1


class Proportional(Policy):
    """Learns from reward / propensity."""

    weights = staticmethod(proportional_weights)
    select = staticmethod(never_select)
    rewards: ClassVar[Literal["any", "unit"]] = "unit"
    reads_propensities: ClassVar[bool] = True

    name: Literal["proportional"] = "proportional"


def test_propensities_are_those_of_the_draws():
    outcome = simulate(Proportional(), "bernoulli:means=0/1", horizon=2000, replications=400, seed=1)
    first = outcome.allocation[0, 0]
    assert abs(first[1] - 0.5) < 4 * math.sqrt(0.25 / 400)
    # Each arm's sum is an unbiased estimate of its total, so that the second's weight is (1 + t) / (2 + t) on average.
    expected = np.sum([(1 + t) / (2 + t) for t in range(2000)])
    found = outcome.best[0, :, -1]
    assert abs(found.mean() - expected) < 5


@kernel(SELECT)
def raising_select(stats, _context, t, _params, _rng):
    if t == 5.0:
        raise ValueError("after five decisions")
    return int(stats[:, COUNT].argmin())


class Raising(Proportional):
    """Its kernel has an error, and makes an array of its own."""

    select = staticmethod(raising_select)
    reads_propensities: ClassVar[bool] = False

    name: Literal["raising"] = "raising"


def test_an_error_in_a_kernel_comes_out_of_the_loop():
    outcome = simulate(Raising(), BERNOULLI, horizon=5, replications=1)
    assert list(outcome.allocation[0, -1]) == [2, 2, 1]
    with pytest.raises(ValueError, match="after five decisions"):
        simulate(Raising(), BERNOULLI, horizon=6, replications=1)


def test_the_loop_is_compiled_once():
    simulate(["fixed", "ucb1"], BERNOULLI, horizon=10, replications=1)
    simulate(["softmax"], "gaussian:means=0/1", horizon=10, replications=1, feedback=["batched:size=2"])
    assert len(loop._play.signatures) == 1


def test_machine_code_is_found_again_by_other_processes():
    program = """
from simulations import ENVIRONMENTS, loop
print(loop._play.digest, *(kernel.digest for cls in ENVIRONMENTS.values() for kernel in (cls.advance, cls.draw)))
"""
    one, other = (subprocess.run([sys.executable, "-c", program], check=True, capture_output=True) for _ in range(2))
    assert one.stdout == other.stdout
    assert len(one.stdout.split()) == 1 + 2 * len(ENVIRONMENTS_KNOWN)


def test_policies_with_a_context_use_it():
    environment = "logistic:coefficients=0/2;0/-2"
    policies = [name for name, cls in POLICIES.items() if cls.contextual and "binary" in FITS[cls.rewards]]
    outcome = simulate([*policies, "thompson_beta"], environment, horizon=400, replications=5)
    *with_context, without = outcome.regret[:, :, -1].mean(axis=1)
    assert len(with_context) == len(policies)
    assert max(with_context, default=0.0) < without / 2


def test_arms_with_features_of_their_own():
    environment = "linear:coefficients=0/1,choices=4"
    policies = [f"{name}:shared=true" for name, cls in POLICIES.items() if "shared" in cls.model_fields]
    policies = [name for name in policies if "any" in FITS[POLICIES[name.split(":")[0]].rewards]]
    outcome = simulate([*policies, "thompson_normal"], environment, horizon=400, replications=5)
    *with_context, without = outcome.regret[:, :, -1].mean(axis=1)
    assert max(with_context, default=0.0) < without / 2
