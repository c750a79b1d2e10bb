"""Every test of a treatment against a control, on many experiments of conversions at once.

They are those of `bandit.statistics`, through their parts that take a leading axis of repetitions where they have one.
A test that looks after every epoch stops where it rejects.
"""

import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from bandit.statistics import (
    aipw,
    beta_binomial,
    bols,
    confidence_sequences,
    design_based,
    proportions,
    rerandomisation,
    score_sequence,
    score_wealth,
    score_weights,
    wagers,
    weighted_scores,
)
from bandit.statistics.comparison import Refused
from bandit.statistics.epochs import Epochs
from bandit.statistics.pair import pair
from bandit.statistics.proportion import Proportion
from bandit.statistics.repetitions import repeat
from bandit.statistics.sample import Sample
from bandit.statistics.tails import quantile
from policies.kernel import Array
from simulations.block import generator
from simulations.collection import one
from simulations.verdicts import Experiments, Flags, Verdicts

TREATMENT, CONTROL = 1, 0
REPETITIONS = 39
"""With a threshold of 2 in 40 the level is exact; with more the test would be a little sharper."""
AGAIN = 3
"""The stream of the random numbers that draw experiments again; those before are in `simulations.block`."""


def _once(
    experiments: Experiments, rejected: Flags, covered: Flags | None = None, refused: Flags | None = None
) -> Verdicts:
    refused = np.zeros(experiments.number, bool) if refused is None else refused
    return Verdicts(rejected & ~refused, refused, experiments.units[:, -1], covered)


def _stopped(experiments: Experiments, reached: Flags, covered: Flags | None = None) -> Verdicts:
    """Of a test that looks after every epoch, from the looks at which it rejects, shape (experiments, epochs)."""
    rejected: Flags = np.any(reached, axis=1)
    last = np.where(rejected, reached.argmax(axis=1), reached.shape[1] - 1)
    units = experiments.units[np.arange(experiments.number), last]
    return Verdicts(rejected, np.zeros(experiments.number, bool), units, covered)


def plain_z(epochs: Epochs) -> Array:
    """The statistic of `proportions.pooled_z` after each epoch, shape (..., epochs), whatever the weights did."""
    trials = np.cumsum(epochs.trials[..., [TREATMENT, CONTROL]], axis=-2)
    successes = np.cumsum(epochs.totals[..., [TREATMENT, CONTROL]], axis=-2)
    rates = successes / np.maximum(trials, 1.0)
    rate = successes.sum(axis=-1) / np.maximum(trials.sum(axis=-1), 1.0)
    variance = rate * (1.0 - rate) * (1.0 / np.maximum(trials, 1e-9)).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(variance > 0.0, (rates[..., 0] - rates[..., 1]) / np.sqrt(variance), 0.0)
    return np.where((trials > 0.0).all(axis=-1), found, 0.0)


def pooled_z(experiments: Experiments) -> Verdicts:
    """The classical test, once."""
    rejected, covered = np.zeros(experiments.number, bool), np.zeros(experiments.number, bool)
    trials, successes = experiments.epochs.trials.sum(axis=-2), experiments.epochs.totals.sum(axis=-2)
    for place, (number, earned) in enumerate(zip(trials, successes, strict=True)):
        arms = (Proportion(earned[arm], number[arm]) for arm in (TREATMENT, CONTROL))
        found = proportions.pooled_z(*arms, alpha=experiments.alpha)
        rejected[place] = found.p_value is not None and found.p_value < experiments.alpha
        covered[place] = found.interval[0] <= experiments.effect <= found.interval[1]
    return _once(experiments, rejected, covered)


def pooled_z_always(experiments: Experiments) -> Verdicts:
    """The classical test after every epoch until it rejects: peeking."""
    return _stopped(experiments, np.abs(plain_z(experiments.epochs)) > quantile(experiments.alpha))


def batches(experiments: Experiments) -> Verdicts:
    """`bols`."""
    chosen = pair(bols.METHOD, experiments.epochs, TREATMENT, CONTROL)
    found, limit = bols.batches(chosen), quantile(experiments.alpha)
    rejected = np.abs(found.statistic()) > limit
    covered = np.abs(found.statistic(experiments.effect)) <= limit
    return _once(experiments, rejected, covered, bols.expected(chosen) < bols.EVENTS)


def scores(weights: score_weights.Weights) -> Callable[[Experiments], Verdicts]:
    """`aipw` with these weights."""

    def verdicts(experiments: Experiments) -> Verdicts:
        chosen = pair(aipw.METHOD, experiments.epochs, TREATMENT, CONTROL)
        found, limit = weighted_scores.weighted(chosen, weights), quantile(experiments.alpha)
        rejected = np.abs(found.statistic()) > limit
        covered = np.abs(found.statistic(experiments.effect)) <= limit
        return _once(experiments, rejected, covered, chosen.expected < aipw.EVENTS)

    return verdicts


