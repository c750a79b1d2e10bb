"""Results: of a fixed split, which read a handful of sums however many units there are, and of a bandit's epochs."""

import random
import statistics
import time
from collections.abc import Iterator

from bandit import Engine
from benchmarks.figures import Figure

UNITS = 20_000
EPOCHS = 10_000
REPEATS = 21

METRICS = [
    {"key": "buy", "primary": True},
    {"key": "clicks", "type": "count"},
    {"key": "spent", "type": "continuous"},
    {"key": "seconds", "type": "continuous"},
    {"key": "a_click", "type": "ratio", "numerator": "spent", "denominator": "clicks"},
]


def median_ms(engine: Engine, key: str, repeats: int) -> float:
    engine.results(key)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        engine.results(key)
        times.append(1e3 * (time.perf_counter() - started))
    return statistics.median(times)


def figures() -> Iterator[Figure]:
    rng = random.Random(1)
    with Engine(seed=1) as engine:
        variants = [{"key": "a", "is_control": True}, {"key": "b"}, {"key": "c"}]
        engine.create({"key": "split", "type": "ab_test", "variants": variants, "metrics": METRICS})
        engine.start("split")
        for unit in range(UNITS):
            decision = engine.choose("split", str(unit))
            for metric, value in (
                ("buy", unit % 9 == 0),
                ("clicks", unit % 5),
                ("spent", rng.random()),
                ("seconds", 1),
            ):
                engine.reward(decision.id, float(value), metric)
        yield Figure("results, fixed split, 3 variants, 5 metrics", median_ms(engine, "split", REPEATS), "ms", 50)
        engine.create({"key": "bandit", "variants": variants, "metrics": METRICS[:1], "reweight": {"budget": 1.0}})
        engine.start("bandit")
        for unit in range(EPOCHS):
            decision = engine.choose("bandit", str(unit))
            engine.reward(decision.id, float(rng.random() < 0.1))
        yield Figure("results, bandit, 10,000 epochs, 1 metric", median_ms(engine, "bandit", 5), "ms")
