"""Splits that are not the ones that were drawn are told once; those that only look like it are not told at all."""

import json
import math
import random
import sqlite3
import subprocess
import sys

import interrupted
import numpy as np
import pytest

from bandit import Engine, agenda, split
from bandit.evidence import Evidence
from bandit.running import load
from bandit.statistics.sample_ratio import THRESHOLD

BANDIT = {"type": "bandit", "reweight": {"every": "1h", "floor": 0.2}}
SPLIT = {"type": "ab_test"}


def definition(**more):
    return {
        "key": "x",
        "variants": [{"key": "a", "is_control": True}, {"key": "b"}],
        "metrics": [{"key": "buy"}],
        **more,
    }


def started(engine, **more):
    engine.create(definition(**more))
    engine.start("x")


def play(engine, clock, units, *, shown=0.8, seconds=60.0):
    """Units arrive one after the other; of those that draw b only a share is shown it, as where a page is slow."""
    rng = random.Random(1)
    for unit in units:
        clock.now += seconds
        decision = engine.choose("x", unit, defer=True)
        if decision.variant != "b" or rng.random() < shown:
            engine.activate(decision.id)
            engine.reward(decision.id, float(rng.random() < 0.3))
        engine.tick()


def told(engine):
    """The alerts, and the lines of the audit log, about a split."""
    lines = [line for line in engine.audit(key="x").changes if line.action == "sample_ratio"]
    return engine.alerts.list("anomaly", "x").alerts, lines


def names(count, start=0):
    return [f"u{number}" for number in range(start, start + count)]


@pytest.mark.parametrize("kind", [SPLIT, BANDIT])
def test_units_that_get_lost_are_told_once(tmp_path, clock, kind):
    path = tmp_path / "x.db"
    with Engine(path, clock=clock, seed=1, durable=False) as engine:
        engine.channels.create({"key": "log", "type": "log"})
        started(engine, **kind)
        play(engine, clock, names(1000), shown=0.4)
        (alert,), (line,) = told(engine)
        assert (alert.severity, alert.detail["kind"], alert.at) == ("critical", "sample_ratio", line.at)
        assert alert.message == line.detail
        assert alert.message.startswith("Units are not split as the weights say: a has ")
        numbers = alert.detail["numbers"]
        assert numbers["p_value"] < THRESHOLD
        assert numbers["observed_b"] < 0.9 * numbers["expected_b"]
        assert numbers["observed_a"] + numbers["observed_b"] < 990.0  # not at the end only
        assert (line.actor, line.before, line.after) == ("quality check", "running", "running")
        assert [kept.channel for kept in alert.deliveries] == ["log"]
        engine.update("x", {"name": "renamed"})
        play(engine, clock, names(100, 1000))
        engine.stop("x")
        engine.tick()
        assert told(engine) == ([alert], [line])
        assert engine.verify() == []
    with Engine(path, clock=clock, seed=1) as engine:
        clock.now += 4000.0
        engine.tick()
        assert told(engine) == ([alert], [line])


@pytest.mark.parametrize("kind", [SPLIT, BANDIT, {"type": "ab_test", "assignment": "round_robin"}])
def test_units_that_reach_their_variants_are_not_told(clock, kind):
    with Engine(clock=clock, seed=1) as engine:
        started(engine, **kind)
        play(engine, clock, names(1500), shown=1.0)
        assert told(engine) == ([], [])


def test_two_processes_tell_it_once(tmp_path, clock):
    with Engine(tmp_path / "x.db", clock=clock) as one, Engine(tmp_path / "x.db", clock=clock) as other:
        started(one)
        lost(one)
        one._journal.run(lambda memory, now: memory.reviews.add(("x", "split")))
        other._journal.run(lambda memory, now: memory.reviews.add(("x", "split")))
        for engine in (one, other, one):
            engine.tick()
        assert [len(each) for each in told(one)] == [1, 1]


def lost(engine):
    """Makes 100 decisions at once, of which none of b is shown."""
    requests = [{"experiment": "x", "unit": unit, "defer": True} for unit in names(100)]
    chosen = engine.choose_batch(requests)
    engine.activate_batch([{"decision_id": each.id} for each in chosen if each.variant == "a"])


def test_killed_at_any_step_it_is_told_once(tmp_path, clock):
    path = tmp_path / "x.db"
    with Engine(path, clock=clock, seed=1) as engine:
        engine.channels.create({"key": "log", "type": "log"})
        started(engine)
        lost(engine)
    command = [sys.executable, interrupted.__file__, path, str(clock.now), "tick", json.dumps({})]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    files, before = done.stdout.splitlines(), set()
    for file in files:
        with Engine(file, clock=clock, seed=1) as engine:
            before.add(len(told(engine)[0]))
            clock.now += 61.0
            engine.tick()
            alerts, lines = told(engine)
            assert (len(alerts), len(lines), len(alerts[0].deliveries)) == (1, 1, 1)
            clock.now -= 61.0
    assert len(files) > 10
    assert before == {0, 1}


def test_ended_before_the_last_look_it_is_told_after_the_next_start(tmp_path, clock):
    path = tmp_path / "x.db"
    with Engine(path, clock=clock, seed=1) as engine:
        started(engine)
        engine.tick()
        lost(engine)
        clock.now += 1.0
        engine.stop("x")
        engine._journal.run(agenda.attend)  # and then no more, as where the process is killed
        assert told(engine) == ([], [])
    with Engine(path, clock=clock, seed=1) as engine:
        for _ in range(3):
            clock.now += 61.0
            engine.tick()
        assert [len(each) for each in told(engine)] == [1, 1]
        with engine.reading() as reader:
            assert reader.awake(math.inf, 1) == []


