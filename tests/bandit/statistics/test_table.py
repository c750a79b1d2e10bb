"""Samples from tables, against numpy."""

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import seeds

from bandit.statistics import table
from bandit.statistics.joint import JointSample
from bandit.statistics.table import samples

NAMES = ["revenue", "sessions"]


def drawn(seed, rows=1000, variants=("control", "treatment", "third")):
    random = np.random.default_rng(seed)
    return {
        "variant": np.array(variants)[random.integers(0, len(variants), rows)],
        "revenue": random.gamma(2, 3, rows),
        "sessions": random.poisson(3, rows),
    }


def agree(found, columns):
    assert list(found) == sorted(set(columns["variant"].tolist()))
    for key, sample in found.items():
        rows = columns["variant"] == key
        expected = JointSample.of({name: columns[name][rows] for name in NAMES})
        assert sample.count == expected.count
        assert sample.mean == pytest.approx(expected.mean)
        assert sample.covariance == pytest.approx(expected.covariance, rel=1e-8, nan_ok=True)


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(0, 200), st.sampled_from([1, 7, 65_536]))
def test_columns(seed, rows, at_once):
    columns = drawn(seed, rows)
    whole, table.ROWS = table.ROWS, at_once
    try:
        agree(samples(columns, "variant", NAMES), columns)
    finally:
        table.ROWS = whole


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.bool_, object, np.float64, str])
def test_kinds_of_variants(kind):
    columns = drawn(1, variants=(0, 1))
    columns["variant"] = columns["variant"].astype(kind)
    found = samples(columns, "variant", NAMES)
    agree(found, columns)
    assert {type(key) for key in found} <= {int, bool, float, str}


def test_many_variants_and_numbers_far_apart():
    columns = drawn(2, rows=3000, variants=tuple(f"v{number:03}" for number in range(100)))
    agree(samples(columns, "variant", NAMES), columns)
    columns = drawn(3, variants=(-5, 10**12))
    agree(samples(columns, "variant", NAMES), columns)


def test_arrow_and_parquet(tmp_path):
    columns = drawn(4, rows=5000)
    arrow = pa.table(columns)
    encoded = arrow.set_column(0, "variant", arrow["variant"].dictionary_encode())
    pq.write_table(arrow, tmp_path / "table.parquet", row_group_size=700)
    (tmp_path / "folder").mkdir()
    for part in range(3):
        pq.write_table(arrow.slice(part * 2000, 2000), tmp_path / "folder" / f"{part}.parquet")
    for source in (
        arrow,
        encoded,
        pa.Table.from_batches(encoded.to_batches(max_chunksize=300)),
        pd.DataFrame(columns),
        pd.DataFrame(columns).astype({"variant": "category"}),
        tmp_path / "table.parquet",
        str(tmp_path / "folder"),
    ):
        agree(samples(source, "variant", NAMES), columns)


def test_no_digits_are_lost_far_from_zero():
    columns = drawn(5)
    columns["revenue"] = columns["revenue"] + 1e9
    found = samples(columns, "variant", ["revenue"])["control"].sample("revenue")
    values = columns["revenue"][columns["variant"] == "control"]
    assert found.variance == pytest.approx(values.var(ddof=1), rel=1e-7)


def test_no_rows():
    assert samples({"variant": [], "x": []}, "variant", ["x"]) == {}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"v": ["a"], "y": [1]}, "column: 'x' given, must be one of v, y"),
        ({"v": ["a", "b"], "x": [1]}, r"x: shape \(1,\) given, must be \(2,\), as v has"),
        ({"v": ["a", "b", "a"], "x": [1, math.nan, math.inf]}, "x: 2 of 3 values are missing or not finite"),
        ({"v": ["a", "b"], "x": [1, None]}, "x: 1 of 2 values are missing"),
        ({"v": ["a", None], "x": [1, 2]}, "v: some rows have none"),
        ({"v": [1.0, math.nan], "x": [1, 2]}, "v: 1 rows have none"),
        ({"v": ["a", "b"], "x": ["1", "2"]}, "x: a column of <U1 given, must be numbers"),
        ({"v": np.arange(5000) * 1000, "x": np.ones(5000)}, "v: 5,000 different values"),
    ],
)
def test_refusals(columns, message):
    with pytest.raises(ValueError, match=message):
        samples(columns, "v", ["x"])


def test_missing_values_in_arrow(tmp_path):
    with pytest.raises(ValueError, match="v: 1 of 2 rows have none"):
        samples(pa.table({"v": ["a", None], "x": [1, 2]}), "v", ["x"])
    with pytest.raises(ValueError, match="x: 1 of 2 values are missing"):
        samples(pa.table({"v": ["a", "b"], "x": [1, None]}), "v", ["x"])
    pq.write_table(pa.table({"v": ["a"]}), tmp_path / "t.parquet")
    with pytest.raises(ValueError, match="column: 'x' given"):
        samples(tmp_path / "t.parquet", "v", ["x"])
    with pytest.raises(FileNotFoundError):
        samples(tmp_path / "none.parquet", "v", ["x"])
