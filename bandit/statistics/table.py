"""From a raw table, a row a unit, to the joint sample of each variant, in one pass."""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bandit.statistics.joint import JointSample

ROWS = 65_536
"""Rows that are worked on at once: enough to forget the interpreter, few enough to stay near the processor."""
MOST_VARIANTS = 4_096
FEW = 16
"""Up to so many different texts, comparing with each is faster than sorting."""


class ArrowStream(Protocol):
    """What hands out Arrow batches: a table of pyarrow, polars or pandas, a relation of DuckDB, and others."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


def samples(
    source: Mapping[str, ArrayLike] | ArrowStream | str | Path, variant: str, columns: Sequence[str]
) -> dict[Any, JointSample]:
    """The joint sample of some columns for each variant, from which every analysis of means, ratios and CUPED follows.

    Args:
        source: Columns by name; or the path of a Parquet file, or of a folder of them; or anything that hands out
            Arrow batches, such as `duckdb.sql("select ...")`. The last two are read part by part, in bounded memory,
            and need pyarrow, which the extra `research` brings.
        variant: The column that tells the variant. Integers and Arrow dictionaries are faster than texts.
        columns: Of numbers.

    Returns:
        By variant, sorted where they can be.

    Raises:
        ValueError: There is no such column, or lengths differ, or a value is missing or not finite, or there are more
            than 4,096 variants.
    """
    names = list(dict.fromkeys((variant, *columns)))
    merged: dict[Any, JointSample] = {}
    for part in [source] if isinstance(source, Mapping) else _batches(source, names):
        if missing := [name for name in names if name not in part]:
            raise ValueError(f"column: {missing[0]!r} given, must be one of {', '.join(map(str, part))}")
        codes, keys = _coded(variant, part[variant])
        values = [_numbers(name, part[name], variant, codes.shape) for name in columns]
        for key, sample in zip(keys, _grouped(codes, len(keys), columns, values), strict=True):
            if sample.count:
                merged[key] = merged[key] + sample if key in merged else sample
        if len(merged) > MOST_VARIANTS:
            raise ValueError(f"{variant}: more than {MOST_VARIANTS:,} different values, must be variants")
    try:
        return {key: merged[key] for key in sorted(merged)}
    except TypeError:
        return merged


def _grouped(
    codes: NDArray[np.uint16], groups: int, columns: Sequence[str], values: Sequence[NDArray[Any]]
) -> Iterator[JointSample]:
    """The joint sample of the rows of each code."""
    width = len(columns)
    # Sums about a value near the means, so that few digits cancel; the last row of ones counts.
    origin = np.array([array[:ROWS].mean(dtype=np.float64) if array.size else 0.0 for array in values])
    products = np.zeros((groups, width + 1, width + 1))
    block = np.ones((width + 1, min(ROWS, codes.size)))
    for begun in range(0, codes.size, ROWS):
        rows = slice(begun, begun + ROWS)
        order = np.argsort(codes[rows], kind="stable")
        sizes = np.bincount(codes[rows], minlength=groups)
        for index, array in enumerate(values):
            with np.errstate(invalid="ignore"):
                np.subtract(array[rows].take(order), origin[index], out=block[index, : order.size], casting="unsafe")
        ends = np.cumsum(sizes)
        for group in np.flatnonzero(sizes):
            part = block[:, ends[group] - sizes[group] : ends[group]]
            products[group] += part @ part.T
    for index, (name, array) in enumerate(zip(columns, values, strict=True)):
        if not np.isfinite(products[:, index, width]).all():
            wrong = array.size - int(np.isfinite(array).sum())
            raise ValueError(f"{name}: {wrong:,} of {array.size:,} values are missing or not finite, none may be")
    for square in products:
        size, sums, inner = float(square[width, width]), square[width, :width], square[:width, :width]
        yield JointSample.of_sums(columns, size, sums, inner, origin)


def _numbers(name: str, values: Any, variant: str, shape: tuple[int, ...]) -> NDArray[Any]:
    array = np.asarray(values)
    if array.shape != shape:
        raise ValueError(f"{name}: shape {array.shape} given, must be {shape}, as {variant} has")
    if array.dtype.kind in "biuf":
        return array
    try:
        return array.astype(np.float64, casting="same_kind" if array.dtype.kind != "O" else "unsafe")
    except (TypeError, ValueError):
        raise ValueError(f"{name}: a column of {array.dtype} given, must be numbers") from None


def _coded(name: str, values: Any) -> tuple[NDArray[np.uint16], list[Any]]:
    """A number for each row's variant, and the variants in the order of the numbers."""
    if hasattr(values, "dictionary_encode"):
        values = values if hasattr(values, "dictionary") else values.dictionary_encode()
        if values.null_count:
            raise ValueError(f"{name}: {values.null_count:,} of {len(values):,} rows have none, all must")
        keys = values.dictionary.to_pylist()
        return _small(name, values.indices.to_numpy(zero_copy_only=False), len(keys)), keys
    array = np.asarray(values)
    if array.dtype.kind in "biu" and array.size:
        least, most = int(array.min()), int(array.max())
        if most - least < MOST_VARIANTS:
            shifted = array if not least else array - least
            return shifted.astype(np.uint16), [array.dtype.type(key).item() for key in range(least, most + 1)]
    codes, keys, rest = np.zeros(array.shape, np.int64), [], np.ones(array.shape, np.bool_)
    while len(keys) < FEW and rest.any():
        key = array[np.argmax(rest)]
        if key is None or key != key:
            raise ValueError(f"{name}: {int((array != array).sum()) or 'some'} rows have none, all must")
        same = array == key
        codes[same], rest = len(keys), rest & ~same
        keys.append(key)
    if rest.any():
        others, inverse = np.unique(array[rest], return_inverse=True)
        codes[rest] = inverse + len(keys)
        keys.extend(others)
    return _small(name, codes, len(keys)), [key.item() if isinstance(key, np.generic) else key for key in keys]


def _small(name: str, codes: NDArray[Any], groups: int) -> NDArray[np.uint16]:
    if groups > MOST_VARIANTS:
        raise ValueError(f"{name}: {groups:,} different values, must be variants, {MOST_VARIANTS:,} at most")
    return codes.astype(np.uint16)


def _batches(source: ArrowStream | str | Path, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The columns of one batch after the other, the first one as Arrow has it."""
    if isinstance(source, str | Path):
        dataset: Any = import_module("pyarrow.dataset").dataset(source, format="parquet")  # it comes without types
        known = dataset.schema.names
        batches = dataset.to_batches(columns=[name for name in names if name in known])
    else:
        batches = import_module("pyarrow").RecordBatchReader.from_stream(source)
    for batch in batches:
        present = {name: batch.column(name) for name in names if name in batch.schema.names}
        yield {
            name: column if name == names[0] else column.to_numpy(zero_copy_only=False)
            for name, column in present.items()
        }
