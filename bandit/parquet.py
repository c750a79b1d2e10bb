"""An experiment's log as Parquet, a row a decision with all that it earned; needs the extra `research`."""

from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from bandit.decision import encode
from bandit.errors import InvalidInput
from bandit.rows import ExperimentRow, Standing, TrialRow
from bandit.running import Running, load
from bandit.store import Reader
from bandit.trial import Outcome, Record

ROWS_AT_ONCE = 20_000


def write_log(reader: Reader, row: ExperimentRow, standing: Standing, path: Path) -> int:
    """Writes every decision of an experiment, in their order, in a stream.

    Times are UTC. `context`, `attributes`, `eligible` and `probabilities` (of all variants, as they were drawn from)
    are JSON. `trial_id` is the decision that opened the trial; that one's row has in `earned_METRIC` what the trial has
    earned of each metric, and each row in `value_METRIC` what was told of its decision, and in `metadata_METRIC` a JSON
    array of the metadata of all those events, in their order; null where none came with any.

    Args:
        reader: Of one moment.
        row: The experiment.
        standing: Where it is.
        path: The file, which is overwritten.

    Returns:
        How many decisions were written.

    Raises:
        InvalidInput: PyArrow is not installed.
    """
    try:
        pyarrow: Any = import_module("pyarrow")  # it comes without types
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError as error:
        raise InvalidInput("Parquet needs PyArrow; install multiarm[research]") from error
    running = load(row, standing)
    running.experiment.check_log()
    schema = _schema(pyarrow, running)
    written = 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for decisions in _several(reader.log(row.id)):
            writer.write_table(pyarrow.Table.from_pylist([_row(reader, running, each) for each in decisions], schema))
            written += len(decisions)
    return written


def _schema(pyarrow: Any, running: Running) -> Any:
    text, number, moment = pyarrow.string(), pyarrow.float64(), pyarrow.timestamp("us", "UTC")
    fields = {
        "decision_id": text,
        "trial_id": text,
        "unit": text,
        "variant": text,
        "propensity": number,
        "probabilities": text,
        "epoch": pyarrow.int64(),
        "eligible": text,
        "decided_at": moment,
        "exposed_at": moment,
        "reason": text,
        "context": text,
        "attributes": text,
    }
    for metric in running.metrics:
        fields |= {f"value_{metric}": number, f"earned_{metric}": number, f"metadata_{metric}": text}
    return pyarrow.schema(list(fields.items()))


def _row(reader: Reader, running: Running, found: TrialRow) -> dict[str, object]:
    decision = found.head
    record = Record(running, decision)
    for kept in found.outcomes:
        outcome = record.outcomes[kept.metric] = Outcome()
        _, _, outcome.value, outcome.total, outcome.earned, outcome.fallback = kept
    earned = record.values() if decision.head == decision.id else {}
    row: dict[str, object] = {
        "decision_id": encode(decision.id),
        "trial_id": encode(decision.head),
        "unit": decision.unit,
        "variant": running.keys[decision.variant],
        "propensity": decision.propensity,
        "probabilities": found.probabilities,
        "epoch": decision.epoch,
        "eligible": decision.eligible or None,
        "decided_at": _moment(decision.decided_at),
        "exposed_at": _moment(decision.exposed_at),
        "reason": decision.reason,
        "context": decision.context,
        "attributes": decision.attributes,
    }
    told: dict[int, list[str]] = defaultdict(list)
    for _, place, metadata in reader.metadata(decision.id):
        told[place].append(metadata)
    for metric, place in running.metrics.items():
        kept_outcome = record.outcomes.get(place)
        row[f"value_{metric}"] = None if kept_outcome is None else kept_outcome.value
        row[f"earned_{metric}"] = earned.get(place)
        row[f"metadata_{metric}"] = f"[{','.join(told[place])}]" if place in told else None
    return row


def _moment(at: float | None) -> int | None:
    return None if at is None else round(at * 1e6)


def _several(found: Iterator[TrialRow]) -> Iterator[list[TrialRow]]:
    while rows := list(islice(found, ROWS_AT_ONCE)):
        yield rows
