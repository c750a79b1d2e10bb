"""An application in process, and real server processes."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from bandit import Engine
from server.app import create_app

COPY = {
    "key": "copy",
    "variants": [{"key": "control", "is_control": True}, {"key": "short", "config": {"text": "Pay", "é": [1, None]}}],
    "metrics": [{"key": "purchase"}, {"key": "spent", "type": "continuous", "lower": 0, "upper": 1000}],
}
COPY["metrics"][0]["primary"] = True


@pytest.fixture
def copy() -> dict[str, Any]:
    """The definition of an experiment."""
    return json.loads(json.dumps(COPY))


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine in memory that repeats its draws."""
    with Engine(seed=1) as engine:
        yield engine


@pytest.fixture
def client(engine: Engine) -> FlaskClient:
    """An application around the engine."""
    return create_app(engine).test_client()


@pytest.fixture
def running(engine: Engine, copy: dict[str, Any]) -> str:
    """The key of a running experiment."""
    engine.create(copy)
    engine.start("copy")
    return "copy"


class Server:
    """A `multiarm serve` process; leads a process group, so that all of it can be killed."""

    def __init__(self, folder: Path, db: str, *options: str) -> None:
        self.log = folder / f"{time.monotonic_ns()}.log"
        self.out = self.log.with_suffix(".out")
        command = [str(Path(sys.executable).with_name("multiarm")), "serve", "--db", db, "--port", "0", *options]
        with self.log.open("wb") as log, self.out.open("wb") as out:
            self.process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=log, start_new_session=True)
        self.url = ""

    def wait(self, seconds: float = 60.0) -> "Server":
        """Waits until it is ready."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            ready = [line for line in self.lines() if line["message"] == "ready"]
            if ready:
                self.url = ready[0]["address"]
                return self
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.02)
        raise AssertionError(f"not ready after {seconds} s: {self.log.read_text()}")

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def stop(self, number: int = signal.SIGTERM, seconds: float = 30.0) -> int:
        """Asks it to stop and returns its exit code."""
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def kill(self) -> None:
        """Kills it and its workers."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that the tests of a module share."""
    server = Server(tmp_path_factory.mktemp("shared"), "test.db")
    yield server.wait()
    server.kill()


Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers on free ports: `start(db, *options)`; whatever still runs in the end is killed."""
    servers: list[Server] = []

    def begin(db: str = "test.db", *options: str, ready: bool = True) -> Server:
        server = Server(tmp_path, db, *options)
        servers.append(server)
        return server.wait() if ready else server

    yield begin
    for server in servers:
        server.kill()
