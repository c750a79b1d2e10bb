"""A file that is there when it is complete, and not before."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bandit.errors import InvalidInput, StoreError


@contextmanager
def new_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """An empty file beside `path`, which only its owner may read, and which takes its name at the end of the block.

    Raises:
        InvalidInput: There is a file of that name, or no folder for it.
        StoreError: It cannot be written; nothing is left of it.
    """
    wanted = Path(path)
    if wanted.exists():
        raise _exists(wanted)
    if not wanted.absolute().parent.is_dir():
        raise InvalidInput.field("out", f"{wanted}: its folder does not exist")
    try:
        number, name = tempfile.mkstemp(dir=wanted.absolute().parent, prefix=f".{wanted.name}-")
        os.close(number)
        made = Path(name)
        try:
            yield made
            _sync(made)
            os.link(made, wanted)  # unlike a rename, it replaces nothing
        finally:
            made.unlink()
        _sync(wanted.absolute().parent)
    except FileExistsError:
        raise _exists(wanted) from None
    except OSError as error:
        raise StoreError(f"{wanted}: {error.strerror or error}") from error


def _exists(path: Path) -> InvalidInput:
    return InvalidInput.field("out", f"{path} exists already; give a new file")


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
