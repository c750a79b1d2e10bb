"""Simulated steps, beside river's policies and beside loops written by hand for one study; and what starting costs."""

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import inlined
from benchmarks.figures import Figure
from simulations.simulation import cores, execute
from simulations.study import study

MEANS = [0.1] * 9 + [0.2]
HORIZON = 10_000
REPLICATIONS = 20
REPEATS = 15
COMMAND = (
    "simulate --policy thompson_beta --policy ucb1 --means .1,.1,.2 --horizon 10000 --replications 1000 --seed 1 --out"
)
FIRST_USE = """
import sys
from simulations import loop
from simulations.block import kernels
from simulations.study import study
for policy in ("fixed", sys.argv[1]):
    print(loop.prepare(kernels(study({"policies": policy, "environment": "bernoulli:means=.1/.2"}))))
"""

Rates = dict[str, list[float]]


def rates(
    runs: dict[str, tuple[Callable[[], object], int]], repeats: int, clock: Callable[[], float] = time.process_time
) -> Rates:
    """Steps a second of runs with their numbers of steps, by the processor's time: a number for each of their turns."""
    found: Rates = {name: [] for name in runs}
    for run, _ in runs.values():
        run()
    for _ in range(repeats):
        for name, (run, steps) in runs.items():
            begun = clock()
            run()
            found[name].append(steps / (clock() - begun))
    return found


def ratio(found: Rates, name: str, peer: str) -> float:
    """The median over turns of how much faster one is: whatever slows the machine down for a while slows both."""
    return statistics.median(one / other for one, other in zip(found[name], found[peer], strict=True))


def ours(policy: str, threads: int = 1, replications: int = REPLICATIONS) -> tuple[Callable[[], object], int]:
    environment = {"name": "bernoulli", "means": MEANS}
    given = {"policies": policy, "environment": environment, "horizon": HORIZON, "replications": replications}
    defined = study(given)

    def run() -> None:
        with ThreadPoolExecutor(threads) as executor:
            execute(defined, executor)

    return run, HORIZON * replications


def river(make: Callable[[], Any]) -> tuple[Callable[[], object], int]:
    arms = list(range(len(MEANS)))

    def run() -> None:
        policy, rng = make(), random.Random(1)
        for _ in range(HORIZON):
            arm = policy.pull(arms)
            policy.update(arm, int(rng.random() < MEANS[arm]))

    return run, HORIZON


def by_hand(loop: Callable[..., float]) -> tuple[Callable[[], object], int]:
    means = np.array(MEANS)

    def run() -> None:
        for replication in range(REPLICATIONS):
            loop(means, HORIZON, np.random.default_rng(replication))

    return run, HORIZON * REPLICATIONS


def beside_peers() -> Rates:
    from river import bandit, proba

    runs = {
        "epsilon_greedy": ours("epsilon_greedy"),
        "river epsilon-greedy": river(lambda: bandit.EpsilonGreedy(epsilon=0.1, decay=0.0, seed=1)),
        "ucb1": ours("ucb1"),
        "river UCB": river(lambda: bandit.UCB(delta=1, seed=1)),
        "inlined UCB1": by_hand(inlined.ucb1),
        "thompson_beta": ours("thompson_beta"),
        "river Thompson": river(lambda: bandit.ThompsonSampling(reward_obj=proba.Beta(), seed=1)),
        "inlined Thompson": by_hand(inlined.thompson),
        "kl_ucb": ours("kl_ucb"),
    }
    return rates(runs, REPEATS)


def first_use(policy: str) -> tuple[float, float]:
    """Seconds to compile the loop, and then the policy, in a process that finds nothing compiled."""
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [sys.executable, "-c", FIRST_USE, policy],
            env=os.environ | {"XDG_CACHE_HOME": cache},
            check=True,
            capture_output=True,
            text=True,
        )
    loop, own = map(float, done.stdout.split())
    return loop, own


def whole_process() -> float:
    """Seconds of the command, with plots; the second run, so that all is compiled."""
    multiarm = Path(sys.executable).with_name("multiarm")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("cold", "warm"):
            begun = time.perf_counter()
            subprocess.run([multiarm, *COMMAND.split(), Path(folder) / name], check=True, capture_output=True)
        return time.perf_counter() - begun


def figures() -> Iterator[Figure]:
    found = beside_peers()
    for policy, peer, least in (
        ("thompson_beta", "river Thompson", 30),
        ("ucb1", "river UCB", 100),
        ("epsilon_greedy", "river epsilon-greedy", 60),
        ("kl_ucb", "river Thompson", 6),
        ("thompson_beta", "inlined Thompson", 0.5),
        ("ucb1", "inlined UCB1", 0.7),
    ):
        faster = ratio(found, policy, peer)
        yield Figure(f"simulated steps a second, {policy}", faster, "x", least, least=True, peer=peer)
    millions = statistics.median(found["thompson_beta"]) / 1e6
    yield Figure("simulated steps a second, thompson_beta", millions, "million")
    if cores() > 1:
        threads = rates({str(count): ours("thompson_beta", count, 200) for count in (1, 2)}, REPEATS, time.perf_counter)
        yield Figure("the same on two threads", ratio(threads, "2", "1"), "x", 1.8, least=True, peer="one")
    compiled = {policy: first_use(policy) for policy in ("thompson_beta", "top_two_thompson", "ucb1")}
    yield Figure("first simulation: the loop compiles", statistics.median(loop for loop, _ in compiled.values()), "s")
    for policy, (_, own) in compiled.items():
        yield Figure(f"first use of {policy}: it compiles", own, "s", 3)
    seconds = statistics.median(whole_process() for _ in range(3))
    yield Figure("multiarm simulate, 2 policies, 1,000 replications of 10,000 steps", seconds, "s", 10)