def drawn_again(experiments: Experiments) -> Verdicts:
    """`rerandomisation`: an experiment is drawn again until it is certain that its p-value is not below alpha."""
    rejected = np.zeros(experiments.number, bool)
    most = math.floor(experiments.alpha * (REPETITIONS + 1) + 1e-9) - 1
    for place in range(experiments.number):
        trials = rerandomisation.Trials.of(one(experiments.epochs, place))
        _, difference = rerandomisation.observe(trials, TREATMENT, CONTROL)
        threshold = rerandomisation.tied(abs(difference))
        drawn = repeat(
            experiments.mechanism,
            trials.calendar,
            trials.values[:, None],
            generator(experiments.seed, experiments.first + place, AGAIN),
            TREATMENT,
            CONTROL,
            repetitions=REPETITIONS,
            threshold=threshold,
            enough=most + 1,
        )
        rejected[place] = (drawn[:, 0] >= threshold).sum() <= most
    return _once(experiments, rejected)


def won(experiments: Experiments) -> Verdicts:
    """`wagers` after every epoch."""
    chosen = pair(wagers.METHOD, experiments.epochs, TREATMENT, CONTROL)
    goal = -math.log(experiments.alpha)
    covered: Flags = np.less(score_wealth.log_wealth(chosen, experiments.effect).max(axis=1), goal)
    return _stopped(experiments, score_wealth.log_wealth(chosen) >= goal, covered)


def won_once(experiments: Experiments) -> Verdicts:
    """`wagers`, looked at once at the end; they remember what was won before."""
    found = won(experiments)
    return _once(experiments, found.rejected, found.covered)


def by_design(weights: score_sequence.Weights) -> Callable[[Experiments], Verdicts]:
    """`design_based` after every epoch, from the first at which enough is expected of an arm at its floor."""

    def verdicts(experiments: Experiments) -> Verdicts:
        chosen = pair(design_based.METHOD, experiments.epochs, TREATMENT, CONTROL)
        found = score_sequence.sequence(chosen, weights)
        rho = design_based.mixture(chosen, float(experiments.units[0, -1]), experiments.alpha, weights)
        goal = -math.log(experiments.alpha)
        covered: Flags = np.all(found.log_evidence(experiments.effect, rho) < goal, axis=1)
        stopped = _stopped(experiments, found.log_evidence(0.0, rho) >= goal, covered)
        refused = ~found.usable[:, -1]
        return Verdicts(stopped.rejected & ~refused, refused, stopped.units, stopped.covered)

    return verdicts


def sequence(experiments: Experiments) -> Verdicts:
    """`confidence_sequences` after every epoch, for a fixed split."""
    shape = (experiments.number, experiments.epochs.trials.shape[1])
    reached, covered, refused = np.zeros(shape, bool), np.ones(shape[0], bool), np.zeros(shape[0], bool)
    for place, look, treatment, control in _looks(experiments, np.ones(shape, bool)):
        try:
            found = confidence_sequences.compare(
                treatment, control, alpha=experiments.alpha, planned=float(experiments.units[0, -1])
            )
        except Refused:
            refused[place] = look == shape[1] - 1
            continue
        reached[place, look] = found.p_value is not None and found.p_value <= experiments.alpha
        covered[place] &= found.interval[0] <= experiments.effect <= found.interval[1]
    stopped = _stopped(experiments, reached, covered)
    return Verdicts(stopped.rejected & ~refused, refused, stopped.units, stopped.covered)


def likelihood(experiments: Experiments) -> Verdicts:
    """The test of `beta_binomial` after every epoch."""
    reached = np.zeros((experiments.number, experiments.epochs.trials.shape[1]), bool)
    # What is won is at most z^2, because the divergence of two distributions is at most their chi-square distance.
    possible = plain_z(experiments.epochs) ** 2 >= -math.log(experiments.alpha)
    for place, look, treatment, control in _looks(experiments, possible):
        first, second = beta_binomial.bets(treatment), beta_binomial.bets(control)
        pooled = (treatment + control).mean
        reached[place, look] = first.log_wealth(pooled) + second.log_wealth(pooled) >= -math.log(experiments.alpha)
    return _stopped(experiments, reached)


def _looks(experiments: Experiments, wanted: Flags) -> Iterator[tuple[int, int, Sample, Sample]]:
    """Experiment, look, treatment and control, of those looks that are wanted and have both."""
    trials, successes = (np.cumsum(array, axis=-2) for array in (experiments.epochs.trials, experiments.epochs.totals))
    for place, look in np.argwhere(wanted & (trials[..., [TREATMENT, CONTROL]] > 0.0).all(axis=-1)):
        number, earned = trials[place, look], successes[place, look]
        treatment, control = (Sample.of_sums(number[arm], earned[arm], earned[arm]) for arm in (TREATMENT, CONTROL))
        yield place, look, treatment, control


ONCE: Mapping[str, Callable[[Experiments], Verdicts]] = {
    "pooled_z": pooled_z,
    "bols": batches,
    "aipw": scores("common"),
    "aipw_sqrt": scores("sqrt"),
    "rerandomisation": drawn_again,
    "wagers": won_once,
}
ALWAYS: Mapping[str, Callable[[Experiments], Verdicts]] = {
    "pooled_z": pooled_z_always,
    "confidence_sequence": sequence,
    "beta_binomial": likelihood,
    "design_based": by_design("information"),
    "wagers": won,
}
