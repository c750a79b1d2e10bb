"""Blocks on a Dask cluster; needs the extra `dask`."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from bandit import InvalidInput

ADVICE = "--executor: Dask needs the extra `dask`: pip install 'multiarm[dask]'"
PATIENCE = "10s"


@contextmanager
def connect(address: str, own: Sequence[Path] = ()) -> Iterator[Executor]:
    """An executor on the cluster whose scheduler is at `dask://HOST:PORT`; its workers need multiarm installed.

    Args:
        address: Of the scheduler.
        own: Files of a user's own classes, which the workers are given.

    Raises:
        InvalidInput: The address is of another form, nobody answers there, or Dask is not installed.
    """
    scheme, slashes, place = address.partition("://")
    if scheme != "dask" or not slashes or ":" not in place:
        raise InvalidInput(f"--executor: {address!r} given, must be dask://HOST:PORT")
    try:
        distributed: Any = import_module("distributed")  # it comes without types
    except ImportError as error:
        raise InvalidInput(ADVICE) from error
    try:
        client = distributed.Client(f"tcp://{place}", timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"--executor: {address}: {error}") from error
    with client:
        for path in own:
            client.upload_file(str(path))
        yield client.get_executor(pure=False)
