"""Real server processes: start, stop, and what keeps them from starting."""

import contextlib
import http.client
import itertools
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bandit import Engine
from bandit.client import Client
from bandit.sqlite import SQLiteStore


def prepared(url, copy):
    with Client(url) as client:
        client.create(copy)
        client.start("copy")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_starts_says_what_to_try_and_stops(start, tmp_path, number):
    server = start("test.db")
    assert server.lines()[0]["message"] == "ready"
    shown = server.out.read_text()
    assert server.url in shown
    command = shown[shown.index("curl ") :]
    tried = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert '"experiment":"greeting"' in tried.stdout
    os.killpg(server.process.pid, number)  # as a terminal sends Ctrl-C: to supervisor and workers at once
    assert server.process.wait(30) == 0
    assert "Traceback" not in server.log.read_text()
    assert {line["level"] for line in server.lines()} <= {"info"}
    assert not (tmp_path / "test.db-wal").exists()  # the last one to close the file tidies up


def test_a_restart_keeps_everything(start, copy):
    server = start()
    prepared(server.url, copy)
    with Client(server.url) as client:
        decision = client.choose("copy", "u")
        client.reward(decision.id, 1.0)
        before = client.results("copy")
    assert server.stop() == 0
    server = start()
    with Client(server.url) as client:
        assert client.results("copy") == before
        assert client.choose("copy", "u").variant == decision.variant


class Caller(threading.Thread):
    """Chooses until the server goes, one request after the other, on one connection or a new one each."""

    def __init__(self, url, name, *, keep_alive):
        super().__init__()
        self.address = urlsplit(url).netloc
        self.unit = name
        self.keep_alive = keep_alive
        self.ids = []
        self.unanswered = set()

    def run(self):
        connection = http.client.HTTPConnection(self.address, timeout=20)
        with contextlib.closing(connection):
            for number in itertools.count():
                try:
                    if connection.sock is None:
                        connection.connect()
                except OSError:
                    return  # nothing listens any more, so nothing was accepted
                if not self.ask(connection, f"{self.unit}-{number}"):
                    return

    def ask(self, connection, unit):
        try:
            connection.request("POST", "/v1/choose", json.dumps({"experiment": "copy", "unit": unit}))
            answer = connection.getresponse()
            document = json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            self.unanswered.add(unit)  # the connection was closed before the request was read, or so the test expects
            return False
        assert answer.status == 200, document
        self.ids.append(document["decision_id"])
        if not self.keep_alive or answer.will_close:
            connection.close()
        return True


@pytest.mark.parametrize(("keep_alive", "workers"), [(True, 1), (False, 1), (True, 2)])
def test_a_stop_under_load_answers_what_it_accepted(start, copy, tmp_path, keep_alive, workers):
    server = start("test.db", "--workers", str(workers))
    prepared(server.url, copy)
    callers = [Caller(server.url, f"c{number}", keep_alive=keep_alive) for number in range(16)]
    for caller in callers:
        caller.start()
    time.sleep(0.5)
    assert server.stop() == 0
    for caller in callers:
        caller.join(30)
    answered = [number for caller in callers for number in caller.ids]
    assert len(answered) == len(set(answered)) > 100
    with sqlite3.connect(tmp_path / "test.db") as connection:
        kept = {f"{row[0]:016x}" for row in connection.execute("SELECT id FROM decisions")}
        units = {row[0] for row in connection.execute("SELECT unit FROM decisions")}
    connection.close()
    assert set(answered) <= kept
    assert not units & set().union(*(caller.unanswered for caller in callers)), "decided, and not answered"
    assert len(kept) == len(answered)
    assert "Traceback" not in server.log.read_text()


def test_two_workers_share_a_file(start, copy, tmp_path):
    server = start("test.db", "--workers", "2")
    prepared(server.url, copy)
    threads = [threading.Thread(target=play, args=(server.url, number)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Client(server.url) as client:
        results = client.results("copy")
    assert sum(variant.decisions for variant in results.variants) == 80
    pids = set()
    for _ in range(50):
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=5)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        pids.add(text.partition('pid="')[2].partition('"')[0])
        if len(pids) == 2:
            break
    assert len(pids) == 2
    assert server.stop() == 0
    with Engine(tmp_path / "test.db") as engine:
        assert engine.verify() == []


def play(url, number):
    """Twenty decisions, each over a connection of its own, so that both workers get some."""
    for step in range(20):
        with Client(url) as client:
            decision = client.choose("copy", f"{number}-{step}")
            client.reward(decision.id, float(step % 2))


def test_a_worker_that_dies_is_replaced(start, copy):
    server = start()
    prepared(server.url, copy)
    with Client(server.url, retries=8) as client:
        decision = client.choose("copy", "u")
        os.kill(worker(server), signal.SIGKILL)
        assert client.choose("copy", "u").variant == decision.variant
    assert server.process.poll() is None
    assert server.stop() == 0


def worker(server):
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=5)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return int(text.partition('pid="')[2].partition('"')[0])


