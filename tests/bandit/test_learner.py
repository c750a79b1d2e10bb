import time

import numpy as np
import pytest
from experiments import started

from bandit import Engine, Experiment, Metric, Reweight, Variant
from bandit.learner import Cadence, Objective
from policies import COUNT, SUM, ThompsonBeta, ThompsonNormal


def objective(**rest):
    return Objective(Experiment(key="e", variants=[Variant(key="a"), Variant(key="b")], **rest))


def test_a_bounded_objective_is_scaled_to_the_unit_interval():
    metrics = [Metric(key="m", type="continuous", lower=-10.0, upper=30.0)]
    assert [objective(metrics=metrics).reward({0: value}) for value in (-10.0, 0.0, 30.0)] == [0.0, 0.25, 1.0]


def test_a_decrease_is_turned_round():
    assert [objective(metrics=[Metric(key="m", goal="decrease")]).reward({0: value}) for value in (0.0, 1.0)] == [
        1.0,
        0.0,
    ]


def test_an_unbounded_objective_is_kept_about_its_origin():
    metrics = [
        Metric(key="m", type="continuous", origin=100.0, primary=True),
        Metric(key="n", type="count", origin=2.0),
    ]
    both = objective(metrics=metrics, objective={"m": 1.0, "n": -3.0})
    assert both.reward({0: 101.0, 1: 4.0}) == pytest.approx(1.0 - 3.0 * 2.0)
    assert both.reward({0: 101.0}) is None


def test_forgetting_follows_the_time_of_the_decision_not_of_the_reward(clock):
    """Two decisions a half-life apart, rewarded in the wrong order, each at its own late time."""
    with Engine(clock=clock, seed=1) as engine:
        started(engine, policy=ThompsonBeta(half_life=3600.0), sticky=False, reweight=Reweight(every="1d"))
        first = engine.choose("copy", eligible=["control"]).id
        clock.now += 3600
        second = engine.choose("copy", eligible=["control"]).id
        clock.now += 3600
        engine.reward(second, 1)
        clock.now += 3600
        engine.reward(first, 1)
        learner = engine._memory.experiments["copy"].learner
        state = learner.state(clock.now)
        assert state[0, COUNT] == pytest.approx(0.5**3 + 0.5**2)
        engine.reward(first, 0)
        state = learner.state(clock.now)
        assert state[0, [COUNT, SUM]] == pytest.approx([0.5**3 + 0.5**2, 0.5**2])
        assert engine.verify() == []


def test_forgetting_for_years_neither_overflows_nor_sticks(clock):
    with Engine(clock=clock, seed=1) as engine:
        started(
            engine, policy=ThompsonNormal(half_life=60.0), sticky=False, metrics=[Metric(key="m", type="continuous")]
        )
        for _ in range(50):
            for variant, value in (("control", 1.0), ("short", 2.0)):
                engine.reward(engine.choose("copy", eligible=[variant]).id, value + clock.now % 7)
            clock.now += 86_400 * 30
        decision = engine.choose("copy")
        assert 0.0 < decision.propensity < 1.0
        assert engine.verify() == []


def test_weights_fade_back_without_new_rewards(clock):
    with Engine(clock=clock, seed=1) as engine:
        started(engine, policy=ThompsonBeta(half_life=60.0), sticky=False)
        for _ in range(30):
            engine.reward(engine.choose("copy", eligible=["short"]).id, 1)
            engine.reward(engine.choose("copy", eligible=["control"]).id, 0)
        clock.now += 1
        engine.choose("copy")
        assert max(variant.weight for variant in engine.results("copy").variants) > 0.9
        clock.now += 6000
        engine.choose("copy")
        assert [variant.weight for variant in engine.results("copy").variants] == pytest.approx([0.5, 0.5], abs=1e-9)


def test_learning_is_the_policys_own_state(clock):
    with Engine(clock=clock, seed=1) as engine:
        started(engine, sticky=False)
        rewards = {"control": [1, 0, 0, 1], "short": [1, 1, 0]}
        for variant, values in rewards.items():
            for value in values:
                engine.reward(engine.choose("copy", eligible=[variant]).id, value)
        engine.choose("copy")
        policy = ThompsonBeta()
        state = np.array([[4.0, 2.0, 2.0, 2.0], [3.0, 2.0, 2.0, 2.0]])
        out = np.empty(2)
        policy.weights(state, np.empty(0), 7.0, policy.parameters(np.array([0.5, 0.5])), out)
        weights = [variant.weight for variant in engine.results("copy").variants]
        assert weights == pytest.approx(0.01 + 0.98 * out)


def test_a_cadence_allows_a_burst_and_then_its_share(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    cadence = Cadence(0.1)
    for _ in range(4):
        assert cadence.due()
        cadence.spend(0.25)
    assert not cadence.due()
    assert cadence.interval == 2.5
    spent = 0
    for _ in range(10_000):
        now[0] += 0.01
        if cadence.due():
            cadence.spend(0.25)
            spent += 1
    assert spent == pytest.approx(40, abs=1)
    now[0] += 100
    cadence.spend(0.25)
    assert cadence.interval == 0.0


def test_a_budget_of_one_is_always_due():
    cadence = Cadence(1.0)
    cadence.spend(1e6)
    assert cadence.due()
    assert cadence.interval == 0.0
