"""Requests that hold no thread while they are being kept."""

import sqlite3
import threading
import time
import urllib.request
from contextlib import closing

from granian.server import mp

from bandit.client import Client
from server import later
from server.serve import THREADS


def test_the_server_answers_while_more_requests_than_threads_wait_for_the_store(start, copy, tmp_path):
    server = start("test.db")
    waiting, decided = THREADS + 36, []
    with Client(server.url, timeout=20) as client:
        client.create(copy)
        client.start("copy")
        with closing(sqlite3.connect(tmp_path / "test.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            begun = time.monotonic()

            def choose(number):
                decided.append(client.choose("copy", f"u{number}"))

            threads = [threading.Thread(target=choose, args=(number,)) for number in range(waiting)]
            for thread in threads:
                thread.start()
            while time.monotonic() - begun < 1.0:
                with urllib.request.urlopen(server.url + "/healthz", timeout=1.0) as answer:
                    assert answer.status == 200
                time.sleep(0.05)
            assert not decided
            other.execute("COMMIT")
        for thread in threads:
            thread.join(20)
        assert len({decision.id for decision in decided}) == waiting
        assert sum(variant.decisions for variant in client.results("copy").variants) == waiting


def test_without_the_seam_requests_go_the_ordinary_way(monkeypatch):
    monkeypatch.delattr(mp, later.SEAM)
    later.answer_later()
    assert not hasattr(mp, later.SEAM)
