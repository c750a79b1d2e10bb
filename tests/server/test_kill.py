"""A server killed at any moment: what it had answered is there after the restart, exactly once."""

import random
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from bandit import Client, Engine, MultiarmError

ROUNDS = 20
CLIENTS = 6


class Load:
    """Clients that choose and reward until the server is gone, and remember what it answered."""

    def __init__(self, url: str, name: str) -> None:
        self.decisions: dict[str, str] = {}
        self.rewarded: list[str] = []
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._work, args=(url, f"{name}-{n}")) for n in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _work(self, url: str, name: str) -> None:
        with Client(url, retries=0, timeout=30) as client:
            for n in range(100_000):
                try:
                    decision = client.choose("copy", unit=f"{name}-{n}")
                    with self._lock:
                        self.decisions[decision.id] = decision.variant
                    assert client.reward(decision.id, 1, idempotency_key="once") == "applied"
                    with self._lock:
                        self.rewarded.append(decision.id)
                except MultiarmError:
                    return

    def wait(self) -> None:
        for thread in self._threads:
            thread.join()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_killed_under_load_twenty_times(start, copy, tmp_path: Path, workers: str):
    path = tmp_path / "test.db"
    with Engine(path) as engine:
        engine.create(copy)
        engine.start("copy")
    moment = random.Random(int(workers))
    decisions: dict[str, str] = {}
    rewarded: list[str] = []
    for number in range(ROUNDS):
        server = start("test.db", "--workers", workers)
        load = Load(server.url, f"round{number}")
        time.sleep(moment.uniform(0.05, 0.4))
        server.kill()
        load.wait()
        decisions |= load.decisions
        rewarded += load.rewarded
    assert len(rewarded) > ROUNDS * CLIENTS
    with Engine(path) as engine:
        assert engine.verify() == []
        keys = [variant.key for variant in engine.get("copy").variants]
        results = engine.results("copy")
    connection = sqlite3.connect(path)
    kept = {
        f"{number:016x}": keys[variant] for number, variant in connection.execute("SELECT id, variant FROM decisions")
    }
    counted = [
        f"{number:016x}" for (number,) in connection.execute("SELECT decision FROM events WHERE status = 'applied'")
    ]
    connection.close()
    assert {number: kept.get(number) for number in decisions} == decisions
    assert len(counted) == len(set(counted))
    assert set(rewarded) <= set(counted)
    assert sum(variant.metrics["purchase"].sum for variant in results.variants) == len(counted)
