"""`make bench`: every figure beside its peer, as a table and as JSON."""

import json
import platform
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

from benchmarks.figures import Figure, measured, table

PARTS = (
    "weights",
    "inprocess",
    "contexts",
    "guardrails",
    "simulation",
    "targeting",
    "flags",
    "tables",
    "reports",
    "http",
    "startup",
    "footprint",
)
PEERS = (
    *("numba", "flask", "granian", "river", "mabwiser", "polars", "tea-tasting", "growthbook"),
    "openfeature-provider-flagd",
)
RESULTS = Path(__file__).parent / "results.json"


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    cores = sum(line.startswith("processor") for line in lines) or "?"
    return f"{cores} cores of {model}, Python {platform.python_version()}"


def main(parts: list[str]) -> None:
    if unknown := set(parts) - set(PARTS):
        sys.exit(f"{', '.join(sorted(unknown))}: no such part; there are {', '.join(PARTS)}")
    when = f"{datetime.now(UTC):%Y-%m-%d}, {machine()}"
    figures: list[Figure] = []
    for part in parts or PARTS:
        print(f"measuring {part} ...", file=sys.stderr, flush=True)
        # Alone in a process, so that none pays for what another has loaded and left behind.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
            figures += alone.submit(measured, part).result()
    print(f"{when}\n\n{table(figures)}")
    peers = {name: version(name) for name in PEERS}
    document = {"when": when, "versions": peers, "figures": [figure.json() for figure in figures]}
    RESULTS.write_text(json.dumps(document, indent=1))
    if missed := [figure.name for figure in figures if figure.met is False]:
        sys.exit(f"missed: {'; '.join(missed)}")


if __name__ == "__main__":
    main(sys.argv[1:])
