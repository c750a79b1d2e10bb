"""The server under load from wrk: one worker pinned to a core, the load on the other, every answer durable."""

import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from benchmarks.figures import Figure

SECONDS = 4
REPEATS = 3
BODIES = {
    "choose": 'return \'{"experiment":"bench","unit":"\' .. id .. "-" .. n .. \'"}\'',
    "batch": """local items = {}
  for i = 1, 100 do items[i] = '{"experiment":"bench","unit":"' .. id .. "-" .. n .. "-" .. i .. '"}' end
  return "[" .. table.concat(items, ",") .. "]" """,
    "reward": 'return \'{"value":1,"decision_id":"\' .. ids[n % #ids + 1] .. \'"}\'',
}


class Load(NamedTuple):
    """What wrk saw."""

    requests_a_second: float
    p99_ms: float


class Server:
    """A server process on a free port and the first core."""

    def __init__(self, db: Path, kind: str = "front", cache: Path | None = None) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        # Made by a process of its own, as `multiarm serve` does, so that the worker has not imported what makes it.
        subprocess.run([sys.executable, "-c", "import sys, bandit; bandit.Engine(sys.argv[1]).close()", db], check=True)
        environment = os.environ | ({"XDG_CACHE_HOME": str(cache)} if cache else {})
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.serving", kind, str(db), str(port)],
            env=environment,
            stdout=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
        )
        until = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def post(self, path: str, body: Any = None) -> Any:
        data = json.dumps(body).encode() if body is not None else b""
        request = urllib.request.Request(self.url + path, data=data, method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def make_experiment(self) -> None:
        variants = [{"key": f"v{arm}"} for arm in range(10)]
        self.post("/v1/experiments", {"key": "bench", "variants": variants, "metrics": [{"key": "click"}]})
        self.post("/v1/experiments/bench/start")

    def choose(self) -> Any:
        return self.post("/v1/choose", {"experiment": "bench", "unit": "someone"})

    def load(self, path: str, body: str, connections: int, ids: list[str] | None = None) -> Load:
        """Runs wrk on the other core."""
        script = f"""id = math.floor({time.time_ns()}); n = 0; ids = {{{",".join(f'"{i}"' for i in ids or [])}}}
wrk.method = "POST"; wrk.headers["Content-Type"] = "application/json"
local function make() n = n + 1; {body} end
request = function() return wrk.format(nil, "{path}", nil, make()) end
"""
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
            file.write(script)
            file.flush()
            command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}", "--latency", "-s", file.name, self.url]
            core = max(os.sched_getaffinity(0))
            done = subprocess.run(
                command, check=True, capture_output=True, text=True, preexec_fn=lambda: os.sched_setaffinity(0, {core})
            )
        said = done.stdout
        if "Non-2xx" in said or "Socket errors" in said:
            raise AssertionError(said)
        rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
        slow = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
        assert rate, said
        assert slow, said
        return Load(float(rate[1]), float(slow[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[slow[2]])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.wait(30)


def figures() -> Iterator[Figure]:
    if shutil.which("wrk") is None or len(os.sched_getaffinity(0)) < 2:
        yield Figure("HTTP: not measured, needs wrk and two cores", 0, "")
        return
    rates: dict[str, list[float]] = {}
    slowest: dict[int, list[float]] = {4: [], 32: []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            Server(folder / "none", "bare") as bare,
            Server(folder / "flask.db", "flask") as flask,
            Server(folder / "front.db", "front") as front,
        ):
            for server in (flask, front):
                server.make_experiment()
            for repeat in range(REPEATS):
                chosen = front.post(
                    "/v1/choose/batch", [{"experiment": "bench", "unit": f"r{repeat}-{n}"} for n in range(1000)]
                )
                ids = [decision["decision_id"] for decision in chosen]
                loads = {
                    "bare": bare.load("/v1/choose", BODIES["choose"], 32),
                    "front": front.load("/v1/choose", BODIES["choose"], 32),
                    "flask": flask.load("/v1/choose", BODIES["choose"], 32),
                    "reward": front.load("/v1/reward", BODIES["reward"], 32, ids),
                    "batch": front.load("/v1/choose/batch", BODIES["batch"], 4),
                }
                slowest[32].append(loads["front"].p99_ms)
                slowest[4].append(front.load("/v1/choose", BODIES["choose"], 4).p99_ms)
                for kind, load in loads.items():
                    rates.setdefault(kind, []).append(load.requests_a_second)
    rate = {kind: statistics.median(values) for kind, values in rates.items()}
    yield Figure("a bare Flask route", rate["bare"], "requests/s")
    yield Figure("POST /v1/choose", rate["front"], "requests/s")
    yield Figure("POST /v1/choose", rate["front"] / rate["bare"], "x", 1.2, least=True, peer="the bare route")
    yield Figure(
        "the same without the WSGI front", rate["flask"] / rate["bare"], "x", 0.55, least=True, peer="the bare route"
    )
    yield Figure("POST /v1/reward", rate["reward"] / rate["bare"], "x", 0.8, least=True, peer="the bare route")
    yield Figure("POST /v1/choose/batch of 100", rate["batch"] * 100, "decisions/s", 60_000, least=True)
    for connections, bound in ((4, 5), (32, 15)):
        yield Figure(f"99% within, {connections} connections", statistics.median(slowest[connections]), "ms", bound)
