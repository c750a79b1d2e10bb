"""Every component says how it is, and what is wrong is named."""

import shutil
import sqlite3
from collections import namedtuple

import pytest
from receiver import SECRET

from bandit import Engine, StoreError, health
from bandit.rows import Alert

Usage = namedtuple("Usage", "total used free")


def states(engine):
    return {component.name: component.status for component in engine.health().components}


def reason(engine, name):
    return next(component.reason for component in engine.health().components if component.name == name)


ALL = {"store", "journal", "ticker", "deliveries", "disk", "schema"}


def test_all_is_well(engine, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 5 << 30))
    engine.tick()
    assert states(engine) == dict.fromkeys(ALL, "ok")
    assert engine.health().status == "ok"


def test_nothing_does_what_is_due(engine, monkeypatch):
    assert states(engine)["ticker"] == "degraded"
    engine.tick()
    now = health.time.monotonic()
    for seconds, state in ((10, "ok"), (20, "degraded"), (1000, "failed")):
        monkeypatch.setattr(engine, "_ticked_at", now - seconds)
        assert states(engine)["ticker"] == state


def test_deliveries_that_are_late(engine, clock):
    engine.channels.create({"key": "hook", "type": "webhook", "url": "https://example.org", "secret": SECRET})

    def warn(memory, now):
        memory.batch.alerts.append(Alert(now, "winner", "copy", "info", "won", "{}"))

    engine._journal.run(warn)
    engine._journal.flush()
    for seconds, state in ((0, "ok"), (100, "degraded"), (4000, "failed")):
        clock.now += seconds
        assert states(engine)["deliveries"] == state
    assert reason(engine, "deliveries") == "the one that has waited longest, through 'hook', was due 4100 s ago"
    assert engine.health().status == "failed"


@pytest.mark.parametrize(("free", "state"), [(1 << 40, "ok"), (1 << 29, "degraded"), (1 << 20, "failed")])
def test_little_space(tmp_path, monkeypatch, free, state):
    with Engine(tmp_path / "a.db") as engine:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, free))
        assert states(engine)["disk"] == state


def test_a_store_that_refuses(engine, monkeypatch):
    def refused():
        raise StoreError("the store could not keep it: database or disk is full")

    monkeypatch.setattr(engine, "check", refused)
    assert states(engine)["store"] == "failed"
    assert "disk is full" in reason(engine, "store")


def test_tables_of_a_newer_version(tmp_path):
    with Engine(tmp_path / "a.db") as engine:
        connection = sqlite3.connect(tmp_path / "a.db")
        connection.execute("PRAGMA user_version = 99")
        connection.close()
        assert "version 99, and this process knows" in reason(engine, "schema")
        assert states(engine)["schema"] == "failed"


def test_many_that_wait(engine, monkeypatch):
    monkeypatch.setattr(engine._journal, "waiting", lambda: 9000, raising=False)
    assert states(engine)["journal"] == "degraded"
