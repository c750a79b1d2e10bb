"""An experiment's log draws again what the engine drew."""

import random

import pytest

from bandit import Engine
from bandit.redrawing import redrawable
from bandit.running import load
from bandit.statistics import rerandomisation
from bandit.statistics.comparison import Refused


class Clock:
    def __init__(self):
        self.now = 1.8e9

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def engine(clock):
    with Engine(seed=1, clock=clock) as engine:
        yield engine


def define(**more):
    return {
        "key": "x",
        "variants": [{"key": "a", "is_control": True}, {"key": "b"}],
        "metrics": [{"key": "buy"}],
        "reweight": {"floor": 0.05, "budget": 1.0},
        **more,
    }


def play(engine, clock, steps=120, rates=(0.2, 0.5), wait=0.0, seed=1, metric=None):
    """Decisions a second apart, each rewarded `wait` seconds later; every tenth never."""
    rng, waiting = random.Random(seed), []
    for step in range(steps):
        clock.now += 1.0
        while waiting and waiting[0][0] <= clock.now:
            engine.reward(waiting[0][1].id, waiting.pop(0)[2], metric)
        decision = engine.choose("x", f"u{step}")
        if step % 10:
            value = float(rng.random() < rates["ab".index(decision.variant)])
            waiting.append((clock.now + wait, decision, value))
    return engine


def read(engine, place=0):
    engine._journal.flush()
    reader = engine._store.reader()
    row, standing = reader.experiment("x")
    return redrawable(reader, load(row, standing), place)


def compared(engine):
    found = read(engine)
    return rerandomisation.compare(
        found.trials, found.mechanism, 1, 0, lower=found.lower, scale=found.scale, repetitions=199
    )


@pytest.mark.parametrize("wait", [0.0, 7.5])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"reweight": {"floor": 0.05, "every": "20s", "holdout": 0.2}},
        {"policy": {"name": "ucb1"}},
        {"policy": {"name": "epsilon_greedy", "epsilon": 0.3}},
        {"policy": {"name": "exp3"}, "reweight": {"floor": 0.02}},
        {"metrics": [{"key": "buy", "goal": "decrease"}]},
        {"metrics": [{"key": "buy", "type": "continuous", "lower": -1.0, "upper": 4.0}]},
        {"variants": [{"key": "a", "is_control": True, "weight": 3}, {"key": "b", "weight": 1}]},
    ],
    ids=["thompson", "every", "ucb1", "epsilon", "exp3", "decrease", "bounds", "weights"],
)
def test_what_follows_from_the_log_is_what_was_drawn_from(engine, clock, more, wait):
    engine.create(define(**more))
    engine.start("x")
    play(engine, clock, wait=wait)
    found = compared(engine)  # which refuses where any epoch's probabilities differ
    assert 0.0 < found.p_value <= 1.0
    assert found.effect > 0.0


def test_it_is_there_by_name(engine, clock):
    engine.create(define())
    engine.start("x")
    play(engine, clock, steps=300, rates=(0.2, 0.6))
    (found,) = engine.results("x", "rerandomisation").comparisons
    assert found.method == "rerandomisation"
    assert found.p_value < 0.01
    assert "wagers" in found.warnings[0]
    assert found.interval[0] < found.effect < found.interval[1]


def test_less_may_be_more(engine, clock):
    engine.create(define(metrics=[{"key": "buy", "goal": "decrease"}]))
    engine.start("x")
    play(engine, clock, steps=200)
    given = read(engine)
    assert given.scale == -1.0
    one_sided = [
        rerandomisation.compare(
            given.trials, given.mechanism, 1, 0, alternative=side, lower=given.lower, scale=given.scale
        ).p_value
        for side in ("greater", "less")
    ]
    assert one_sided[0] < 0.05 < one_sided[1]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"policy": {"name": "thompson_beta", "half_life": "7d"}}, "thompson_beta forgets"),
        ({"metrics": [{"key": "buy", "window": "30s", "missing": 0}]}, "taken for granted"),
        (
            {"metrics": [{"key": "buy", "primary": True}, {"key": "seen"}], "objective": {"buy": 1, "seen": 1}},
            "other m",
        ),
    ],
)
def test_what_cannot_be_drawn_again_is_refused(engine, clock, more, reason):
    engine.create(define(**more))
    engine.start("x")
    engine.choose("x", "u")
    with pytest.raises(Refused, match=reason):
        read(engine)


def test_eligible_variants_and_nothing_drawn(engine, clock):
    engine.create(define())
    with pytest.raises(Refused, match="nothing was drawn"):
        read(engine)
    engine.start("x")
    engine.choose("x", "u", eligible=["a"])
    with pytest.raises(Refused, match="restricted the eligible"):
        read(engine)


def test_a_log_that_follows_otherwise_is_refused(engine, clock):
    engine.create(define())
    engine.start("x")
    play(engine, clock)
    decision = engine.choose("x", "again")
    engine.reward(decision.id, 0.0)
    clock.now += 1.0
    engine.choose("x", "later")
    clock.now += 1.0
    engine.reward(decision.id, 1.0)  # a correction: epochs in between knew another value
    clock.now += 1.0
    engine.choose("x", "last")
    with pytest.raises(Refused, match="weights moved where no reward"):
        read(engine)
    (found,) = engine.results("x", "rerandomisation").comparisons
    assert "weights moved" in found.refused


def test_another_policy_than_drew_is_refused(engine, clock):
    engine.create(define())
    engine.start("x")
    play(engine, clock)
    engine._journal.flush()
    reader = engine._store.reader()
    row, standing = reader.experiment("x")
    changed = row._replace(definition=row.definition.replace("thompson_beta", "top_two_thompson"))
    given = redrawable(reader, load(changed, standing), 0)
    with pytest.raises(Refused, match="other probabilities than top_two_thompson gives"):
        rerandomisation.compare(given.trials, given.mechanism, 1, 0)


def test_none_that_has_a_value(engine, clock):
    engine.create(define())
    engine.start("x")
    engine.choose("x", "u")
    given = read(engine)
    assert given.trials.values.size == 0
    assert compared(engine).p_value == 1.0
