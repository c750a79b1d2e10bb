"""What starting costs: imports, and a server with and without its compiled kernels."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure


def imports() -> float:
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import bandit"], check=True)
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def ready(folder: Path) -> float:
    """Seconds from the start of a server to the end of its first decision."""
    from benchmarks.http import Server

    begun = time.perf_counter()
    with Server(folder / "start.db", cache=folder / "cache") as server:
        if not (folder / "made").exists():
            server.make_experiment()
            (folder / "made").touch()
        server.choose()
        return time.perf_counter() - begun


def figures() -> Iterator[Figure]:
    yield Figure("import bandit, warm", imports(), "s", 1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.makedirs(folder / "cache")
        yield Figure("first start to first decision, nothing compiled", ready(folder), "s", 30)
        yield Figure("later starts", statistics.median(ready(folder) for _ in range(3)), "s", 3)
