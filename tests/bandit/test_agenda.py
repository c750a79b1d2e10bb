"""What the engine does by itself: when it is asked to, once, and by whichever process comes first."""

import sqlite3
from contextlib import closing

import pytest
from experiments import define, started

from bandit import Engine, agenda, lifecycle
from bandit.actor import Actor, By, acting
from bandit.errors import Forbidden, StoreError


@pytest.fixture
def calls(monkeypatch):
    """Has a duty that stops a running experiment five seconds after its start, and notes when it was called."""
    noted = []

    def duty(memory, running, now):
        experiment = running.experiment
        noted.append((experiment.key, now))
        if experiment.status != "running":
            return None
        if now < experiment.started_at + 5.0:
            return experiment.started_at + 5.0
        lifecycle.transition(memory, experiment.key, "stop", "five seconds", By(Actor("clock")), now)
        return None

    monkeypatch.setattr(agenda, "DUTIES", (duty,))
    return noted


def test_an_experiment_is_looked_at_when_it_wants_to_be(engine, clock, calls):
    started(engine)
    engine.create(define("idle"))
    start = clock.now
    for seconds in (0.0, 1.0, 4.9, 5.0, 6.0, 7.0):
        clock.now = start + seconds
        assert not engine.tick()
        engine.check()
        engine.get("copy")
    assert calls == [("copy", start), ("idle", start), ("copy", start + 5.0), ("copy", start + 6.0)]
    assert engine.get("copy").stop_reason == "five seconds"
    with engine.reading() as reader:
        ((_, change),) = reader.changes("experiment", "copy", 1 << 62, 1)
    assert (change.actor, change.action) == ("clock", "stop")


def test_two_processes_do_it_once(tmp_path, clock, calls):
    with Engine(tmp_path / "x.db", clock=clock) as one, Engine(tmp_path / "x.db", clock=clock) as other:
        started(one)
        clock.now += 5.0
        for engine in (one, other, one, other):
            engine.tick()
        with one.reading() as reader:
            actions = [change.action for _, change in reader.changes("experiment", "copy", 1 << 62, 10)]
    assert actions == ["stop", "start", "create"]


def test_many_that_want_to_be_looked_at_are_taken_a_part_at_a_time(engine, calls):
    for number in range(agenda.MOST_AT_ONCE + 1):
        engine.create(define(f"e{number}"))
    assert engine.tick()
    assert not engine.tick()
    assert len({key for key, _ in calls}) == len(calls) == agenda.MOST_AT_ONCE + 1


def test_a_first_look_that_was_not_kept_is_made_again(tmp_path, clock, calls, monkeypatch):
    with Engine(tmp_path / "x.db", clock=clock) as engine:
        started(engine)
    with closing(sqlite3.connect(tmp_path / "x.db")) as file, file:
        file.execute("UPDATE experiments SET wake_at = NULL")  # as a version leaves it that knows nothing to do
    with Engine(tmp_path / "x.db", clock=clock) as engine:

        def fail(batch):
            raise sqlite3.OperationalError("disk full")

        with monkeypatch.context() as patched:
            patched.setattr(engine._store, "write", fail)
            with pytest.raises(StoreError, match="disk full"):
                engine.tick()
        calls.clear()
        for _ in range(3):
            engine.tick()
    assert calls == [("copy", clock.now)]


def test_experiments_belong_to_somebody(engine):
    with acting("ann", "ann"):
        assert engine.create(define()).owner == "ann"
        engine.start("copy")
    with acting("bob", "bob"):
        for refused in (lambda: engine.stop("copy"), lambda: engine.update("copy", {"name": "mine"})):
            with pytest.raises(Forbidden, match="belongs to 'ann'"):
                refused()
    assert engine.get("copy").status == "running"
