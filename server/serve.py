"""`multiarm serve`: worker processes under Granian, each with an engine of its own on one file."""

import ipaddress
import logging.config
import multiprocessing
import socket
from functools import partial

import click
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from bandit import Engine, StoreError
from server import worker
from server.announcement import Place, bracketed
from server.logs import LOGGING

# More than can wait for one commit at a time gains nothing; fewer would keep requests from sharing its sync.
THREADS = 64
STOP_SECONDS = 30


@click.command()
@click.option("--db", default="multiarm.db", show_default=True, help="SQLite file; created where it is absent.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: any that is free.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes.")
@click.option("--access-log", is_flag=True, help="Log every choose and reward, not only those that fail.")
@click.option("--alert-commands", is_flag=True, help="Run the commands of alert channels, as this user.")
@click.option(
    "--archive",
    type=click.Path(exists=True, file_okay=False, writable=True),
    metavar="FOLDER",
    help="Write logs there, as Parquet, before the setting retention_days removes them.",
)
def serve(
    db: str, host: str, port: int, workers: int, access_log: bool, alert_commands: bool, archive: str | None
) -> None:
    """Answer choose and reward over HTTP."""
    logging.config.dictConfig(LOGGING)
    address = loopback(host)
    port = claim(address, port)
    try:
        Engine(
            db
        ).close()  # what would fail in a worker fails here, in one line; compiled policies are shared with them
    except (StoreError, OSError) as error:
        raise click.ClickException(str(error)) from None
    server = Granian(
        "multiarm",
        address=address,
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
    place = Place(address, port, db, multiprocessing.Semaphore(1))
    load = partial(worker.load, place, access_log=access_log, alert_commands=alert_commands, archive=archive)
    server.serve(target_loader=load, wrap_loader=False)


def loopback(host: str) -> str:
    """The address of a host that only this machine can reach.

    Raises:
        BadParameter: It is not one.
    """
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise click.BadParameter(f"{host!r} is not an IP address", param_hint="--host") from None
    if not address.is_loopback:
        raise click.BadParameter(
            f"{host} can be reached from other machines, and there are no API keys yet to keep them out; "
            "listen on 127.0.0.1 or ::1 and put a proxy that authenticates before it",
            param_hint="--host",
        )
    return str(address)


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
