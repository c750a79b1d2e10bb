"""A raw table of ten million rows: from its columns to three results, beside tea-tasting on polars."""

from collections.abc import Iterator

import numpy as np

from benchmarks.figures import Figure, beside

ROWS = 10_000_000


def columns() -> dict[str, np.ndarray]:
    """Units of two variants, with what they did before, and two columns whose ratio is a metric."""
    random = np.random.default_rng(1)
    variant = random.integers(0, 2, ROWS)
    before = random.gamma(2.0, 3.0, ROWS)
    sessions = random.poisson(3.0, ROWS) + 1
    return {
        "variant": variant,
        "before": before,
        "revenue": 0.8 * before + random.normal(0.0, 2.0, ROWS) + 0.01 * variant,
        "sessions": sessions.astype(np.float64),
        "orders": random.binomial(sessions, 0.3).astype(np.float64),
    }


def ours(table: dict[str, np.ndarray]) -> tuple[float, ...]:
    from bandit.statistics import means, ratio
    from bandit.statistics.covariates import cuped
    from bandit.statistics.table import samples

    control, treatment = samples(table, "variant", ["before", "revenue", "sessions", "orders"]).values()
    results = (
        means.welch(treatment.sample("revenue"), control.sample("revenue")),
        cuped(treatment, control, "revenue", ["before"]),
        ratio.delta(treatment, control, "orders", "sessions"),
    )
    return tuple(result.effect for result in results)


def figures() -> Iterator[Figure]:
    import polars
    import tea_tasting

    table = columns()
    frame = polars.DataFrame(table)
    theirs = tea_tasting.Experiment(
        mean=tea_tasting.Mean("revenue"),
        cuped=tea_tasting.Mean("revenue", "before"),
        ratio=tea_tasting.RatioOfMeans("orders", "sessions"),
    )
    expected = [result["effect_size"] for result in theirs.analyze(frame).to_dicts()]
    if not np.allclose(ours(table), expected, rtol=1e-6):
        raise AssertionError(f"the effects differ: {ours(table)} and {expected}")
    measured = beside({"ours": lambda: ours(table), "theirs": lambda: theirs.analyze(frame)}, repeats=7, each=1)
    yield Figure("mean, CUPED and ratio of 10 million rows", measured["ours"] / 1e6, "s")
    yield Figure(
        "mean, CUPED and ratio of 10 million rows",
        measured["ours"] / measured["theirs"],
        "x",
        1.5,
        peer="tea-tasting on polars",
    )