def test_workers_end_with_their_supervisor(start):
    server = start()
    pid = worker(server)
    server.process.kill()
    server.process.wait(10)
    until = time.monotonic() + 10
    while Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] != "Z":
        assert time.monotonic() < until
        time.sleep(0.02)


def refused(folder, *options):
    """What `serve` says when it does not start."""
    command = [str(Path(sys.executable).with_name("multiarm")), "serve", "--port", "0", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr.strip().splitlines()[-1]


def test_a_port_in_use_is_an_error(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(tmp_path, "--port", str(port))
    assert f"127.0.0.1:{port}" in said
    assert "in use" in said
    assert list(tmp_path.iterdir()) == []


def test_a_second_server_does_not_join_the_port_of_the_first(start, tmp_path):
    server = start()
    assert "in use" in refused(tmp_path, "--port", server.url.rpartition(":")[2])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_other_machines_are_kept_out(tmp_path, host):
    said = refused(tmp_path, "--host", host)
    assert f"{host} can be reached from other machines" in said
    assert "multiarm keys create --scope admin --owner NAME --db" in said


def test_a_host_is_an_address(tmp_path):
    assert "example.org" in refused(tmp_path, "--host", "example.org")


def test_a_missing_folder_is_an_error(tmp_path):
    assert "folder does not exist" in refused(tmp_path, "--db", "no/such/folder.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    tmp_path.chmod(0o500)
    try:
        assert "cannot be written" in refused(tmp_path, "--db", "test.db")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"not a database, and long enough to be sure of it" * 100, "not a SQLite database")],
)
def test_a_file_of_another_kind_is_left_alone(tmp_path, content, said):
    path = tmp_path / "test.db"
    path.write_bytes(content)
    assert said in refused(tmp_path, "--db", "test.db")
    assert path.read_bytes() == content


def test_the_database_of_another_program_is_left_alone(tmp_path):
    path = tmp_path / "test.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    connection.close()
    before = path.read_bytes()
    assert "not one of multiarm" in refused(tmp_path, "--db", "test.db")
    assert path.read_bytes() == before


def test_a_damaged_file_is_left_alone(tmp_path):
    path = tmp_path / "test.db"
    SQLiteStore(path).close()
    content = bytearray(path.read_bytes())
    content[100:] = b"\xa5" * (len(content) - 100)
    path.write_bytes(content)
    assert "damaged" in refused(tmp_path, "--db", "test.db")
    assert path.read_bytes() == bytes(content)


def test_a_database_of_a_newer_version_is_left_alone(tmp_path):
    path = tmp_path / "test.db"
    SQLiteStore(path).close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 999")
    before = path.read_bytes()
    assert "newer version" in refused(tmp_path, "--db", "test.db")
    assert path.read_bytes() == before


def test_a_file_that_is_kept_alone_is_an_error(tmp_path):
    with Engine(tmp_path / "test.db", durable=False):
        assert "open in another process" in refused(tmp_path, "--db", "test.db")


@pytest.mark.parametrize("chunked", [True, False])
def test_ten_megabytes_are_refused_and_others_are_served(start, chunked):
    address = urlsplit(start().url).netloc
    with contextlib.closing(http.client.HTTPConnection(address, timeout=20)) as connection:
        body = (b"x" * 100_000 for _ in range(100)) if chunked else b"x" * 10_000_000
        with contextlib.suppress(ConnectionError):  # the server need not read what it refuses
            connection.request("POST", "/v1/choose", body, encode_chunked=chunked)
        assert connection.getresponse().status == 413
    with contextlib.closing(http.client.HTTPConnection(address, timeout=20)) as connection:
        connection.request("GET", "/readyz")
        assert connection.getresponse().status == 200
