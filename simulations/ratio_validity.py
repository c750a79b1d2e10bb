"""Which comparisons of ratios keep their promise: clicks a view, where users are drawn and view several pages.

The treatment's users view more pages in every experiment, and click as large a part of them as the control's, or a
larger one. The policy learns from the clicks, so that it moves the weights although the ratios are the same.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from bandit.statistics import aipw, design_based, estimate_sequences, ratio, ratio_epochs, score_sequence
from bandit.statistics.comparison import Comparison, Refused
from bandit.statistics.estimate_sequences import DISTANCE
from bandit.statistics.joint import JointSample
from bandit.statistics.pair import pair
from bandit.statistics.ratio_epochs import RatioEpochs
from bandit.statistics.tails import quantile
from bandit.statistics.weighted_scores import weighted
from policies import UCB1, Fixed, Policy, ThompsonNormal
from policies.kernel import Array
from policies.statistics import COLUMNS
from simulations.block import POLICY, REWARD, generator
from simulations.collection import blocks
from simulations.verdicts import Flags

ALPHA = 0.05
TREATMENT, CONTROL = 1, 0
SUMS = ("trials", "above", "below", "above_squares", "below_squares", "products")
VIEWS, MORE, CLICKED, EFFECT = 2.0, 0.3, 0.2, 0.06
"""Views of a control's user beside the first, the part by which the treatment's are more, clicks a view, the effect."""


@dataclass(frozen=True)
class Way:
    """A way of collecting data: a name, a policy, the least probability of an arm, the trials of each epoch."""

    name: str
    policy: Policy
    floor: float
    sizes: tuple[int, ...] = (100,) * 10

    @property
    def moved(self) -> bool:
        """Whether the weights move."""
        return not isinstance(self.policy, Fixed)


WAYS = (
    Way("fixed split, 10 looks", Fixed(), 0.5),
    Way("Thompson, floor .05, 10 batches of 100", ThompsonNormal(), 0.05),
    Way("Thompson, floor .10, 10 batches of 100", ThompsonNormal(), 0.10),
    Way("UCB1, floor .05, 10 batches of 100", UCB1(), 0.05),
)


def play(way: Way, effect: float, seed: int, first: int, last: int) -> RatioEpochs:
    """The experiments `first` up to `last`, with an axis for them in front."""
    shape = (last - first, len(way.sizes), 2)
    sums, probabilities = np.empty((6, *shape)), np.empty(shape)
    for place in range(last - first):
        luck, draws = (generator(seed, first + place, stream) for stream in (REWARD, POLICY))
        stats, chance = np.zeros((2, COLUMNS)), np.empty(2)
        params = way.policy.parameters(np.full(2, 0.5))
        for epoch, size in enumerate(way.sizes):
            way.policy.weights(stats, np.empty(0), float(stats[:, 0].sum()), params, chance)
            chance = way.floor + (1.0 - 2.0 * way.floor) * chance
            arm = (draws.random(size) < chance[TREATMENT]).astype(np.int64)
            found = users(arm, effect, luck)
            drawn = found @ np.eye(2)[arm]
            sums[:, place, epoch], probabilities[place, epoch] = drawn, chance
            # What a policy for rewards from 0 to 1 learns from: clicks, as a part of more than anyone has.
            clicks = drawn[1] / 50.0, drawn[3] / 2500.0
            stats += np.stack([drawn[0], *clicks, (found[1] / 50.0 / chance[arm]) @ np.eye(2)[arm]], axis=1)
    return RatioEpochs(**dict(zip(SUMS, sums, strict=True)), probabilities=probabilities, floor=way.floor)


def users(arm: Array, effect: float, luck: np.random.Generator) -> Array:
    """What users have, in the order of the sums of `RatioEpochs`, shape (6, users)."""
    views = 1.0 + luck.poisson(VIEWS * (1.0 + MORE * (arm == TREATMENT)) * luck.gamma(2.0, 0.5, arm.size))
    taste = luck.beta(2.0, 2.0 / CLICKED - 2.0, arm.size) * (1.0 + effect / CLICKED * (arm == TREATMENT))
    clicks = luck.binomial(views.astype(np.int64), np.minimum(taste, 1.0)).astype(np.float64)
    return np.stack([np.ones(arm.size), clicks, views, clicks * clicks, views * views, clicks * views])


def first(data: RatioEpochs, epochs: int) -> RatioEpochs:
    """The data as they were after so many epochs."""
    kept = {name: getattr(data, name)[:, :epochs] for name in (*SUMS, "probabilities")}
    return replace(data, **kept)


def joint(data: RatioEpochs, place: int, epochs: int, arm: int) -> JointSample:
    """All units of an arm of one experiment after so many epochs."""
    count, above, below, above_squares, below_squares, products = (
        float(getattr(data, name)[place, :epochs, arm].sum()) for name in SUMS
    )
    squares = [[above_squares, products], [products, below_squares]]
    return JointSample.of_sums(("above", "below"), count, [above, below], squares)


Verdicts = tuple[Flags, Flags]
"""Whether there is no effect is rejected at any look, and whether the true one ever is, of each experiment."""


def each(run: Callable[..., Comparison], *, always: bool) -> Callable[[RatioEpochs, float], Verdicts]:
    """A comparison of joint samples, once or after every epoch."""

    def verdicts(data: RatioEpochs, effect: float) -> Verdicts:
        number, looks = data.trials.shape[:2]
        rejected, missed = np.zeros(number, bool), np.zeros(number, bool)
        for place in range(number):
            for epochs in range(1 if always else looks, looks + 1):
                both = [joint(data, place, epochs, arm) for arm in (TREATMENT, CONTROL)]
                try:
                    lower, upper = run(*both, "above", "below", alpha=ALPHA).interval
                except Refused:
                    continue
                rejected[place] |= not lower <= 0.0 <= upper
                missed[place] |= not lower <= effect <= upper
        return rejected, missed

    return verdicts


def weighted_once(data: RatioEpochs, effect: float) -> Verdicts:
    """`delta_aipw`, of all experiments at once."""
    linear = ratio_epochs.linear(aipw.METHOD, data, TREATMENT, CONTROL)
    chosen = pair(aipw.METHOD, linear.epochs, TREATMENT, CONTROL)
    found, limit = weighted(chosen), quantile(ALPHA)
    used = (linear.distance >= DISTANCE) & (chosen.expected >= aipw.VALUES)
    return used & (np.abs(found.statistic()) > limit), used & (np.abs(found.statistic(effect)) > limit)


def weighted_always(data: RatioEpochs, effect: float) -> Verdicts:
    """`delta_design_based` after every epoch at which it does not refuse, likewise."""
    method, goal = design_based.METHOD, -math.log(ALPHA)
    number, looks = data.trials.shape[:2]
    rejected, missed = np.zeros(number, bool), np.zeros(number, bool)
    for epochs in range(1, looks + 1):
        linear = ratio_epochs.linear(method, first(data, epochs), TREATMENT, CONTROL)
        chosen = pair(method, linear.epochs, TREATMENT, CONTROL)
        found, rho = score_sequence.sequence(chosen), design_based.mixture(chosen, float(data.trials[0].sum()), ALPHA)
        used = linear.distance >= DISTANCE
        rejected |= used & (found.log_evidence(0.0, rho)[:, -1] >= goal)
        missed |= used & (found.log_evidence(effect, rho)[:, -1] >= goal)
    return rejected, missed


TESTS: Mapping[str, tuple[bool, bool, Callable[[RatioEpochs, float], Verdicts]]] = {
    "delta": (False, False, each(ratio.delta, always=False)),
    "delta_aipw": (True, False, weighted_once),
    "delta, at every look": (False, True, each(ratio.delta, always=True)),
    "delta_sequence": (False, True, each(partial(estimate_sequences.delta, planned=1000.0), always=True)),
    "delta_design_based": (True, True, weighted_always),
}
"""By name: whether it is for weights that moved, whether it looks after every epoch, and what it says. On those that
moved the others look once: that they fail suffices."""


@dataclass(frozen=True, slots=True)
class Row:
    """How often a test finds an effect where there is none and where there is one, and has the true one throughout."""

    way: Way
    test: str
    default: bool
    replications: int
    error: float
    power: float
    coverage: float

    @property
    def valid(self) -> bool:
        """Whether it errs at most as often as it may, as far as can be told."""
        return self.error <= ALPHA + 2.0 * math.sqrt(ALPHA * (1.0 - ALPHA) / self.replications)


def verdicts(way: Way, effect: float, seed: int, begin: int, end: int) -> dict[str, Verdicts]:
    """What every test says of the experiments `begin` up to `end`."""
    data = play(way, effect, seed, begin, end)
    return {
        name: run(data, effect)
        for name, (moved, always, run) in TESTS.items()
        if moved == way.moved or (way.moved and not always)
    }


def study(executor: Executor, replications: int, seed: int, ways: tuple[Way, ...] = WAYS) -> Iterator[Row]:
    """The rows of the table, as they are found."""
    submitted = {
        way: [
            [executor.submit(verdicts, way, effect, seed, *block) for block in blocks(replications)]
            for effect in (0.0, EFFECT)
        ]
        for way in ways
    }
    for way, futures in submitted.items():
        none, some = ([future.result() for future in each] for each in futures)
        for name in none[0]:
            errors, powers = (np.concatenate([block[name][0] for block in each]) for each in (none, some))
            missed = np.concatenate([block[name][1] for block in (*none, *some)])
            default = TESTS[name][0] == way.moved and "," not in name
            yield Row(way, name, default, replications, *map(float, (errors.mean(), powers.mean(), 1 - missed.mean())))


def report(executor: Executor, replications: int, seed: int, echo: Callable[[str], None]) -> bool:
    """Prints the table as it is found; whether every default errs at most as often as it may."""
    echo(f"\n{(__doc__ or '').strip()}")
    written, valid = "", True
    for row in study(executor, replications, seed):
        if row.way.name != written:
            written = row.way.name
            echo(f"\n{written}\n{'test':<44} {'looks':>5} {'error':>7} {'power':>7} {'coverage':>8}")
        mark = ("<" if row.default else " ") + (" " if row.valid else "*")
        looks, name = ("all" if TESTS[row.test][1] else "once"), row.test.split(",")[0]
        echo(f"{name:<44} {looks:>5} {row.error:>7.4f} {row.power:>7.4f} {row.coverage:>8.4f} {mark}".rstrip())
        valid &= row.valid or not row.default
    return valid
