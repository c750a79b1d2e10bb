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
    """Where a server listens and keeps its data, and whether it asks for keys; a worker that takes `unsaid` says so."""

    address: str
    port: int
    db: str
    unsaid: Semaphore
    keyed: bool = False


def announce(place: Place) -> None:
    """Starts to wait, in a thread of its own, until the server answers, and says so.

    For a worker process only: a supervisor with a busy thread would fork workers that inherit the locks it holds.
    """
    threading.Thread(target=_announce, args=(place,), name="multiarm-announce", daemon=True).start()


def bracketed(address: str) -> str:
    """An address as it is written before a port."""
    return f"[{address}]" if ":" in address else address


def _announce(place: Place) -> None:
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(place.address, place.address)  # noqa: S104 - it is compared
    while not _answers(here, place.port):
        time.sleep(0.02)
    url = f"http://{bracketed(here)}:{place.port}"
    if place.unsaid.acquire(block=False):
        _tell_people(url, place)
    _log.info("ready", extra={"address": url, "db": place.db})


def _tell_people(url: str, place: Place) -> None:
    key = ' -H "X-API-Key: $KEY"' if place.keyed else ""
    experiment = '{"key":"greeting","variants":[{"key":"hello"},{"key":"hi"}],"metrics":[{"key":"reply"}]}'
    request = '{"experiment":"greeting","unit":"user-1"}'
    click.echo(
        f"multiarm answers on {url} and keeps everything in {place.db}; its routes are on {url}/docs. Try it:\n\n"
        f"curl{key} {url}/v1/experiments -d '{experiment}' \\\n"
        f"  --next{key} -X POST {url}/v1/experiments/greeting/start \\\n"
        f"  --next{key} {url}/v1/choose -d '{request}'\n"
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
