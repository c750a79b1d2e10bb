"""A limit on the mean cost of a trial."""

import random

import pytest

from bandit import Engine, InvalidInput, WrongState
from policies import UCB1, Fixed, ThompsonBeta

RATES = {"cheap": 0.1, "fair": 0.3, "dear": 0.6}
PRICES = {"cheap": 1.0, "fair": 2.0, "dear": 5.0}


def definition(limit, **more):
    return {
        "key": "x",
        "variants": [{"key": key} for key in RATES],
        "metrics": [{"key": "buy", "primary": True}, {"key": "price", "type": "continuous", "origin": 2.0}],
        "cost": {"metric": "price", "limit": limit},
        "sticky": False,
        "reweight": {"budget": 1.0},
        **more,
    }


def play(engine, steps, seed=1):
    """Mean reward and mean cost of some trials."""
    rng = random.Random(seed)
    earned = spent = 0.0
    for _ in range(steps):
        decision = engine.choose("x")
        reward = float(rng.random() < RATES[decision.variant])
        engine.reward(decision.id, reward)
        engine.reward(decision.id, PRICES[decision.variant], "price")
        earned, spent = earned + reward, spent + PRICES[decision.variant]
    return earned / steps, spent / steps


@pytest.mark.parametrize("policy", [ThompsonBeta(), UCB1()])
def test_the_limit_is_kept_and_spent(policy):
    with Engine(seed=1) as engine:
        engine.create(definition(3.0, policy=policy))
        engine.start("x")
        play(engine, 1000)
        earned, spent = play(engine, 3000, 2)
        assert spent == pytest.approx(3.0, abs=0.15)
        assert earned > 0.35  # a third of the dear and two of the fair earn .4; the fair alone .3


def test_a_limit_that_does_not_bind_changes_nothing():
    weights = []
    for limit in (100.0, None):
        with Engine(seed=1) as engine:
            given = definition(limit or 1.0)
            if limit is None:
                del given["cost"]
            engine.create(given)
            engine.start("x")
            play(engine, 200)
            weights.append([variant.weight for variant in engine.results("x").variants])
    assert weights[0] == weights[1]


def test_a_limit_that_cannot_be_kept_leaves_the_cheapest():
    with Engine(seed=1) as engine:
        engine.create(definition(0.5))
        engine.start("x")
        play(engine, 100)
        engine.choose("x")
        assert engine.results("x").variants[0].weight == pytest.approx(0.98)


def test_the_limit_may_change_and_survives_a_restart(tmp_path):
    path = tmp_path / "x.db"
    with Engine(path, seed=1) as engine:
        engine.create(definition(3.0))
        engine.start("x")
        play(engine, 300)
        engine.choose("x")
        weights = [variant.weight for variant in engine.results("x").variants]
        # Corrections are differences here as everywhere.
        decision = engine.choose("x")
        engine.reward(decision.id, 1e6, "price")
        engine.retract(decision.id, "price")
    with Engine(path, seed=1) as engine:
        running = engine._memory.experiment("x")
        assert running.costs.means() == pytest.approx(list(PRICES.values()), rel=0.2)
        engine.update("x", {"cost": {"metric": "price", "limit": 1.5}})
        cheaper = [variant.weight for variant in engine.results("x").variants]
        assert cheaper[2] < weights[2]
        means = engine._memory.experiment("x").costs.means()
        assert sum(w * mean for w, mean in zip(cheaper, means, strict=True)) == pytest.approx(1.5)
        with pytest.raises(WrongState, match=r"cost\.metric"):
            engine.update("x", {"cost": None})
        assert engine.verify() == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"cost": {"metric": "nope", "limit": 1.0}}, "nope"),
        ({"policy": Fixed()}, "fixed"),
        ({"cost": {"metric": "price"}}, "limit"),
    ],
)
def test_what_cannot_be_limited_is_refused(more, said):
    with Engine(seed=1) as engine, pytest.raises(InvalidInput, match=said):
        engine.create(definition(1.0, **more))
