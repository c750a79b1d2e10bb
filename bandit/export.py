"""An experiment's log as a table that other tools read: one row a trial, with its exact propensity."""

import csv
import json
from collections import Counter
from datetime import UTC, datetime
from typing import TextIO

from pydantic import JsonValue

from bandit.hindsight import DRAWN, earned
from bandit.rows import ExperimentRow, Standing, TrialRow
from bandit.running import load
from bandit.store import Reader

COLUMNS = ("timestamp", "action", "variant", "reward", "pscore")
PREFIX = "context_"


def open_bandit(reader: Reader, row: ExperimentRow, standing: Standing, file: TextIO) -> Counter[str]:
    """Writes the trials that were drawn anew and have a value of the primary metric, as CSV in their order.

    The columns are those of the Open Bandit Dataset's rounds: `timestamp` (UTC), `action` (an index of the variants),
    its key as `variant`, `reward`, `pscore` (the propensity, to its last digit), and a column for every member of the
    contexts, its name after `context_`; what is not a number or a text there is JSON.

    Args:
        reader: Of one moment; the trials are read twice, in a stream.
        row: The experiment.
        standing: Where it is.
        file: A text file that is opened with `newline=""`.

    Returns:
        How many trials were `written`, and how many left out because they are `unrewarded` or `repeated`.
    """
    running = load(row, standing)
    running.experiment.check_log()
    features = list(dict.fromkeys(name for trial in reader.trials(row.id) for name in _context(trial)))
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*COLUMNS, *(PREFIX + name for name in features)])
    sizes: Counter[str] = Counter()
    for trial in reader.trials(row.id):
        head = trial.head
        reward = earned(running, trial).get(running.primary)
        if head.reason not in DRAWN or reward is None:
            sizes["unrewarded" if head.reason in DRAWN else "repeated"] += 1
            continue
        at = datetime.fromtimestamp(head.decided_at, UTC).isoformat(sep=" ", timespec="microseconds")
        context = _context(trial)
        cells = (_cell(context.get(name)) for name in features)
        writer.writerow([at, head.variant, running.keys[head.variant], _cell(reward), repr(head.propensity), *cells])
        sizes["written"] += 1
    return sizes


def _context(trial: TrialRow) -> dict[str, JsonValue]:
    return {} if trial.head.context is None else json.loads(trial.head.context)


def _cell(value: JsonValue) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value).removesuffix(".0")
