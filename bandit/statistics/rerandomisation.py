"""A treatment against a control by drawing the arms again: exact for every policy, floor, batch size and rate.

If the arm made no difference to any trial, every trial would have earned the same with another arm. So the experiment
can be repeated with other random numbers, by the very policy, and what it shows then is what chance can do. The p-value
is the share of the repetitions, the experiment among them, in which the arms differ at least as much. Outcomes need no
distribution: they may follow a trend, or depend on each other.

With two arms nothing else is assumed. With more, the trials of the other arms are left as they were, because what they
would have earned with another arm is unknown; a repetition then counts with the probability that its policy gives to
those trials. That is exact too, and loses power where few repetitions make them likely.

The test needs to know the policy, and that each epoch's probabilities follow from rewards as it says. That is checked.

Source: Simon and Simon, "Using randomization tests to preserve type I error with response-adaptive and
covariate-adaptive randomization", Statistics and Probability Letters 81, 2011; Nair and Janson, "Randomization tests
for adaptively collected data", 2023, for weighted repetitions; Harrison, "Conservative hypothesis tests and confidence
intervals using importance sampling", Biometrika 99, 2012, for their p-value.
"""

import math
from dataclasses import dataclass

import numpy as np

from bandit.statistics import replay
from bandit.statistics.comparison import Alternative, Comparison, Refused
from bandit.statistics.epochs import Epochs
from bandit.statistics.mechanism import Calendar, Indices, Mechanism
from bandit.statistics.repetitions import repeat, studentised
from bandit.statistics.tails import check
from policies.kernel import Array

METHOD = "rerandomisation"
REPETITIONS = 999
FEW = 50.0
"""Effective repetitions below which the answer warns."""
EQUAL = 1e-6
"""How far probabilities that were logged may lie from those that the policy gives."""
SIDES: dict[Alternative, tuple[float, float]] = {"two-sided": (1.0, -1.0), "greater": (1.0, 1.0), "less": (-1.0, -1.0)}
"""The statistic is the greater of the studentised difference times each of these."""


