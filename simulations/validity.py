"""Which tests keep their promise on data of which kind: errors, power, coverage and sample size of every test.

Experiments with two arms of conversions are simulated with and without an effect, collected in eight ways, and given to
every test of `bandit.statistics`. What counts is the share of experiments without an effect in which a test finds one:
it may not exceed 5%. The tests that are used unless another is asked for are marked `<`; `*` marks a test that errs too
often by more than two standard errors.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass

import numpy as np

from bandit.statistics.mechanism import Mechanism
from policies import UCB1, Fixed, Policy, ThompsonBeta
from simulations.collection import Collection, blocks
from simulations.procedures import ALWAYS, ONCE
from simulations.verdicts import Experiments, Flags, Verdicts, either, joined

ALPHA = 0.05
REPLICATIONS = 2000
FEW = 20
"""Experiments below which a share is not shown."""
SLOW = 300
"""Experiments with an effect that are drawn again; where the test rejects, that takes all repetitions."""
EFFECTS: Mapping[float, float] = {0.5: 0.1, 0.1: 0.065, 0.04: 0.04}
"""What the treatment adds to each of the rates; a fixed split of 1,000 sees these with a power of about .9."""
SEASON = 0.3
"""How far, as a part of it, the rate lies below its mean at the beginning of a season and above it at the end."""


@dataclass(frozen=True)
class Way:
    """A way of collecting data.

    Attributes:
        name: What it is called in the table.
        policy: Which draws.
        floor: Least probability of an arm.
        sizes: Trials of each epoch.
        season: Whether both arms' rates rise from the first epoch to the last.
    """

    name: str
    policy: Policy
    floor: float
    sizes: tuple[int, ...] = (100,) * 10
    season: bool = False

    @property
    def moved(self) -> bool:
        """Whether the weights move."""
        return not isinstance(self.policy, Fixed)

    def collection(self, rate: float, effect: float) -> Collection:
        """Experiments with this rate of the control, on average over time, and this effect."""
        rise = np.linspace(-SEASON, SEASON, len(self.sizes)) if self.season else np.zeros(1)
        base = rate * (1.0 + rise)
        means = np.stack([base, base + effect], axis=1)
        return Collection(Mechanism.even(self.policy, 2, self.floor), self.sizes, means)


WAYS = (
    Way("fixed split, 10 looks", Fixed(), 0.5),
    Way("Thompson, floor .01, 10 batches of 100", ThompsonBeta(), 0.01),
    Way("Thompson, floor .05, 10 batches of 100", ThompsonBeta(), 0.05),
    Way("Thompson, floor .10, 10 batches of 100", ThompsonBeta(), 0.10),
    Way("Thompson, floor .05, 50 batches of 20", ThompsonBeta(), 0.05, (20,) * 50),
    Way("Thompson, floor .05, reweighted by each of 500 rewards", ThompsonBeta(), 0.05, (1,) * 500),
    Way("UCB1, floor .05, 10 batches of 100", UCB1(), 0.05),
    Way("Thompson, floor .05, 10 batches of 100, rates rise by 6/7", ThompsonBeta(), 0.05, season=True),
)
FIXED_ONLY = ("confidence_sequence",)
MOVED_ONLY = ("bols", "aipw", "aipw_sqrt", "rerandomisation", "design_based", "wagers")
MOST_LOOKS: Mapping[str, int] = {"beta_binomial": 50}
"""Tests that are computed look by look, and not where there are more."""


@dataclass(frozen=True, slots=True)
class Procedure:
    """A test in the table: by its name, looking once or after every epoch."""

    name: str
    always: bool
    default: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """What a test did with experiments of one kind.

    Attributes:
        way: How they were collected.
        rate: Of the control.
        test: Which.
        error: Share of the experiments without an effect in which it rejects, of those that it does not refuse; nan if
            it refuses all.
        error_runs: How many those are.
        power: The same with the effect.
        power_runs: How many those are.
        coverage: Share of all these whose interval has the true effect; nan where it has none.
        units: Mean number of trials with the effect until it rejects, or all.
        refused: Share of the experiments without an effect that it refuses.
    """

    way: Way
    rate: float
    test: Procedure
    error: float
    error_runs: int
    power: float
    power_runs: int
    coverage: float
    units: float
    refused: float

    @property
    def standard_error(self) -> float:
        """Of `error`, if it is alpha."""
        return float(np.sqrt(ALPHA * (1.0 - ALPHA) / self.error_runs)) if self.error_runs else np.nan

    @property
    def valid(self) -> bool:
        """Whether it errs at most as often as it may, as far as can be told; a test that refuses all does not err."""
        return not self.error_runs or self.error <= ALPHA + 2.0 * self.standard_error


def procedures(way: Way) -> list[Procedure]:
    """The tests of a way of collecting: those that look once, then those that look after every epoch."""
    wrong = FIXED_ONLY if way.moved else MOVED_ONLY
    looks = len(way.sizes)
    found = []
    for names, always in ((ONCE, False), (ALWAYS, True)):
        used = default(way, always=always)
        kept = [name for name in names if name not in wrong and MOST_LOOKS.get(name, looks) >= looks]
        found += [Procedure(name, always, name == used) for name in kept]
        if used not in kept:
            found.append(Procedure(used, always, True))
    return found


def default(way: Way, *, always: bool) -> str:
    """The name of the test that is used unless another is asked for, with the one that is used where it refuses.

    As `bandit.statistics.selection` has it for conversions.
    """
    if way.moved:
        return "wagers" if always else "aipw or wagers"
    return "confidence_sequence or beta_binomial" if always else "pooled_z"


def verdicts(way: Way, rate: float, effect: float, seed: int, first: int, last: int) -> dict[Procedure, Verdicts]:
    """What every test says of the experiments `first` up to `last`."""
    collection = way.collection(rate, effect)
    experiments = Experiments(collection.play(seed, first, last), collection.mechanism, effect, ALPHA, seed, first)
    found: dict[tuple[str, bool], Verdicts] = {}
    listed = procedures(way)
    for test in listed:
        for name in test.name.split(" or "):
            slow = name == "rerandomisation" and effect and first >= SLOW
            if (name, test.always) not in found and not slow:
                found[name, test.always] = (ALWAYS if test.always else ONCE)[name](experiments)
    together: dict[Procedure, Verdicts] = {}
    for test in listed:
        parts = [found[name, test.always] for name in test.name.split(" or ") if (name, test.always) in found]
        if parts:
            together[test] = parts[0] if len(parts) == 1 else either(*parts)
    return together


def study(
    executor: Executor,
    replications: int,
    seed: int,
    ways: tuple[Way, ...] = WAYS,
    rates: Mapping[float, float] = EFFECTS,
) -> Iterator[Row]:
    """The rows of the table, as they are found."""
    submitted: dict[tuple[Way, float], tuple[list[Future[dict[Procedure, Verdicts]]], ...]] = {}
    for way in ways:
        for rate, effect in rates.items():
            submitted[way, rate] = tuple(
                [executor.submit(verdicts, way, rate, each, seed, first, last) for first, last in blocks(replications)]
                for each in (0.0, effect)
            )
    for (way, rate), futures in submitted.items():
        none, some = ([future.result() for future in each] for each in futures)
        for test in procedures(way):
            yield _row(way, rate, test, joined([each[test] for each in none]), _all(some, test))


def _all(blocks: list[dict[Procedure, Verdicts]], test: Procedure) -> Verdicts:
    return joined([each[test] for each in blocks if test in each])


def _row(way: Way, rate: float, test: Procedure, none: Verdicts, some: Verdicts) -> Row:
    kept, kept_with = ~none.refused, ~some.refused
    covered = [
        verdicts.covered[chosen]
        for verdicts, chosen in ((none, kept), (some, kept_with))
        if verdicts.covered is not None and chosen.any()
    ]
    return Row(
        way=way,
        rate=rate,
        test=test,
        error=_share(none.rejected[kept]),
        error_runs=int(kept.sum()),
        power=_share(some.rejected[kept_with]),
        power_runs=int(kept_with.sum()),
        coverage=_share(np.concatenate(covered)) if covered else np.nan,
        units=float(some.units.mean()),
        refused=float(none.refused.mean()),
    )


def _share(flags: Flags) -> float:
    return float(flags.mean()) if flags.size else np.nan


HEADER = f"{'rate':>5} {'test':<38} {'looks':>5} {'error':>7} {'power':>7} {'coverage':>8} {'units':>6} {'refused':>7}"


def report(
    executor: Executor, replications: int, seed: int, echo: Callable[[str], None], ways: tuple[Way, ...] = WAYS
) -> bool:
    """Prints the table as it is found; whether every default errs at most as often as it may."""
    echo(f"{(__doc__ or '').strip()}\n\n{replications:,} replications, seed {seed}")
    written: Way | None = None
    checked: list[Row] = []
    for row in study(executor, replications, seed, ways):
        if row.way is not written:
            echo(f"\n{row.way.name}\n{HEADER}")
            written = row.way
        if row.test.default:
            checked.append(row)
        echo(_line(row))
    wrong = [row for row in checked if not row.valid]
    error = np.sqrt(ALPHA * (1.0 - ALPHA) / replications)
    echo(
        f"\n{len(checked) - len(wrong)} of {len(checked)} defaults err in at most {ALPHA:g} of the experiments without"
        f" an effect, or in more by no more than two standard errors ({error:.4f} each)."
    )
    return not wrong


def _line(row: Row) -> str:
    mark = "<" if row.test.default else " "
    mark += " " if row.valid else "*"
    shares = (row.error, row.error_runs), (row.power, row.power_runs), (row.coverage, row.error_runs + row.power_runs)
    error, power, coverage = (f"{share:.4f}" if runs >= FEW and np.isfinite(share) else "-" for share, runs in shares)
    looks = "all" if row.test.always else "once"
    refused = f"{row.refused:.0%}" if row.refused else ""
    return (
        f"{row.rate:>5g} {row.test.name:<38} {looks:>5} {error:>7} {power:>7} {coverage:>8} {row.units:>6.0f} "
        f"{refused:>7} {mark}".rstrip()
    )
