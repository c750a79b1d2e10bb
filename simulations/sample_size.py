"""How many units a bandit needs, by simulation: no formula knows it, because the weights follow what is observed.

Many experiments are simulated, longer than needed, and tested after every hundredth part. The share in which the arm
with the greatest mean is found to differ from the first one rises with the number of units; the answer is where it
passes the power that is asked for. Its standard error comes from drawing the experiments again with replacement.
"""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from bandit import InvalidInput
from bandit.statistics import aipw, planning, score_wealth, wagers, weighted_scores
from bandit.statistics.count_designs import Proportions
from bandit.statistics.epochs import Epochs
from bandit.statistics.mechanism import Mechanism
from bandit.statistics.pair import pair
from bandit.statistics.tails import quantile
from policies import Policy
from policies.kernel import Array
from simulations.collection import Collection, collect

Looks = Literal["once", "all"]

EPOCHS = 100
"""Into which an experiment is cut unless the batch is given."""
MOST_UNITS = 10_000_000
POINTS = 25
"""Numbers of units at which the power is shown."""
NEAR = 1.0
"""Probits around the power asked for within which the curve is taken to be straight in the root of the units."""
RESAMPLES = 200
MARGIN = 1.4
"""How many times the units that seem to be needed are simulated."""


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        policy: Which draws.
        means: Probability of a success with each arm; the first is the control.
        floor: Least probability of an arm.
        alpha: Of the test, two-sided.
        power: That the best arm is found to differ from the control.
        batch: Units between two changes of the weights; None for a hundredth of the experiment.
        looks: Once, at the end (`aipw`), or after every batch (`wagers`).
        replications: Experiments.
        seed: Of their random numbers.

    Raises:
        InvalidInput: One of them is not allowed.
    """

    policy: Policy
    means: tuple[float, ...]
    floor: float = 0.01
    alpha: float = 0.05
    power: float = 0.8
    batch: int | None = None
    looks: Looks = "once"
    replications: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        arms = len(self.means)
        wrong = {
            f"means: {self.means} given, must be two or more probabilities": arms < 2
            or not all(0.0 < mean < 1.0 for mean in self.means),
            f"means: {self.means} given, one must differ from the first": max(self.means) == min(self.means),
            f"floor: {self.floor:g} given, must be above 0 and at most 1 / {arms} arms": not 0.0
            < self.floor
            <= 1 / arms,
            f"alpha: {self.alpha:g} given, must lie strictly between 0 and 1": not 0.0 < self.alpha < 1.0,
            f"power: {self.power:g} given, must lie strictly between alpha and 1": not self.alpha < self.power < 1.0,
            f"batch: {self.batch} given, must be 1 or more": self.batch is not None and self.batch < 1,
            f"replications: {self.replications} given, must be 20 or more": self.replications < 20,
        }
        for message, is_wrong in wrong.items():
            if is_wrong:
                raise InvalidInput(message)
        try:
            self.mechanism  # noqa: B018 - it says what is wrong with the policy
        except ValueError as error:
            raise InvalidInput(str(error)) from error

    @property
    def mechanism(self) -> Mechanism:
        """How arms are drawn."""
        return Mechanism.even(self.policy, len(self.means), self.floor)

    @property
    def treatment(self) -> int:
        """The arm that is compared with the first: the best, or the worst if the first is the best."""
        best = int(np.argmax(self.means))
        return best or int(np.argmin(self.means))

    @property
    def fixed(self) -> float:
        """The units of an even split, all arms together, that one look at the end needs."""
        design = Proportions(baseline=self.means[0], alpha=self.alpha)
        effect = self.means[self.treatment] - self.means[0]
        return planning.sample_size(design, effect, self.power).exact * len(self.means)


@dataclass(frozen=True)
class Answer:
    """What was found.

    Attributes:
        question: What was asked.
        units: How many are needed, all arms together.
        standard_error: Of that.
        grid: Numbers of units.
        powers: The share of experiments that find the effect after so many.
        batch: Units between two changes of the weights.
        best: The share of the units needed that got an arm with the greatest mean.
        least: Below so many the test refuses, because too little is expected of an arm at its floor.
        stopped: The mean units until the effect was found, of experiments of `units`; None where one looks once.
    """

    question: Question
    units: float
    standard_error: float
    grid: Array
    powers: Array
    batch: int
    best: float
    least: float
    stopped: float | None


def answer(question: Question, executor: Executor, progress: Callable[[str], None] = lambda _: None) -> Answer:
    """Simulates until the power is reached.

    Raises:
        InvalidInput: No number of units up to `MOST_UNITS` is enough.
    """
    horizon, few = _least(question) + 2.0 * question.fixed, max(20, question.replications // 5)
    while True:
        if horizon > MOST_UNITS:
            raise InvalidInput(
                f"means: more than {MOST_UNITS:,} units would be needed for a power of {question.power:g}"
            )
        progress(f"{few:,} experiments of {horizon:,.0f} units")
        ends, found, _ = _simulated(question, horizon, few, executor)
        # Well above, so that noise does not end it too soon.
        if found[:, -1].mean() > min(question.power + 0.05, 0.5 * (1.0 + question.power)):
            break
        horizon *= 2.0
    horizon = MARGIN * _crossing(ends, found, question.power)
    progress(f"{question.replications:,} experiments of {horizon:,.0f} units")
    ends, found, epochs = _simulated(question, horizon, question.replications, executor)
    units = _crossing(ends, found, question.power)
    rng = np.random.default_rng(question.seed)
    again = [_crossing(ends, found[rng.integers(0, len(found), len(found))], question.power) for _ in range(RESAMPLES)]
    best = np.array(question.means) == max(question.means)
    until = max(1, int(np.searchsorted(ends, units)))
    drawn = epochs.trials[:, :until].sum(axis=(0, 1))
    stopped = None
    if question.looks == "all":
        ever = found[:, :until]
        stopped = float(np.where(ever.any(axis=1), ends[ever.argmax(axis=1)], units).mean())
    shown = np.unique(np.linspace(0, len(ends) - 1, min(POINTS, len(ends))).astype(int))
    return Answer(
        question=question,
        units=units,
        standard_error=float(np.std(again, ddof=1)),
        grid=ends[shown],
        powers=found[:, shown].mean(axis=0),
        batch=_batch(question, horizon),
        best=float(drawn[best].sum() / drawn.sum()),
        least=_least(question),
        stopped=stopped,
    )


def _least(question: Question) -> float:
    """Units from which on the test does not refuse."""
    if question.looks == "all":
        return 0.0
    rate = 0.5 * (question.means[0] + question.means[question.treatment])
    return aipw.EVENTS / (question.floor * min(rate, 1.0 - rate))


def _batch(question: Question, horizon: float) -> int:
    return question.batch or max(1, round(horizon / EPOCHS))


def _simulated(
    question: Question, horizon: float, replications: int, executor: Executor
) -> tuple[Array, NDArray[np.bool_], Epochs]:
    """Numbers of units, shape (points,), and whether each experiment finds the effect then, (experiments, points)."""
    batch = _batch(question, horizon)
    sizes = (batch,) * max(2, math.ceil(horizon / batch))
    collection = Collection(question.mechanism, sizes, np.array([question.means]))
    epochs = collect(collection, replications, question.seed, executor)
    ends = np.cumsum(sizes).astype(np.float64)
    if question.looks == "all":
        wealth = score_wealth.log_wealth(pair(wagers.METHOD, epochs, question.treatment, 0))
        return ends, np.maximum.accumulate(wealth, axis=1) >= -math.log(question.alpha), epochs
    points = np.unique(np.linspace(1, len(sizes), min(EPOCHS, len(sizes))).astype(int))
    found = np.empty((replications, len(points)), bool)
    for place, point in enumerate(points):
        chosen = pair(aipw.METHOD, epochs.first(point), question.treatment, 0)
        found[:, place] = np.abs(weighted_scores.weighted(chosen).statistic()) > quantile(question.alpha)
        found[:, place] &= chosen.expected >= aipw.EVENTS
    return ends[points - 1], found, epochs


def _crossing(ends: Array, found: NDArray[np.bool_], power: float) -> float:
    """Where the power passes what is asked for: a straight line near it, of its probit over the root of the units."""
    powers = np.clip(found.mean(axis=0), 0.5 / len(found), 1.0 - 0.5 / len(found))
    probits, wanted = ndtri(powers), float(ndtri(power))
    reached = int(np.argmax(powers >= power)) if (powers >= power).any() else len(ends) - 1
    near = np.abs(probits - wanted) < NEAR
    near[max(0, reached - 1) : reached + 1] = True
    # A test that refuses up to a point jumps there: below it nothing is near.
    near &= found.any(axis=0)
    roots = np.sqrt(ends[near])
    if roots.size < 2 or probits[near].min() > wanted:
        return float(ends[reached])
    density = np.exp(-0.5 * probits[near] ** 2)
    weights = density / np.sqrt(powers[near] * (1.0 - powers[near]))
    slope, base = np.polyfit(roots, probits[near], 1, w=weights)
    if not slope > 0.0:
        return float(ends[reached])
    return float(max((wanted - base) / slope, 0.0) ** 2)


def lines(answer: Answer) -> Iterator[str]:
    """The answer, to read."""
    asked, arms = answer.question, len(answer.question.means)
    test = "aipw, looking once, at the end" if asked.looks == "once" else "wagers, looking after every batch"
    yield f"Arm {asked.treatment + 1} against arm 1, two-sided alpha {asked.alpha:g}: {test}."
    yield f"Floor {asked.floor:g}, weights renewed every {answer.batch:,} units; {asked.replications:,} experiments.\n"
    yield f"Units for a power of {asked.power:g}: {answer.units:,.0f} +- {answer.standard_error:,.0f}"
    if answer.stopped is not None:
        yield f"Until the effect is found, on average: {answer.stopped:,.0f}"
    yield f"An even split needs {asked.fixed:,.0f} (pooled_z, looking once)."
    yield f"The best arm gets {answer.best:.1%} of the units, in an even split {1.0 / arms:.1%}."
    if answer.least > 0.0:
        yield f"Below {answer.least:,.0f} units the test refuses: an arm at the floor expects too few events."
    yield "\n   units  power     se"
    for units, power in zip(answer.grid, answer.powers, strict=True):
        error = math.sqrt(power * (1.0 - power) / asked.replications)
        yield f"{units:>8,.0f}  {power:.3f}  {error:.3f}"
