"""Changes of what arms earn: found where they are, and seldom where there are none."""

import numpy as np
import pytest
from scipy import stats

from bandit import Engine, InvalidInput
from bandit.alarm import last_change
from policies import ThompsonBeta, ThompsonNormal


def spans(values):
    """Sums of lists of rewards, one a span."""
    return np.array([[len(x), np.sum(x), np.square(x).sum(), 0.0] for x in values], np.float64)


def coins(rng, rates, trials=100):
    return spans([rng.binomial(1, rate, trials) for rate in rates])


def normals(rng, means, trials=100):
    return spans([rng.normal(mean, 3.0, trials) for mean in means])


@pytest.mark.parametrize(("draw", "unit", "means"), [(coins, True, (0.1, 0.2)), (normals, False, (0.0, 1.0))])
def test_a_change_is_found_where_it_is(draw, unit, means):
    rng = np.random.default_rng(1)
    found = [last_change(draw(rng, [means[0]] * 20 + [means[1]] * 20), 0.01, unit=unit) for _ in range(50)]
    assert min(found) > 0
    assert np.median(found) == 20
    assert np.percentile(np.abs(np.subtract(found, 20)), 90) <= 3


def test_the_last_of_several_counts():
    rng = np.random.default_rng(2)
    sums = coins(rng, [0.1] * 20 + [0.4] * 20 + [0.1] * 20, 300)
    assert last_change(sums, 0.01, unit=True) == 40


@pytest.mark.parametrize(("draw", "unit", "mean"), [(coins, True, 0.5), (coins, True, 0.05), (normals, False, 0.0)])
def test_false_alarms_keep_their_promise_at_every_look(draw, unit, mean):
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(300):
        sums = draw(rng, [mean] * 30)
        alarms += any(last_change(sums[:look], 0.1, unit=unit) for look in range(2, 31))
    assert stats.binomtest(alarms, 300, 0.1, alternative="greater").pvalue > 0.01


@pytest.mark.parametrize(
    "sums", [np.zeros((0, 4)), np.zeros((5, 4)), spans([[1.0] * 100] * 9), spans([[0.0] * 100] * 9), spans([[1.0]] * 9)]
)
@pytest.mark.parametrize("unit", [True, False])
def test_nothing_is_found_in_nothing(sums, unit):
    assert last_change(sums, 0.01, unit=unit) == 0


def test_a_change_from_always_to_never_is_found():
    for unit in (True, False):
        assert last_change(spans([[1.0] * 50] * 5 + [[0.0] * 50] * 5), 0.01, unit=unit) == 5


def play(engine, clock, days, rates, rng):
    for _ in range(days):
        for _ in range(150):
            clock.now += 86_400.0 / 150
            decision = engine.choose("x")
            engine.reward(decision.id, float(rng.random() < rates[decision.variant]))


def definition(**more):
    return {
        "key": "x",
        "variants": [{"key": "a"}, {"key": "b"}],
        "metrics": [{"key": "buy"}],
        "sticky": False,
        "alarm": {"span": "1d"},
        "reweight": {"every": "1h", "floor": 0.2},
        **more,
    }


@pytest.mark.parametrize("restart", [True, False])
def test_a_bandit_starts_anew_where_its_arms_have_changed(tmp_path, clock, restart):
    rng = np.random.default_rng(4)
    path = tmp_path / "x.db"
    with Engine(path, clock=clock, seed=1) as engine:
        engine.channels.create({"key": "log", "type": "log"})
        engine.create(definition(alarm={"span": "1d", "restart": restart}))
        engine.start("x")
        play(engine, clock, 20, {"a": 0.5, "b": 0.3}, rng)
        assert engine.results("x").variants[0].weight > 0.7
        play(engine, clock, 8, {"a": 0.1, "b": 0.3}, rng)
        assert (engine.results("x").variants[1].weight > 0.7) == restart
        logged = engine._store.reader().changes("experiment", "x", 1 << 62, 1000)
        changes = [change for _, change in logged if change.action == "alarm"]
        assert len(changes) == 1
        assert "'a'" in changes[0].detail
        assert ("nothing was forgotten" in changes[0].detail) != restart
        (alert,) = engine.alerts.list("anomaly", "x").alerts
        assert (alert.severity, alert.message, alert.at) == ("warning", changes[0].detail, changes[0].at)
        assert (alert.detail["variant"], alert.detail["forgotten"]) == ("a", restart)
        assert 0.0 < clock.now - alert.detail["since"] <= 9 * 86_400.0
        assert [kept.channel for kept in alert.deliveries] == ["log"]
        assert engine.verify() == []
        weights = [variant.weight for variant in engine.results("x").variants]
    with Engine(path, clock=clock, seed=1) as engine:  # a restart finds the same
        engine.choose("x")
        running = engine._memory.experiment("x")
        assert [variant.weight for variant in engine.results("x").variants] == weights
        running.learner.weights(clock.now, running.full)
        assert set(running.learner.since) == {0}


@pytest.mark.parametrize("policy", [ThompsonBeta(half_life=86_400.0), ThompsonNormal(half_life=60.0)])
def test_forgetting_and_watching_exclude_each_other(policy):
    with Engine() as engine, pytest.raises(InvalidInput, match="half-life"):
        engine.create(definition(policy=policy))
