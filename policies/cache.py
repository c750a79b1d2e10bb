"""Machine code kept on disk between processes, found again only where every source it was made from is the same.

Numba's own disk cache looks at the file in which a function is written and at nothing else, so that an edit of a
function in *another* file goes unnoticed and the old machine code keeps running. Here the folder is named after a
digest of all sources that a kernel can see, so a stale entry cannot be found.
"""

import hashlib
import inspect
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.core import caching

PACKAGE = Path(__file__).parent
UNUSED_FOR = 30 * 86400.0
"""Seconds after which machine code that no process has asked for is deleted."""


def keep(dispatcher: Any, function: Callable[..., Any]) -> None:
    """Load the machine code of a compiled function from disk and save it there; do nothing where that cannot be."""
    dispatcher.digest = _digest(function)
    folder = _folder(dispatcher.digest) if dispatcher.digest else None
    if folder is None:
        return
    config: Any = numba.config
    new_cache: Any = caching.FunctionCache
    previous, config.CACHE_DIR = config.CACHE_DIR, str(folder)
    try:
        cache = new_cache(function)
    except (OSError, RuntimeError):
        return
    finally:
        config.CACHE_DIR = previous
    # Where it cannot write (any more), numba turns to a folder that knows nothing of the digest.
    if not cache.cache_path.startswith(str(folder)):
        return
    cache.load_overload = _or_nothing(cache.load_overload)
    cache.save_overload = _or_nothing(cache.save_overload)
    dispatcher._cache = cache


def _or_nothing(step: Callable[..., Any]) -> Callable[..., Any]:
    # A full disk or a file cut short by a crash costs a compilation, never a decision.
    def attempt(*arguments: Any) -> Any:
        try:
            return step(*arguments)
        except Exception:
            return None

    return attempt


def _digest(function: Callable[..., Any]) -> str | None:
    """The digest of this package and, for a function outside it, of its file and globals; None without source."""
    source = _source(function)
    if source is None or source.parent == PACKAGE:
        return _package_digest() if source else None
    digest = hashlib.sha256(_package_digest().encode() + source.read_bytes())
    for name, value in sorted(function.__globals__.items()):
        if name.startswith("__"):
            continue
        elsewhere = _source(value)
        if isinstance(value, np.ndarray):
            seen = value.tobytes()
        elif isinstance(value, int | float | complex | str | bytes | tuple | np.generic):
            seen = repr(value).encode()
        elif hasattr(value, "py_func") and getattr(value, "digest", None):
            seen = value.digest.encode()
        else:
            seen = elsewhere.read_bytes() if elsewhere else b""
        digest.update(name.encode() + b"\0" + seen)
    return digest.hexdigest()


def _source(value: Any) -> Path | None:
    try:
        path = inspect.getsourcefile(getattr(value, "py_func", value))
    except TypeError:  # neither a module nor a function nor a class
        return None
    return Path(path) if path is not None and os.path.isfile(path) else None


@lru_cache(maxsize=1)
def _package_digest() -> str:
    digest = hashlib.sha256(f"numba {numba.__version__} numpy {np.__version__}".encode())
    for source in sorted(PACKAGE.glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()


@lru_cache
def _folder(digest: str) -> Path | None:
    try:
        kernels = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "multiarm" / "kernels"
        folder = kernels / digest
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
        os.utime(folder)
        for other in kernels.iterdir():
            if time.time() - other.stat().st_mtime > UNUSED_FOR:
                shutil.rmtree(other, ignore_errors=True)
    except (OSError, RuntimeError):  # RuntimeError: there is no home
        return None
    return folder
