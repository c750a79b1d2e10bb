"""Tests on data that a bandit collected: the naive one fails, four others hold.

Two arms of conversions, Thompson sampling with uniform priors, weights renewed after every batch. What is published
beside ours was computed independently by another implementation, with about 4,000 experiments a figure. Its floor clips
the weights (max(floor, min(1 - floor, weight))), other than the engine's floor does, so it is drawn here by a policy of
this study. Its weighted scores seem to take their variance from the scores, ours from the hypothesis; whether its naive
test at every look has one variance for both arms is not said, ours has.

What each is: `bols`, Zhang, Janson and Murphy 2020; `aipw_sqrt`, Hadad et al. 2021; the sequence, Ham et al. 2022 by
the limit of Waudby-Smith et al. 2024, tightest at the last look; drawing again by the very policy.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from bandit.statistics import bols, design_based, score_sequence, weighted_scores
from bandit.statistics.mechanism import Mechanism
from bandit.statistics.pair import Pair, pair
from bandit.statistics.tails import quantile
from policies import SELECT, WEIGHTS, Fixed, Policy, kernel
from policies.choice import draw
from policies.kernel import Array
from policies.thompson_beta import thompson_beta_weights
from simulations.collection import Collection, blocks
from simulations.procedures import drawn_again, plain_z
from simulations.published import Figure
from simulations.verdicts import Experiments, Flags

REPLICATIONS = 4000
ALPHA = 0.05
AGAIN = 500
"""Experiments that are drawn again at most; each takes all repetitions where there is an effect."""
_UNIFORM_PRIOR = np.ones(2)


@kernel(WEIGHTS)
def clipped_weights(stats: Array, context: Array, t: float, params: Array, out: Array) -> None:
    """The probability of being best, but no less than the floor."""
    thompson_beta_weights(stats, context, t, _UNIFORM_PRIOR, out)
    out[0] = max(params[0], min(1.0 - params[0], out[0]))
    out[1] = 1.0 - out[0]


@kernel(SELECT)
def clipped_select(stats: Array, context: Array, t: float, params: Array, rng: np.random.Generator) -> int:
    """One draw from them."""
    probabilities = np.empty(2)
    clipped_weights(stats, context, t, params, probabilities)
    return draw(probabilities, rng)


class Clipped(Policy):
    """Thompson sampling between two arms with weights that are clipped."""

    weights = staticmethod(clipped_weights)
    select = staticmethod(clipped_select)
    rewards: ClassVar[Literal["any", "unit"]] = "unit"

    name: Literal["clipped"] = "clipped"
    least: float = Field(default=0.05, gt=0, le=0.5)


def _beyond(statistic: Array) -> Flags:
    rejected: Flags = np.abs(statistic) > quantile(ALPHA)
    return rejected


def _naive(experiments: Experiments) -> Flags:
    return _beyond(plain_z(experiments.epochs)[:, -1])


def _peeking(experiments: Experiments) -> Flags:
    rejected: Flags = np.any(_beyond(plain_z(experiments.epochs)), axis=1)
    return rejected


def _bols(experiments: Experiments) -> Flags:
    return _beyond(bols.batches(_pair(experiments)).statistic())


def _sqrt(experiments: Experiments) -> Flags:
    return _beyond(weighted_scores.weighted(_pair(experiments), "sqrt").statistic())


def _sequence(experiments: Experiments) -> Flags:
    found = score_sequence.sequence(_pair(experiments), "uniform", checked=False)
    rho = design_based.mixture(_pair(experiments), float(experiments.units[0, -1]), ALPHA, "uniform")
    rejected: Flags = np.any(found.log_evidence(0.0, rho) >= -math.log(ALPHA), axis=1)
    return rejected


def _again(experiments: Experiments) -> Flags:
    return drawn_again(experiments).rejected if experiments.first < AGAIN else np.zeros(0, np.bool_)


def _pair(experiments: Experiments) -> Pair:
    return pair("study", experiments.epochs, 1, 0)


TESTS: Mapping[str, Callable[[Experiments], Flags]] = {
    "naive z": _naive,
    "bols": _bols,
    "aipw_sqrt": _sqrt,
    "drawn again": _again,
    "sequence, any look": _sequence,
    "naive z, any look": _peeking,
}
SETTINGS: tuple[tuple[str, Policy, tuple[int, ...], float, dict[str, float]], ...] = (
    (
        "50/50, 10x100, error",
        Fixed(),
        (100,) * 10,
        0.0,
        {"naive z": 0.053, "bols": 0.053, "aipw_sqrt": 0.051, "sequence, any look": 0.010, "naive z, any look": 0.206},
    ),
    (
        "Thompson, 10x100, error",
        Clipped(),
        (100,) * 10,
        0.0,
        {"naive z": 0.075, "bols": 0.054, "aipw_sqrt": 0.059, "sequence, any look": 0.019, "naive z, any look": 0.195},
    ),
    (
        "Thompson, 50x20, error",
        Clipped(),
        (20,) * 50,
        0.0,
        {"naive z": 0.085, "bols": 0.063, "aipw_sqrt": 0.058, "sequence, any look": 0.060, "naive z, any look": 0.353},
    ),
    ("50/50, 10x100, power", Fixed(), (100,) * 10, 0.1, {"naive z": 0.895}),
    (
        "Thompson, 10x100, power",
        Clipped(),
        (100,) * 10,
        0.1,
        {"naive z": 0.674, "bols": 0.440, "aipw_sqrt": 0.501, "drawn again": 0.490, "sequence, any look": 0.143},
    ),
)
PUBLISHED_RUNS = 4000


def _decided(
    policy: Policy, sizes: tuple[int, ...], effect: float, names: tuple[str, ...], seed: int, first: int, last: int
) -> dict[str, Flags]:
    collection = Collection(Mechanism.even(policy, 2), sizes, np.array([[0.5, 0.5 + effect]]))
    epochs = collection.play(seed, first, last)
    experiments = Experiments(epochs, collection.mechanism, effect, ALPHA, seed, first)
    return {name: TESTS[name](experiments) for name in names}


def figures(executor: Executor, replications: int, seed: int) -> Iterator[Figure]:
    """Error and power of each test, with a rate of .5 for the control."""
    submitted: list[tuple[str, dict[str, float], list[Any]]] = [
        (
            setting,
            published,
            [
                executor.submit(_decided, policy, sizes, effect, tuple(published), seed, first, last)
                for first, last in blocks(replications)
            ],
        )
        for setting, policy, sizes, effect, published in SETTINGS
    ]
    for setting, published, futures in submitted:
        decided = [future.result() for future in futures]
        for name, value in published.items():
            found = np.concatenate([each[name] for each in decided])
            # Both errors as if the published share were the true one: none of few experiments has no error of 0.
            deviation = math.sqrt(value * (1.0 - value))
            errors = deviation / math.sqrt(PUBLISHED_RUNS), deviation / math.sqrt(len(found))
            yield Figure(f"{setting}, {name}", value, errors[0], float(found.mean()), errors[1])
