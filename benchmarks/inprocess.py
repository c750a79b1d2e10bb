"""The engine in process, beside river's and MABWiser's Thompson sampling."""

import random
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from bandit import Engine, Experiment, Metric, Reweight, Variant
from benchmarks.figures import Figure, beside
from policies import ThompsonBeta

ARMS = 10


def experiment(key: str, reweight: Reweight) -> Experiment:
    return Experiment(
        key=key,
        variants=[Variant(key=f"v{arm}") for arm in range(ARMS)],
        metrics=[Metric(key="click")],
        policy=ThompsonBeta(),
        reweight=reweight,
    )


def alternate(engine: Engine, key: str) -> Callable[[], object]:
    units = (f"{key}-{number}" for number in count())

    def call() -> None:
        engine.reward(engine.choose(key, next(units)).id, float(random.random() < 0.1))

    return call


def river() -> Callable[[], object]:
    from river import bandit, proba

    policy = bandit.ThompsonSampling(reward_obj=proba.Beta(), seed=1)
    arms = list(range(ARMS))

    def call() -> None:
        arm = policy.pull(arms)
        policy.update(arm, int(random.random() < 0.1))

    return call


def mabwiser() -> Callable[[], object]:
    from mabwiser.mab import MAB, LearningPolicy

    policy = MAB(arms=list(range(ARMS)), learning_policy=LearningPolicy.ThompsonSampling(), seed=1)
    policy.fit(list(range(ARMS)), [0] * ARMS)

    def call() -> None:
        arm = policy.predict()
        policy.partial_fit([arm], [int(random.random() < 0.1)])

    return call


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder, Engine(Path(folder) / "bench.db", durable=False, seed=1) as engine:
        for key, reweight in (
            ("still", Reweight(every=86_400.0)),
            ("second", Reweight(every=1.0)),
            ("exact", Reweight(budget=1.0)),
        ):
            engine.create(experiment(key, reweight))
            engine.start(key)
        units = iter([f"u{number}" for number in range(150_000)])
        made: deque[str] = deque()
        old = iter([engine.choose("still", next(units)).id for _ in range(30_000)])
        for _ in range(60_000):  # enough for the old ones to have left the memory
            engine.choose("still", next(units))
        measured = beside(
            {
                "choose": lambda: engine.choose("still", next(units)),
                "choose without unit": lambda: made.append(engine.choose("still").id),
                "reward": lambda: engine.reward(made.popleft(), 1.0),
                "reward an old one": lambda: engine.reward(next(old), 1.0),
                "choose again": lambda: engine.choose("still", "u7"),
                "second": alternate(engine, "second"),
                "exact": alternate(engine, "exact"),
                "river": river(),
                "mabwiser": mabwiser(),
            },
            repeats=7,
            each=3000,
        )
        if wrong := engine.verify():
            raise AssertionError(f"the ledger does not replay: {wrong[0]}")
    yield Figure("choose, a new unit", measured["choose"], "us", 5)
    yield Figure("choose, a unit that has its variant", measured["choose again"], "us", 5)
    yield Figure("choose, no unit", measured["choose without unit"], "us", 5)
    yield Figure("reward", measured["reward"], "us", 10)
    yield Figure("reward of a decision that memory has let go", measured["reward an old one"], "us")
    yield Figure("river: Thompson pull and update", measured["river"], "us")
    yield Figure("MABWiser: Thompson predict and fit", measured["mabwiser"], "us")
    yield Figure("choose and reward, every 1s", measured["second"] / measured["river"], "x", 1, peer="river")
    yield Figure(
        "choose and reward, exact each time", measured["exact"] / measured["mabwiser"], "x", 1.3, peer="MABWiser"
    )
