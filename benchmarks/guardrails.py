"""What three guardrails that trip nothing add to a reward, in time of the thread that rewards."""

import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bandit import Engine, Experiment, Metric, Variant
from bandit.criterion import Guardrail
from benchmarks.figures import Figure
from policies import ThompsonBeta

GUARDRAILS = [
    Guardrail(key="threshold", metric="click", must_be="above", threshold=0.01, action="stop"),
    Guardrail(key="margin", metric="click", margin=0.2, action="pause_arm"),
    Guardrail(key="relative", metric="click", relative_margin=0.9, action="roll_back"),
]


def experiment(key: str, guardrails: list[Guardrail]) -> Experiment:
    return Experiment(
        key=key,
        variants=[Variant(key=f"v{arm}", is_control=arm == 0) for arm in range(3)],
        metrics=[Metric(key="click")],
        policy=ThompsonBeta(),
        sticky=False,
        guardrails=guardrails,
    )


def figures() -> Iterator[Figure]:
    blocks, each = 61, 500
    with tempfile.TemporaryDirectory() as folder, Engine(Path(folder) / "bench.db", durable=False, seed=1) as engine:
        medians: dict[str, list[float]] = {"without": [], "with": []}
        for key in medians:
            engine.create(experiment(key, GUARDRAILS if key == "with" else []))
            engine.start(key)

        for _ in range(blocks):  # whole blocks, so that the looks that few rewards pay for are counted
            for key, measured in medians.items():
                decided = [engine.choose(key).id for _ in range(each)]
                begun = time.thread_time()
                for decision in decided:
                    engine.reward(decision, float(random.random() < 0.1))
                measured.append((time.thread_time() - begun) / each * 1e6)
        if engine.get("with").trips:
            raise AssertionError("a guardrail has tripped")
        if wrong := engine.verify():
            raise AssertionError(f"the ledger does not replay: {wrong[0]}")
    reward = {key: statistics.median(values) for key, values in medians.items()}
    yield Figure("reward, three guardrails that trip nothing", reward["with"], "us")
    yield Figure(
        "reward, three guardrails beside none",
        reward["with"] / reward["without"],
        "x",
        1.2,
        peer=f"without, {reward['without']:.1f} us",
    )
