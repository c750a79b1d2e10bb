"""A server in a process of its own, that ends with the block that started it."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 60.0
STOP_SECONDS = 10.0


class NotStarted(RuntimeError):
    """The server ended instead of starting, or took too long; the message has the last line that it wrote."""


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The URL of a server on a free port of 127.0.0.1, which keeps its database and what it says in `folder`.

    It is asked to stop at the end of the block, and killed with its workers where it does not within STOP_SECONDS.
    Only a SIGKILL of this process leaves it running.

    Raises:
        NotStarted: It did not start.
    """
    log = folder / "server.log"
    # -P: a folder of the caller's that is called `server` is not taken for this package. A session of its own: what the
    # terminal sends to this process, Ctrl-C above all, does not stop the server in the middle of an answer.
    command = [sys.executable, "-P", "-c", "from server.serve import serve; serve()", "--port", "0"]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - this very program
            [*command, "--db", str(folder / "multiarm.db")],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield _url(process, log)
    finally:
        _stop(process)


def _url(process: "subprocess.Popen[bytes]", log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if found := re.search(r"answers on (http://\S+:\d+)", log.read_text(errors="replace")):
            return found[1]
        time.sleep(0.05)
    said = log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
    raise NotStarted(f"the server did not start: {said[-1]}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    graceful = False
    try:
        graceful = process.wait(STOP_SECONDS) == 0
    except subprocess.TimeoutExpired:
        pass
    finally:
        if not graceful:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
