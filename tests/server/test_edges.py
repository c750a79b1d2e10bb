"""Results at the edges, by every method and over HTTP: numbers that JSON can hold, and no warning."""

import json
import sqlite3

import pytest

from bandit import Engine
from bandit.results import Results
from bandit.statistics.selection import METHODS
from server import report
from server.app import create_app

METRICS = [
    {"key": "buy", "primary": True},
    {"key": "clicks", "type": "count"},
    {"key": "spent", "type": "continuous"},
    {"key": "score", "type": "continuous", "lower": 0, "upper": 1, "covariate": "before"},
    {"key": "per_click", "type": "ratio", "numerator": "spent", "denominator": "clicks"},
]
PATTERNS = {
    "no events": lambda _arm, _step: (0, 0, 0.0, 0.0),
    "all events": lambda _arm, _step: (1, 1, 1.0, 1.0),
    "alike": lambda _arm, step: (step // 2 % 2, step // 2 % 3, step // 2 % 5, step // 2 % 4 / 4),
    "apart": lambda arm, step: (step % 10 < (9 if arm else 1), 4 * arm + step % 2, 9 * arm + step % 2, 0.9 * arm),
    "huge": lambda _arm, step: (step % 2, step % 3, 9e11 + step % 7, step % 4 / 4),
    "tiny": lambda _arm, step: (step % 2, step % 3, 1e-300 * (step % 7), 1e-12 * (step % 4)),
}
WAYS = {"fixed": ("ab_test", False), "moved": ("bandit", True)}
TABLES = {
    "statistics": ("count", "total", "squares", "weighted"),
    "learning": ("count", "total", "squares", "weighted"),
    "allocations": ("decisions", "trials", "expected"),
}


def collect(path, way, pattern, steps, arms=2):
    kind, sequential = WAYS[way]
    with Engine(path, seed=1) as engine:
        engine.create(
            {
                "key": "x",
                "type": kind,
                "variants": [{"key": f"v{arm}"} for arm in range(arms)],
                "metrics": METRICS,
                "analysis": {"sequential": sequential},
            }
        )
        engine.start("x")
        for step in range(steps):
            decision = engine.choose("x", f"u{step}", attributes={"before": step % 4})
            values = PATTERNS[pattern](int(decision.variant != "v0"), step)
            for metric, value in zip(("buy", "clicks", "spent", "score"), values, strict=True):
                engine.reward(decision.id, float(value), metric)


def multiply(path, factor):
    """As if every trial had been many."""
    with sqlite3.connect(path) as database:
        for table, columns in TABLES.items():
            database.execute(
                f"UPDATE {table} SET {', '.join(f'{name} = {name} * ?' for name in columns)}", (factor,) * len(columns)
            )
    database.close()


def no_number(text):
    raise AssertionError(f"{text} is no JSON")


def read(path):
    """The results by default, and by every method that takes one of the metrics."""
    with Engine(path, seed=1) as engine:
        client = create_app(engine).test_client()
        for query in ("", *(f"?method={name}" for name in METHODS)):
            answer = client.get(f"/v1/experiments/x/results{query}")
            assert answer.status_code == 200, (query, answer.text)
            yield query, answer.text, json.loads(answer.text, parse_constant=no_number)


def hold(one):
    """Whether the numbers of a comparison fit together."""
    if one["refused"]:
        return one["effect"] is one["p_value"] is None
    lower, upper = one["interval"]
    near = 1e-9 * abs(one["effect"]) + 1e-12
    inside = (lower is None or lower <= one["effect"] + near) and (upper is None or one["effect"] - near <= upper)
    # A method that is not valid here says so, and may put the effect where none can lie.
    return (inside or one["warnings"]) and (one["p_value"] is None or 0.0 <= one["p_value"] <= 1.0)


@pytest.mark.parametrize("factor", [1, 10**10])
@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("way", WAYS)
def test_extreme_values_and_counts(tmp_path, way, pattern, factor):
    path = str(tmp_path / "x.db")
    collect(path, way, pattern, 60)
    multiply(path, factor)
    for query, text, results in read(path):
        assert all(map(hold, results["comparisons"])), query
        if pattern == "apart" and factor > 1 and not query:
            assert all(one["significant"] for one in results["comparisons"] if one["refused"] is None)
            assert results["comparisons"][0]["p_value"] < 1e-300
        for written in (report.text, report.markdown, report.page):
            assert "nan" not in written(Results.model_validate_json(text)).lower().split()


@pytest.mark.parametrize("steps", [0, 1, 2])
@pytest.mark.parametrize("way", WAYS)
def test_hardly_any_units(tmp_path, way, steps):
    path = str(tmp_path / "x.db")
    collect(path, way, "all events", steps)
    for query, _, results in read(path):
        assert all(map(hold, results["comparisons"])), query
        assert results["verdict"]["decision"] == "keep_collecting"


@pytest.mark.parametrize("way", WAYS)
def test_a_hundred_variants(tmp_path, way):
    path = str(tmp_path / "x.db")
    collect(path, way, "apart", 300, arms=100)
    _, _, results = next(read(path))
    assert len(results["comparisons"]) == 99 * len(METRICS)
    assert all(map(hold, results["comparisons"]))
    assert sum(variant["p_best"] for variant in results["variants"]) == pytest.approx(1)
