"""Layers: experiments that must not share a unit have slices of a layer that do not overlap."""

import json
from collections.abc import Iterator

from bandit.eligibility import Layer
from bandit.errors import FieldError, WrongState
from bandit.experiment import Experiment
from bandit.memory import Memory

HOLDING = ("running", "paused")


def check_layer(memory: Memory, experiment: Experiment) -> None:
    """Checks that an experiment's slice of its layer is free.

    Raises:
        WrongState: A running or paused experiment has a part of it, or assigns units of another kind in the layer.
    """
    mine = experiment.layer
    if mine is None:
        return
    for key, theirs, kind in _held(memory, mine.key):
        if key == experiment.key:
            continue
        if kind != experiment.unit_kind:
            message = f"{key!r} assigns units of kind {kind!r} in layer {mine.key!r}, not {experiment.unit_kind!r}"
        elif mine.lower < theirs.upper and theirs.lower < mine.upper:
            message = f"{_slice(mine)} of layer {mine.key!r} overlaps {_slice(theirs)}, which {key!r} has"
        else:
            continue
        raise WrongState(f"experiment {experiment.key!r}: layer: {message}", [FieldError("layer", message)])


def _held(memory: Memory, layer: str) -> Iterator[tuple[str, Layer, str]]:
    """Key, slice and kind of unit of every experiment that has a slice of a layer, the uncommitted included."""
    rows = {row.id: row for row, _ in memory.store.reader().experiments()} | memory.batch.experiments
    for row in rows.values():
        if row.status in HOLDING and '"layer":{' in row.definition:
            definition = json.loads(row.definition)
            if definition["layer"]["key"] == layer:
                yield row.key, Layer.model_validate(definition["layer"]), definition["unit_kind"]


def _slice(layer: Layer) -> str:
    return f"[{layer.lower:g}, {layer.upper:g})"
