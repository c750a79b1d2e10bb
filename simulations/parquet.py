"""Columns into a Parquet file; needs the extra `research`."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any


def write(columns: Mapping[str, Any], path: Path) -> None:
    """Writes arrays of one length as the columns of a table."""
    pyarrow: Any = import_module("pyarrow")  # it comes without types
    parquet: Any = import_module("pyarrow.parquet")
    table = pyarrow.table({name: pyarrow.array(values) for name, values in columns.items()})
    parquet.write_table(table, path, compression="zstd")
