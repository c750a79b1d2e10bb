"""The memory of a worker that goes on deciding, each time for a new unit, and is rewarded."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.http import Server

MILLION = 1_000_000
EACH = 1000


def megabytes(process: int) -> float:
    """Resident memory of a process's only worker."""
    workers = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    sizes = [
        int(line.split()[1]) / 1000
        for worker in workers
        for line in Path(f"/proc/{worker}/status").read_text().splitlines()
        if line.startswith("VmRSS")
    ]
    return max(sizes)


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name, Server(Path(name) / "memory.db") as server:
        server.make_experiment()
        seen: dict[int, float] = {}
        for begun in range(0, MILLION * 3 // 2, EACH):
            items = [{"experiment": "bench", "unit": f"u{begun + n}"} for n in range(EACH)]
            chosen = server.post("/v1/choose/batch", items)
            rewards = [{"decision_id": decision["decision_id"], "value": 1} for decision in chosen[::10]]
            server.post("/v1/reward/batch", rewards)
            seen[begun + EACH] = megabytes(server.process.pid)
    later = max(seen.values()) - max(size for decisions, size in seen.items() if decisions <= MILLION)
    yield Figure("a worker's memory after a million decisions", seen[MILLION], "MB", 250)
    yield Figure("its growth in the next half million", later, "MB", 10)
