"""One of the applications that are measured, under Granian on a port; `python -m benchmarks.serving KIND DB PORT`."""

import multiprocessing
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from server import worker
from server.announcement import Place
from server.serve import THREADS


def bare() -> Callable[..., Any]:
    """A Flask route that reads and answers JSON, and does nothing else."""
    from flask import Flask, jsonify, request

    app = Flask("bare")

    @app.post("/v1/choose")
    def choose() -> Any:
        return jsonify(experiment=request.get_json(force=True)["experiment"], variant="a", propensity=0.5)

    return app


def main(kind: str, db: str, port: str) -> None:
    place = Place("127.0.0.1", int(port), db, multiprocessing.Semaphore(1))
    load = {"bare": bare, "front": partial(worker.load, place), "flask": partial(worker.load, place, front=False)}[kind]
    server = Granian(
        "benchmark",
        address="127.0.0.1",
        port=int(port),
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=THREADS,
        websockets=False,
        log_level=LogLevels.error,
    )
    server.serve(target_loader=lambda *_: load(), wrap_loader=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