def test_looks_are_a_part_of_its_age_apart_and_the_last_is_at_its_end(clock):
    with Engine(clock=clock, seed=1) as engine:
        started(engine)
        begun, looks = clock.now, []
        while clock.now < begun + 30 * 86_400.0:
            engine.tick()
            looks.append(engine._memory.looked[engine._memory.experiment("x").id])
            clock.now += 60.0
        looks = sorted(set(looks))
        assert len(looks) < 1000
        gaps = np.diff(looks)
        assert (gaps.min(), gaps.max()) == (60.0, 3600.0)
        assert (gaps <= np.maximum(60.0, (np.array(looks[1:]) - begun) / 20.0 + 60.0)).all()
        lost(engine)
        engine.complete("x")
        engine.tick()
        assert [len(each) for each in told(engine)] == [1, 1]


def test_after_a_start_old_experiments_take_their_turns(tmp_path, clock):
    with Engine(tmp_path / "x.db", clock=clock, seed=1) as engine:
        for number in range(40):
            engine.create({**definition(), "key": f"x{number}"})
            engine.start(f"x{number}")
    with sqlite3.connect(tmp_path / "x.db") as database:  # as a version had them that knew of nothing due for them
        database.execute("UPDATE experiments SET wake_at = NULL")
    database.close()
    clock.now += 30 * 86_400.0
    looked = []
    with Engine(tmp_path / "x.db", clock=clock, seed=1) as engine:
        for _ in range(60):
            engine.tick()
            before = clock.now - 60.0
            looked.append(sum(at > before for at in engine._memory.looked.values()))
            clock.now += 60.0
        assert len(engine._memory.looked) == 40
    assert max(looked[1:]) <= 2
    assert sum(looked) >= 40


def test_statistics_that_are_off_tell_nothing(clock):
    with Engine(clock=clock, seed=1) as engine:
        engine.settings.update({"enable_statistical_analysis": False})
        started(engine)
        lost(engine)
        engine.tick()
        assert told(engine) == ([], [])
        engine.settings.update({"enable_statistical_analysis": True})
        clock.now += 61.0
        engine.tick()
        assert [len(each) for each in told(engine)] == [1, 1]


def same_units_again(engine, clock):
    for weight in (1.0, 9.0):
        engine.rebalance("x", {"b": weight})
        for start in range(0, 4000, 1000):
            engine.choose_batch([{"experiment": "x", "unit": unit} for unit in names(1000, start)])


def many_decisions_of_a_few(engine, clock):
    for unit in names(20):
        engine.choose_batch([{"experiment": "x", "unit": unit}] * 200)


def assigned_anew_each_day(engine, clock):
    for _ in range(200):
        clock.now += 90_000.0
        engine.choose_batch([{"experiment": "x", "unit": unit} for unit in names(30)])


@pytest.mark.parametrize("sequential", [False, True])
@pytest.mark.parametrize(
    ("use", "more"),
    [
        (same_units_again, {}),
        (many_decisions_of_a_few, {"trial": "decision"}),
        (assigned_anew_each_day, {"sticky_for": "1d"}),
    ],
)
def test_trials_that_were_not_drawn_independently_are_no_mismatch(clock, use, more, sequential):
    with Engine(clock=clock, seed=1) as engine:
        started(engine, type="ab_test", analysis={"sequential": sequential}, **more)
        use(engine, clock)
        first, second = (variant.units for variant in engine.results("x").variants)
        assert abs(first - second) > 200
        clock.now += 61.0
        engine.tick()
        assert told(engine) == ([], [])
        assert "sample_ratio" not in [finding.kind for finding in engine.results("x").quality]


def test_a_mismatch_before_the_weights_changed_is_still_found(clock):
    with Engine(clock=clock, seed=1) as engine:
        started(engine, type="ab_test")
        lost(engine)
        engine.rebalance("x", {"a": 1.0, "b": 9.0})
        engine.choose_batch([{"experiment": "x", "unit": unit} for unit in names(500, 1000)])
        assert engine.results("x").quality[0].kind == "sample_ratio"
        engine.tick()
        ((alert,), _) = told(engine)
        assert alert.detail["numbers"]["observed_a"] < 100.0


@pytest.mark.parametrize("eligible", [None, ["a", "b"]])
def test_the_sums_by_epoch_are_those_of_the_log(clock, eligible):
    more = {"variants": [{"key": "a"}, {"key": "b"}, {"key": "c"}], "sticky": False}
    with Engine(clock=clock, seed=1) as engine:
        started(engine, **BANDIT | more)
        for step in range(600):
            clock.now += 60.0
            decision = engine.choose("x", eligible=eligible if step % 2 else None)
            engine.reward(decision.id, float(step % 3 == 0 and decision.variant == "a"))
        engine._journal.flush()
        with engine.reading() as reader:
            running = load(*reader.experiment("x"))
            by_draw, by_epoch = Evidence(reader, running).draws(), split.by_epoch(reader, running)
            rows = [
                (trial.head.epoch, trial.head.variant, json.loads(trial.probabilities)) for trial in reader.trials(1)
            ]
    epochs = sorted({row[0] for row in rows})
    observed, expected = np.zeros((2, len(epochs), 3))
    for epoch, variant, drawn in rows:
        observed[epochs.index(epoch), variant] += 1
        expected[epochs.index(epoch)] += drawn
    used = by_epoch[0].sum(axis=1) > 0.0
    assert len(epochs) > 5
    assert by_epoch[0][used].tolist() == observed.tolist()
    assert by_epoch[1][used] == pytest.approx(expected)
    assert by_draw[0].sum(axis=0) == pytest.approx(observed.sum(axis=0))
    assert by_draw[1].sum(axis=0) == pytest.approx(expected.sum(axis=0))
