"""What a server says when it is ready: to people what to try, and then a line in the log."""

import http.client
import logging
import sys
import threading
import time
from multiprocessing.synchronize import Semaphore
from typing import NamedTuple

import click

_log = logging.getLogger("multiarm.server")


class Place(NamedTuple):
    """Where a server listens and keeps its data; whichever worker takes `unsaid` tells people."""

    address: str
    port: int
    db: str
    unsaid: Semaphore


def announce(place: Place) -> None:
    """Starts to wait, in a thread of its own, until the server answers, and says so.

    For a worker process only: a supervisor with a busy thread would fork workers that inherit the locks it holds.
    """
    threading.Thread(target=_announce, args=(place,), name="multiarm-announce", daemon=True).start()


def bracketed(address: str) -> str:
    """An address as it is written before a port."""
    return f"[{address}]" if ":" in address else address


def _announce(place: Place) -> None:
    while not _answers(place.address, place.port):
        time.sleep(0.02)
    url = f"http://{bracketed(place.address)}:{place.port}"
    if place.unsaid.acquire(block=False):
        _tell_people(url, place.db)
    _log.info("ready", extra={"address": url, "db": place.db})


def _tell_people(url: str, db: str) -> None:
    experiment = '{"key":"greeting","variants":[{"key":"hello"},{"key":"hi"}],"metrics":[{"key":"reply"}]}'
    request = '{"experiment":"greeting","unit":"user-1"}'
    click.echo(
        f"multiarm answers on {url} and keeps everything in {db}; its routes are on {url}/docs. Try it:\n\n"
        f"curl {url}/v1/experiments -d '{experiment}' \\\n"
        f"  --next -X POST {url}/v1/experiments/greeting/start \\\n"
        f"  --next {url}/v1/choose -d '{request}'\n"
    )
    sys.stdout.flush()


def _answers(address: str, port: int) -> bool:
    connection = http.client.HTTPConnection(address, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
