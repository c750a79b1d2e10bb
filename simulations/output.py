"""The folder of a run: everything or nothing."""

import importlib.util
import json
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bandit import InvalidInput
from simulations import curves, summary
from simulations.simulation import Outcome

NEEDED = ("matplotlib", "pyarrow")
ADVICE = "plots and Parquet need the extra `research`: pip install '.[research]' in a checkout"


def free(folder: Path) -> None:
    """Checks, before anything is computed, that a run can be written there.

    Raises:
        InvalidInput: It exists and is not an empty folder, or cannot be made.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InvalidInput(f"--out: {folder} exists, must be a new or empty folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder.parent).close()
    except OSError as error:
        raise InvalidInput(f"--out: {folder}: {error.strerror}") from error


def drawable() -> bool:
    """Whether the extra `research` is installed."""
    return all(importlib.util.find_spec(name) is not None for name in NEEDED)


def write(outcome: Outcome, folder: Path) -> list[str]:
    """Writes summary, curves, plots and the study; the folder appears when all of them are complete.

    Returns:
        The names of the files.
    """
    with _together(folder) as room:
        (room / "summary.csv").write_text(summary.as_csv(outcome), encoding="utf-8")
        (room / "study.json").write_text(json.dumps(described(outcome), indent=2) + "\n", encoding="utf-8")
        if drawable():
            from simulations import parquet, plots

            parquet.write(curves.columns(outcome), room / "curves.parquet")
            plots.write(outcome, room)
        return sorted(path.name for path in room.iterdir())


def described(outcome: Outcome) -> dict[str, Any]:
    """All that is needed to run it again, and what it ran with."""
    return {
        "study": outcome.study.model_dump(mode="json"),
        "finished": len(outcome.replications),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("multiarm", "numpy", "numba")},
        },
        "platform": platform.platform(),
    }


@contextmanager
def _together(folder: Path) -> Iterator[Path]:
    """A temporary folder beside `folder` that takes its name at the end, or is removed."""
    room = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        room.chmod(0o755)
        yield room
        if folder.exists():
            folder.rmdir()  # it is empty, or the run would not have begun; if it no longer is, this fails
        room.rename(folder)
    except BaseException:
        shutil.rmtree(room, ignore_errors=True)
        raise