@dataclass(frozen=True)
class Trials:
    """The trials of an experiment, in the order of their decisions.

    Attributes:
        arms: Which was drawn, shape (trials,).
        values: What was earned, shape (trials,).
        calendar: When they were decided and known.
        probabilities: What each epoch was drawn with, shape (epochs, arms).
    """

    arms: Indices
    values: Array
    calendar: Calendar
    probabilities: Array

    @classmethod
    def of(cls, epochs: Epochs) -> "Trials":
        """The trials of a metric whose values are 0 and 1, each epoch knowing all rewards of those before.

        Raises:
            Refused: Values are others than 0 and 1: the sums do not say which there were.
        """
        if not epochs.binary or epochs.trials.ndim != 2:
            raise Refused(METHOD, "sums do not tell the values apart", "the values of all trials, or aipw")
        successes, trials = (np.rint(array).astype(np.int64) for array in (epochs.totals, epochs.trials))
        counts = np.stack([trials - successes, successes], axis=-1)
        cells = np.repeat(np.arange(counts.size), counts.ravel())
        calendar = Calendar.immediate(trials.sum(axis=1))
        return cls((cells // 2) % epochs.arms, (cells % 2).astype(np.float64), calendar, epochs.probabilities)


@dataclass(frozen=True)
class Redrawable:
    """An experiment that can be drawn again.

    Attributes:
        trials: Those that have a value.
        mechanism: What drew them.
        lower: What the policy took off a value.
        scale: What it divided it by then; negative where less is better.
    """

    trials: Trials
    mechanism: Mechanism
    lower: float = 0.0
    scale: float = 1.0


def compare(
    trials: Trials,
    mechanism: Mechanism,
    treatment: int,
    control: int,
    *,
    alternative: Alternative = "two-sided",
    repetitions: int = REPETITIONS,
    seed: int = 0,
    lower: float = 0.0,
    scale: float = 1.0,
) -> Comparison:
    """The hypothesis that the treatment earned every trial what the control would have, tested once.

    The effect is the difference of the plain means, which is biased on data of a bandit; there is no interval.

    Args:
        trials: What was collected.
        mechanism: The policy and its settings.
        treatment: Its place among the arms.
        control: Its place.
        alternative: Which side.
        repetitions: How many; the least p-value is one over their number plus one.
        seed: Of their random numbers.
        lower: What the policy took off the values it learnt from.
        scale: What it divided them by then; negative where it wants less.

    Raises:
        Refused: The probabilities that were logged are not those of this policy.
        ValueError: An argument is out of its range.
    """
    check(0.05, alternative)
    if repetitions < 1 or not scale:
        raise ValueError(f"repetitions, scale: {repetitions}, {scale:g} given, must be 1 or more, and not 0")
    rewards = (trials.values - lower) / scale
    likely = as_drawn(trials, mechanism, rewards)
    verify(trials, mechanism, likely)
    effect, difference = observe(trials, treatment, control)
    # The policy may see less as more: then a treatment with lesser rewards has the greater values.
    sides = SIDES[alternative]
    statistic = max(sides[0] * difference, sides[1] * difference)
    given = kept(trials, treatment, control)
    drawn = repeat(
        mechanism,
        trials.calendar,
        rewards[:, None],
        np.random.default_rng(seed),
        treatment,
        control,
        repetitions=repetitions,
        sides=(math.copysign(1.0, scale) * sides[0], math.copysign(1.0, scale) * sides[1]),
        given=given,
    )
    logarithms = np.concatenate([[_log_weight(trials, likely, given, treatment, control)], drawn[:, 1]])
    weights = np.exp(logarithms - logarithms.max())
    reached = np.concatenate([[True], drawn[:, 0] >= tied(statistic)])
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    warnings: tuple[str, ...] = ("it tests that there is no effect and has no interval",)
    if effective < FEW:
        warnings += (f"the other arms' trials leave {effective:.3g} effective repetitions: it can hardly reject",)
    return Comparison(
        method=METHOD,
        effect=effect,
        interval=(-math.inf, math.inf),
        p_value=min(1.0, float(weights[reached].sum() / weights.sum())),
        statistic=difference,
        warnings=warnings,
    )


def observe(trials: Trials, treatment: int, control: int) -> tuple[float, float]:
    """The difference of the means (0 where an arm was never drawn), plain and in standard errors."""
    sums = np.empty((trials.probabilities.shape[1], 3))
    for column, values in enumerate((np.ones_like(trials.values), trials.values, trials.values**2)):
        sums[:, column] = np.bincount(trials.arms, values, len(sums))
    (number, total, _), (other_number, other_total, _) = sums[treatment], sums[control]
    effect = float(total / number - other_total / other_number) if number and other_number else 0.0
    return effect, studentised(sums[treatment], sums[control])


def tied(statistic: float) -> float:
    """What a repetition must reach to count: a little less, for rounding."""
    return statistic - 1e-9 * max(1.0, abs(statistic))


def kept(trials: Trials, treatment: int, control: int) -> Indices | None:
    """The arms that are left as they were, -1 for those that are drawn; None where all are."""
    if trials.probabilities.shape[1] == 2:
        return None
    return np.where((trials.arms == treatment) | (trials.arms == control), -1, trials.arms)


def as_drawn(trials: Trials, mechanism: Mechanism, rewards: Array) -> Array:
    """The probabilities with which the mechanism would have drawn each epoch, shape (epochs, arms)."""
    nothing_random = np.random.default_rng(0)  # all arms are given
    return replay.run(mechanism, trials.calendar, rewards[:, None], nothing_random, trials.arms).probabilities


def verify(trials: Trials, mechanism: Mechanism, likely: Array) -> None:
    """Refuses a mechanism that did not draw these trials.

    Raises:
        Refused: In an epoch it would have drawn with other probabilities than were logged.
    """
    distance = np.abs(likely - trials.probabilities).max(axis=1)
    if (wrong := np.flatnonzero(distance > EQUAL)).size:
        raise Refused(
            METHOD,
            f"epoch {int(wrong[0])} was drawn with other probabilities than {mechanism.policy.name} gives, "
            f"by {distance[wrong[0]]:.2g}",
            "aipw, which takes the probabilities as they were",
        )


def _log_weight(trials: Trials, likely: Array, given: Indices | None, treatment: int, control: int) -> float:
    """The logarithm of the experiment's own weight among its repetitions."""
    if given is None:
        return 0.0
    chance = likely[trials.calendar.epochs]
    drawn = chance[np.arange(len(chance)), trials.arms]
    return float(np.log(np.where(given < 0, chance[:, treatment] + chance[:, control], drawn)).sum())
