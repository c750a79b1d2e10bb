"""How an experiment's units are spread over its variants, and the weights by which they are."""

from typing import Annotated

from pydantic import Field

from bandit import lifecycle
from bandit.actor import By
from bandit.errors import InvalidInput
from bandit.experiment import StoredExperiment
from bandit.memory import Memory
from bandit.model import Key, Model
from bandit.results import current
from bandit.rows import ExperimentRow, Standing
from bandit.running import EVERYONE, load
from bandit.store import Reader

MOST_EPOCHS = 100


class Weights(Model):
    """New weights of variants; those of the others stay. Without any, all that are served weigh the same."""

    weights: dict[Key, Annotated[float, Field(ge=0.0, le=1e9)]] | None = None


class Counted(Model):
    """Exposed decisions, units, and how many units were expected: the sum of what they were drawn with."""

    decisions: int
    units: int
    expected_units: float


class VariantTraffic(Counted):
    """What a variant has had. Shares are of the units of all variants, null without any."""

    key: str
    weight: float = Field(description="As configured.")
    probability: float = Field(description="Of being drawn now.")
    share: float | None
    expected_share: float | None


class EpochTraffic(Model):
    """What the variants had while the weights stayed."""

    epoch: int
    started_at: float
    variants: dict[str, Counted]


class Traffic(Model):
    """An experiment's traffic: in all, and in its last 100 epochs, the newest first."""

    experiment: str
    epoch: int
    decisions: int
    units: int
    variants: list[VariantTraffic]
    epochs: list[EpochTraffic]


def traffic(reader: Reader, row: ExperimentRow, standing: Standing) -> Traffic:
    """Reads the traffic of an experiment."""
    running = load(row, standing)
    drawn = current(running, reader.epoch(row.id, standing.epoch, EVERYONE))
    found = {arm: _counted(*counts) for arm, *counts in reader.sizes(row.id, 0)}
    nothing = _counted(0.0, 0.0, 0.0)
    units = sum(counted.units for counted in found.values())
    variants = []
    for arm, variant in enumerate(running.experiment.variants):
        counted = found.get(arm, nothing)
        variants.append(
            VariantTraffic(
                **dict(counted),
                key=variant.key,
                weight=variant.weight,
                probability=drawn[arm] if arm < len(drawn) else 0.0,
                share=counted.units / units if units else None,
                expected_share=counted.expected_units / units if units else None,
            )
        )
    return Traffic(
        experiment=row.key,
        epoch=standing.epoch,
        decisions=sum(counted.decisions for counted in found.values()),
        units=units,
        variants=variants,
        epochs=_epochs(reader, row.id, running.keys),
    )


def _epochs(reader: Reader, experiment: int, keys: list[str]) -> list[EpochTraffic]:
    epochs: dict[int, EpochTraffic] = {}
    for epoch, started_at, variant, *counts in reader.spread(experiment, MOST_EPOCHS):
        entry = epochs.setdefault(epoch, EpochTraffic(epoch=epoch, started_at=started_at, variants={}))
        entry.variants[keys[variant]] = _counted(*counts)
    return list(epochs.values())


def _counted(decisions: float, trials: float, expected: float) -> Counted:
    return Counted(decisions=round(decisions), units=round(trials), expected_units=expected)


def rebalance(memory: Memory, key: str, weights: dict[str, float] | None, by: By, now: float) -> StoredExperiment:
    """Sets the weights of variants, those of the others stay; without any, all that are served weigh the same.

    Raises:
        NotFound: The experiment is unknown.
        InvalidInput: A variant is unknown, or a weight is none.
        WrongState: The experiment is over.
        Forbidden: It belongs to somebody else.
    """
    variants = memory.experiment(key).experiment.variants
    if weights is None:
        weights = {variant.key: 1.0 for variant in variants if variant.weight > 0.0}
    known = {variant.key for variant in variants}
    for name in weights:
        if name not in known:
            raise InvalidInput.field(f"weights.{name[:100]}", f"not a variant of {key!r}: {', '.join(sorted(known))}")
    changed = [
        {**variant.model_dump(mode="json"), "weight": weights.get(variant.key, variant.weight)} for variant in variants
    ]
    return lifecycle.update(memory, key, {"variants": changed}, by, now)
