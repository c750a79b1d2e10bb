"""Running a study: its blocks on an executor, and what they add up to."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from policies import Policy
from policies.kernel import Array
from simulations.block import Block, Played, run
from simulations.environment import Environment
from simulations.feedback import Feedback
from simulations.study import Study
from simulations.study import study as checked

STEPS_IN_BLOCK = 200_000
"""Decisions that are lost to an interruption at most; a fraction of a second."""
SHARE = 8
"""A block is at most this part of what is left, so that no core works long after the others have finished."""
SMALLEST = 4
"""But no less than this part of a whole block, whose beginning and end take a tenth of a millisecond."""
MOST_POINTS = 200
MOST_NUMBERS = 5e7
"""Regrets held in memory: 400 MB."""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a study found, over the replications that were finished.

    Attributes:
        study: What was run.
        replications: The finished replications, ascending; all of them unless it was interrupted.
        grid: Numbers of decisions, ascending, of the curves.
        regret: Cumulative pseudo-regret, shape (policies, replications, points): the expected reward of the best arm of
            each step less that of the chosen one, so the noise of the rewards is not in it.
        best: Decisions so far for an arm with the greatest expected reward, of the same shape.
        allocation: Decisions so far for each arm, the mean over replications, shape (policies, points, arms).
    """

    study: Study
    replications: NDArray[np.int64]
    grid: NDArray[np.int64]
    regret: Array
    best: NDArray[np.int64]
    allocation: Array

    @property
    def interrupted(self) -> bool:
        """Whether replications are missing."""
        return len(self.replications) < self.study.replications


def points(horizon: int, most: int = MOST_POINTS) -> NDArray[np.int64]:
    """At most `most` numbers of decisions up to `horizon`, half of them evenly spaced and half of them by ratio."""
    if horizon <= most:
        return np.arange(1, horizon + 1)
    even = np.linspace(horizon / (most // 2), horizon, most // 2)
    ratio = np.geomspace(1, horizon, most // 2)
    return np.unique(np.rint(np.concatenate([even, ratio])).astype(np.int64))


def blocks(study: Study) -> list[Block]:
    """The study in blocks of about `STEPS_IN_BLOCK` decisions, smaller ones toward the end.

    Source: Polychronopoulos and Kuck, "Guided self-scheduling", IEEE Transactions on Computers 36, 1987.
    """
    room = MOST_NUMBERS / (study.replications * len(study.policies))
    grid = points(study.horizon, max(20, min(MOST_POINTS, int(room))))
    size = max(1, STEPS_IN_BLOCK // (study.horizon * len(study.policies)))
    size = max(size, study.replications // 2000)
    found, first = [], 0
    while first < study.replications:
        left = study.replications - first
        last = first + min(left, size, max(left // SHARE, size // SMALLEST, 1))
        found.append(Block(study, first, last, grid))
        first = last
    return found


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def execute(study: Study, executor: Executor | None = None, progress: Progress | None = None) -> Outcome:
    """Runs a study's blocks; on KeyboardInterrupt what is under way is finished and the rest left out.

    Args:
        study: What to run.
        executor: Where: any `concurrent.futures` executor whose workers can import `simulations`; None for a thread per
            core.
        progress: Told the number of replications that were finished.

    Raises:
        KeyboardInterrupt: Before any block was finished, or a second time.
    """
    if executor is None:
        with ThreadPoolExecutor(cores()) as threads:
            return execute(study, threads, progress)
    futures: list[Future[Played]] = [executor.submit(run, block) for block in blocks(study)]
    played: list[Played] = []
    try:
        for future in _finished(futures):
            result = future.result()
            played.append(result)
            if progress is not None:
                progress(result.block.last - result.block.first)
    except KeyboardInterrupt:
        for future in futures:
            future.cancel()
        left = [future for future in futures if not future.cancelled()]
        wait(left)
        played = [future.result() for future in left if not future.cancelled() and future.exception() is None]
        if not played:
            raise
    except BaseException:
        for future in futures:
            future.cancel()
        raise
    return together(study, played)


def _finished(futures: Sequence[Future[Played]]) -> Iterator[Future[Played]]:
    # In their order, in which they begin: to wait for whichever is next takes a time that grows with their number.
    for future in futures:
        # With a timeout, so that an interruption is noticed on every system.
        while not wait([future], timeout=0.2).done:
            pass
        yield future


def together(study: Study, played: Sequence[Played]) -> Outcome:
    """The blocks as one outcome, in the order of the replications, whichever was finished first."""
    played = sorted(played, key=lambda each: each.block.first)
    replications = np.concatenate([np.arange(each.block.first, each.block.last) for each in played])
    total = np.sum([each.allocation for each in played], axis=0)
    return Outcome(
        study=study,
        replications=replications,
        grid=played[0].block.grid,
        regret=np.concatenate([each.regret for each in played], axis=1),
        best=np.concatenate([each.best for each in played], axis=1),
        allocation=total / len(replications),
    )


def simulate(
    policies: Policy | str | Sequence[Policy | str],
    environment: Environment | Mapping[str, Any] | str,
    *,
    horizon: int = 10_000,
    replications: int = 200,
    seed: int = 0,
    feedback: Sequence[Feedback | str] = (),
    through: Literal["kernels", "engine"] = "kernels",
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Simulates policies in an environment.

    Args:
        policies: One or several, as objects or as specs such as `epsilon_greedy:epsilon=.05`.
        environment: Likewise: `bernoulli:means=.1/.2`.
        horizon: Decisions in a replication.
        replications: Independent repetitions; policies meet the same worlds in each.
        seed: The same seed gives the same numbers, whatever the executor.
        feedback: Wrappers of the environment, the nearest first: `delayed:steps=100`, `batched:size=10`,
            `missing:probability=.1`.
        through: `kernels` for compiled simulation, `engine` for the real `bandit.Engine` deciding, a thousand times
            slower.
        executor: See `execute`.
        progress: See `execute`.

    Raises:
        InvalidInput: An argument is not allowed, or a policy does not fit the environment.
    """
    given: dict[str, Any] = {
        "policies": policies,
        "environment": environment,
        "feedback": feedback,
        "horizon": horizon,
        "replications": replications,
        "seed": seed,
        "through": through,
    }
    return execute(checked(given), executor, progress)
