"""`multiarm serve`: worker processes under Granian, each with an engine of its own on one file."""

import ipaddress
import logging.config
import multiprocessing
import shlex
import socket
from functools import partial
from pathlib import Path

import click
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from bandit import Engine, MultiarmError
from server import worker
from server.announcement import Place, bracketed
from server.logs import LOGGING

# More than can wait for one commit at a time gains nothing; fewer would keep requests from sharing its sync.
THREADS = 64
STOP_SECONDS = 30


@click.command()
@click.option("--db", default="multiarm.db", show_default=True, help="SQLite file; created where it is absent.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; beyond loopback only with API keys."
)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: any that is free.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes.")
@click.option("--config", type=click.Path(), help="TOML file of settings.  [default: MULTIARM_CONFIG, or none]")
@click.option("--access-log", is_flag=True, help="Log every choose and reward, not only those that fail.")
def serve(db: str, host: str, port: int, workers: int, config: str | None, access_log: bool) -> None:
    """Answer choose and reward over HTTP."""
    logging.config.dictConfig(LOGGING)
    address = ip_address(host)
    try:
        if not (address.is_loopback or has_keys(db, config)):
            raise click.BadParameter(
                f"{host} can be reached from other machines, and no API key keeps them out yet; make one first: "
                f"multiarm keys create --scope admin --owner NAME --db {shlex.quote(db)}",
                param_hint="--host",
            )
        port = claim(str(address), port)
        # What would fail in a worker fails here, in one line; compiled policies are shared with them.
        with Engine(db, config=config) as engine:
            keyed = bool(engine.keys.list())
    except (MultiarmError, OSError) as error:
        raise click.ClickException(str(error)) from None
    server = Granian(
        "multiarm",
        address=str(address),
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=THREADS,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS,
        log_level=LogLevels.error,
        log_dictconfig=LOGGING,
    )
    place = Place(str(address), port, db, multiprocessing.Semaphore(1), keyed)
    load = partial(worker.load, place, workers=workers, config=config, access_log=access_log)
    server.serve(target_loader=load, wrap_loader=False)


def has_keys(db: str, config: str | None) -> bool:
    """Whether a file is there, and has API keys."""
    if not Path(db).exists():
        return False
    with Engine(db, config=config) as engine:
        return bool(engine.keys.list())


def ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address of a host.

    Raises:
        BadParameter: It is not one.
    """
    try:
        return ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise click.BadParameter(f"{host!r} is not an IP address", param_hint="--host") from None


def claim(address: str, port: int) -> int:
    """A port that is free, `port` unless that is 0.

    The workers share a port, which would let a second server join them unnoticed; a socket that shares nothing notices.

    Raises:
        ClickException: It is taken or not allowed.
    """
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError as error:
            raise click.ClickException(f"cannot listen on {bracketed(address)}:{port}: {error.strerror}") from None
        bound: int = probe.getsockname()[1]
        return bound
