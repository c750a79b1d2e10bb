"""Choosing in a context, ten arms and ten features, beside MABWiser's linear policies."""

import random
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import numpy as np

from bandit import Engine, Experiment, Feature, Metric, Variant
from benchmarks.figures import Figure, beside
from policies import LinThompson, LinUCB, Policy

ARMS, FEATURES = 10, 10
KEYS = [f"x{number}" for number in range(FEATURES)]


def start(engine: Engine, policy: Policy) -> None:
    engine.create(
        Experiment(
            key=policy.name,
            variants=[Variant(key=f"v{arm}") for arm in range(ARMS)],
            metrics=[Metric(key="click")],
            features=[Feature(key=key, lower=-1, upper=1) for key in KEYS],
            policy=policy,
            sticky=False,
        )
    )
    engine.start(policy.name)


def mabwiser(policy: object, contexts: Iterator[dict[str, float]]) -> Callable[[], object]:
    from mabwiser.mab import MAB

    model = MAB(arms=list(range(ARMS)), learning_policy=policy, seed=1)
    model.fit(list(range(ARMS)), [0] * ARMS, np.zeros((ARMS, FEATURES)))

    def call() -> None:
        x = [list(next(contexts).values())]
        model.partial_fit([model.predict(x)], [int(random.random() < 0.1)], x)

    return call


def figures() -> Iterator[Figure]:
    from mabwiser.mab import LearningPolicy

    drawn = [{key: random.uniform(-1, 1) for key in KEYS} for _ in range(1000)]
    contexts = cycle(drawn)
    peers = {"lin_ucb": LearningPolicy.LinUCB(), "lin_thompson": LearningPolicy.LinTS()}
    with tempfile.TemporaryDirectory() as folder, Engine(Path(folder) / "bench.db", durable=False, seed=1) as engine:
        made: dict[str, deque[str]] = {}
        calls: dict[str, Callable[[], object]] = {}
        for policy in (LinUCB(), LinThompson()):
            start(engine, policy)

            def choose(key: str = policy.name) -> None:
                made.setdefault(key, deque()).append(engine.choose(key, context=next(contexts)).id)

            def reward(key: str = policy.name) -> None:
                engine.reward(made[key].popleft(), float(random.random() < 0.1))

            def both(key: str = policy.name) -> None:
                engine.reward(engine.choose(key, context=next(contexts)).id, float(random.random() < 0.1))

            calls |= {f"{policy.name} choose": choose, f"{policy.name} reward": reward, f"{policy.name} both": both}
            calls[f"{policy.name} peer"] = mabwiser(peers[policy.name], contexts)
        measured = beside(calls, repeats=7, each=500)
        if wrong := engine.verify():
            raise AssertionError(f"the ledger does not replay: {wrong[0]}")
    for name in peers:
        yield Figure(f"{name}: choose, ten arms and ten features", measured[f"{name} choose"], "us")
        yield Figure(f"{name}: reward", measured[f"{name} reward"], "us")
        ratio = measured[f"{name} both"] / measured[f"{name} peer"]
        yield Figure(f"{name}: choose and reward", ratio, "x", peer=f"MABWiser, {measured[f'{name} peer']:.0f} us")
