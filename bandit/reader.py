"""Queries of a SQLite store."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bandit.errors import StoreBusy, StoreError, StoreUnusable
from bandit.rows import (
    TRIALS,
    Alert,
    Cell,
    Change,
    DecisionRow,
    Delivery,
    Document,
    EpochRow,
    ExperimentRow,
    Grouping,
    Mentions,
    OutcomeRow,
    Selection,
    Standing,
    TrialRow,
)

BUSY_SECONDS = 10.0
PERIODS = 7  # of the forward decay; what is older has faded to less than `learner.FORGOTTEN`
_EXPERIMENT = "SELECT id, key, definition, status, epoch, learned, weighed FROM experiments"
_SELECTING = {
    "status": "status = ?",
    "type": "json_extract(definition, '$.type') = ?",
    "owner": "json_extract(definition, '$.owner') = ?",
    "tag": "EXISTS (SELECT 1 FROM json_each(definition, '$.tags') WHERE value = ?)",
    "text": "instr(folded(key || char(10) || json_extract(definition, '$.name')), folded(?)) > 0",
}
_DECISION = f"SELECT {', '.join('decisions.' + name for name in DecisionRow._fields)} FROM decisions"
_LOG = (
    f"SELECT {', '.join('decisions.' + name for name in DecisionRow._fields)},"
    " coalesce(draws.probabilities, epochs.probabilities) AS drawn,"
    f" {', '.join('outcomes.' + name for name in OutcomeRow._fields)} FROM decisions"
    " LEFT JOIN draws ON draws.decision = decisions.id"
    " LEFT JOIN epochs ON epochs.experiment = decisions.experiment AND epochs.epoch = decisions.epoch"
    " AND epochs.eligible = decisions.eligible LEFT JOIN outcomes ON outcomes.decision = decisions.id"
    " WHERE decisions.experiment = ?{0} ORDER BY decisions.id, outcomes.metric"
)
_TRIALS = _LOG.format(" AND decisions.head = decisions.id AND decisions.opened_at IS NOT NULL AND drawn IS NOT NULL")


class SQLiteReader:
    """Queries on one connection; a `Reader`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def _read(self, sql: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> list[Any]:
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise translated(error) from error

    def experiment(self, key: str) -> tuple[ExperimentRow, Standing] | None:
        return next(map(_experiment, self._read(f"{_EXPERIMENT} WHERE key = ?", (key,))), None)

    def experiments(self) -> list[tuple[ExperimentRow, Standing]]:
        return list(map(_experiment, self._read(f"{_EXPERIMENT} ORDER BY id")))

    def numbered(self, number: int) -> tuple[ExperimentRow, Standing] | None:
        return next(map(_experiment, self._read(f"{_EXPERIMENT} WHERE id = ?", (number,))), None)

    def select(self, selection: Selection, after: int, most: int) -> list[tuple[ExperimentRow, Standing]]:
        given = {name: value for name, value in selection._asdict().items() if value is not None}
        where = "".join(f" AND {_SELECTING[name]}" for name in given)
        parameters = (after, *given.values(), most)
        return list(map(_experiment, self._read(f"{_EXPERIMENT} WHERE id > ?{where} ORDER BY id LIMIT ?", parameters)))

    def change(self, idempotency_key: str) -> Change | None:
        columns = ", ".join(Change._fields)
        found = self._read(f"SELECT {columns} FROM changes WHERE idempotency_key = ?", (idempotency_key,))
        return Change(*found[0]) if found else None

    def changes(self, kind: str | None, key: str | None, before: int, most: int) -> list[tuple[int, Change]]:
        given = {"kind": kind, "key": key}
        where = "".join(f" AND {column} = ?" for column, value in given.items() if value is not None)
        rows = self._read(
            f"SELECT number, {', '.join(Change._fields)} FROM changes WHERE number < ?{where}"
            " ORDER BY number DESC LIMIT ?",
            (before, *(value for value in given.values() if value is not None), most),
        )
        return [(row[0], Change(*row[1:])) for row in rows]

    def alerts(
        self, kind: str | None, subject: str | None, severity: str | None, before: int, most: int
    ) -> list[tuple[int, Alert]]:
        given = {"kind": kind, "subject": subject, "severity": severity}
        where = "".join(f" AND {column} = ?" for column, value in given.items() if value is not None)
        rows = self._read(
            f"SELECT number, {', '.join(Alert._fields)} FROM alerts WHERE number < ?{where}"
            " ORDER BY number DESC LIMIT ?",
            (before, *(value for value in given.values() if value is not None), most),
        )
        return [(row[0], Alert(*row[1:])) for row in rows]

    def alert(self, number: int) -> Alert | None:
        found = self._read(f"SELECT {', '.join(Alert._fields)} FROM alerts WHERE number = ?", (number,))
        return Alert(*found[0]) if found else None

    def deliveries(self, alerts: Sequence[int]) -> list[Delivery]:
        columns = ", ".join(Delivery._fields)
        places = ", ".join("?" * len(alerts))
        sql = f"SELECT {columns} FROM deliveries WHERE alert IN ({places}) ORDER BY alert, channel"
        return [Delivery(*row) for row in self._read(sql, alerts)]

    def outbox(self, now: float, most: int, wait: float) -> list[Delivery]:
        columns = ", ".join(Delivery._fields)
        due = "due_at <= ? OR due_at > ? + ? * (1 << max(tries - 1, 0))"
        sql = f"SELECT {columns} FROM deliveries WHERE due_at IS NOT NULL AND ({due}) ORDER BY due_at LIMIT ?"
        return [Delivery(*row) for row in self._read(sql, (now, now, wait, most))]

    def awake(self, now: float, most: int) -> list[int]:
        sql = "SELECT id FROM experiments WHERE wake_at <= ? ORDER BY wake_at LIMIT ?"
        return [row[0] for row in self._read(sql, (now, most))]

    def alive(self) -> list[int]:
        sql = "SELECT id FROM experiments WHERE wake_at IS NOT NULL OR status IN ('running', 'paused')"
        return [row[0] for row in self._read(sql)]

    def documents(self, kind: str) -> list[Document]:
        sql = "SELECT kind, key, body FROM documents WHERE kind = ? AND body IS NOT NULL ORDER BY key"
        return [Document(*row) for row in self._read(sql, (kind,))]

    def document(self, kind: str, key: str) -> Document | None:
        sql = "SELECT kind, key, body FROM documents WHERE kind = ? AND key = ? AND body IS NOT NULL"
        found = self._read(sql, (kind, key))
        return Document(*found[0]) if found else None

    def learning(self, experiment: int) -> list[tuple[int, int, list[float]]]:
        rows = self._read(
            "SELECT period, variant, count, total, squares, weighted FROM learning WHERE experiment = ?", (experiment,)
        )
        return [(row[0], row[1], list(row[2:])) for row in rows]

    def models(self, experiment: int) -> list[tuple[int, int, int, float]]:
        return self._read(
            "SELECT period, variant, place, total FROM models WHERE experiment = ?1"
            " AND period > (SELECT max(period) FROM models WHERE experiment = ?1) - ?2",
            (experiment, PERIODS),
        )

    def snapshot(self, experiment: int, epoch: int) -> bytes | None:
        found = self._read("SELECT state FROM snapshots WHERE experiment = ? AND epoch = ?", (experiment, epoch))
        return found[0][0] if found else None

    def draw(self, decision: int) -> tuple[str, str, str | None] | None:
        found = self._read(
            "SELECT decisions.context, draws.probabilities, draws.note FROM draws"
            " JOIN decisions ON decisions.id = draws.decision WHERE draws.decision = ?",
            (decision,),
        )
        return found[0] if found else None

    def epoch(self, experiment: int, epoch: int, eligible: str) -> EpochRow | None:
        found = self._read(
            f"SELECT {', '.join(EpochRow._fields)} FROM epochs WHERE experiment = ? AND epoch = ? AND eligible = ?",
            (experiment, epoch, eligible),
        )
        return EpochRow(*found[0]) if found else None

    def decision(self, number: int) -> DecisionRow | None:
        found = self._read(f"{_DECISION} WHERE id = ?", (number,))
        return DecisionRow(*found[0]) if found else None

    def decided_for(self, unit: str, after: int) -> list[int]:
        return [row[0] for row in self._read("SELECT id FROM decisions WHERE id > ? AND unit = ?", (after, unit))]

    def mentions(self, text: str) -> Mentions:
        inside = json.dumps(text)[1:-1]  # as it stands in JSON that is ASCII
        given = {"text": text, "inside": inside}
        found = "instr({0}, :text) OR instr({0}, :inside)".format

        def rows(table: str, columns: tuple[str, ...], *searched: str) -> list[Any]:
            where = " OR ".join(map(found, searched))
            return self._read(f"SELECT {', '.join(columns)} FROM {table} WHERE {where}", given)

        return Mentions(
            [row[0] for row in rows("experiments", ("id",), "definition")],
            [Document(*row) for row in rows("documents", Document._fields, "body")],
            [
                (row[0], Change(*row[1:]))
                for row in rows("changes", ("number", *Change._fields), "detail", "idempotency_key")
            ],
            [(row[0], Alert(*row[1:])) for row in rows("alerts", ("number", *Alert._fields), "message", "body")],
        )

    def logged(self, experiment: int, after: int, most: int) -> list[int]:
        sql = "SELECT id FROM decisions WHERE id > ? AND experiment = ? ORDER BY id LIMIT ?"
        return [row[0] for row in self._read(sql, (after, experiment, most))]

    def told_of(self, experiment: int, after: int, most: int) -> list[int]:
        rows = self._read(
            "SELECT events.number FROM events CROSS JOIN decisions ON decisions.id = events.decision"
            " WHERE events.number > ? AND decisions.experiment = ? ORDER BY events.number LIMIT ?",
            (after, experiment, most),
        )
        return [row[0] for row in rows]

    def seats(self, experiment: int, most: int) -> list[tuple[int, str, str]]:
        return self._read(
            "SELECT experiment, unit, eligible FROM units WHERE experiment = ? LIMIT ?", (experiment, most)
        )

    def tokens(self, decision: int) -> list[tuple[int, str]]:
        return self._read(
            "SELECT number, idempotency_key FROM events WHERE decision = ? AND idempotency_key IS NOT NULL", (decision,)
        )

    def metadata(self, decision: int) -> list[tuple[int, int, str]]:
        sql = "SELECT number, metric, metadata FROM events WHERE decision = ? AND metadata IS NOT NULL ORDER BY number"
        return self._read(sql, (decision,))

    def keyed(self, experiment: int, idempotency_key: str) -> DecisionRow | None:
        found = self._read(f"{_DECISION} WHERE experiment = ? AND idempotency_key = ?", (experiment, idempotency_key))
        return DecisionRow(*found[0]) if found else None

    def seat(self, experiment: int, unit: str, eligible: str) -> DecisionRow | None:
        found = self._read(
            f"{_DECISION} JOIN units ON units.head = decisions.id WHERE units.experiment = ?"
            " AND units.unit = ? AND units.eligible = ?",
            (experiment, unit, eligible),
        )
        return DecisionRow(*found[0]) if found else None

    def has_units(self, experiment: int) -> bool:
        return bool(self._read("SELECT 1 FROM units WHERE experiment = ? LIMIT 1", (experiment,)))

    def outcomes(self, decision: int) -> list[OutcomeRow]:
        columns = ", ".join(OutcomeRow._fields)
        return [
            OutcomeRow(*row) for row in self._read(f"SELECT {columns} FROM outcomes WHERE decision = ?", (decision,))
        ]

    def keys(self, decision: int) -> list[tuple[int, str]]:
        return self._read(
            "SELECT metric, idempotency_key FROM events WHERE decision = ? AND idempotency_key IS NOT NULL", (decision,)
        )

    def due(self, now: float, most: int) -> list[tuple[float, int, int]]:
        return self._read("SELECT at, decision, metric FROM due WHERE at <= ? ORDER BY at LIMIT ?", (now, most))

    def last_experiment(self) -> int:
        return int(self._read("SELECT coalesce(max(id), 0) FROM experiments")[0][0])

    def last_decision(self) -> int:
        return int(self._read("SELECT coalesce(max(id), 0) FROM decisions")[0][0])

    def sizes(self, experiment: int, epoch: int) -> list[tuple[int, float, float, float]]:
        return self._read(
            "SELECT variant, decisions, trials, expected FROM allocations WHERE experiment = ? AND epoch = ?",
            (experiment, epoch),
        )

    def spread(self, experiment: int, most: int) -> list[tuple[int, float, int, float, float, float]]:
        return self._read(
            "SELECT epochs.epoch, epochs.started_at, variant, decisions, trials, expected FROM allocations"
            " JOIN epochs ON epochs.experiment = allocations.experiment AND epochs.epoch = allocations.epoch"
            " AND eligible = '' WHERE allocations.experiment = ?1 AND allocations.epoch >= ("
            "SELECT min(epoch) FROM (SELECT DISTINCT epoch FROM allocations WHERE experiment = ?1 AND epoch > 0"
            " ORDER BY epoch DESC LIMIT ?2)) AND allocations.epoch > 0 ORDER BY epochs.epoch DESC, variant",
            (experiment, most),
        )

    def sums(self, experiment: int, epoch: int) -> list[tuple[int, int, list[float]]]:
        rows = self._read(
            "SELECT variant, metric, count, total, squares, weighted FROM statistics"
            " WHERE experiment = ? AND epoch = ?",
            (experiment, epoch),
        )
        return [(row[0], row[1], list(row[2:])) for row in rows]

    def sums_since(self, experiment: int, epoch: int) -> list[tuple[int, int, list[float]]]:
        if epoch <= 1:
            return self.sums(experiment, 0)
        rows = self._read(
            "SELECT variant, metric, sum(count), sum(total), sum(squares), sum(weighted) FROM statistics"
            " WHERE experiment = ? AND epoch >= ? GROUP BY variant, metric",
            (experiment, epoch),
        )
        return [(row[0], row[1], list(row[2:])) for row in rows]

    def last_epoch(self, experiment: int, before: float) -> int:
        found = self._read(
            "SELECT epoch FROM epochs WHERE experiment = ? AND started_at < ? ORDER BY epoch DESC LIMIT 1",
            (experiment, before),
        )
        return int(found[0][0]) if found else 0

    def trials(self, experiment: int) -> Iterator[TrialRow]:
        return self._grouped(_TRIALS, experiment)

    def log(self, experiment: int) -> Iterator[TrialRow]:
        return self._grouped(_LOG.format(""), experiment)

    def _grouped(self, sql: str, experiment: int) -> Iterator[TrialRow]:
        """Decisions with their outcomes, from a row for each pair of them."""
        width = len(DecisionRow._fields)
        found: TrialRow | None = None
        try:
            for row in self._connection.execute(sql, (experiment,)):
                if found is None or found.head.id != row[0]:
                    if found is not None:
                        yield found
                    found = TrialRow(DecisionRow(*row[:width]), row[width], [])
                if row[width + 1] is not None:
                    found.outcomes.append(OutcomeRow(*row[width + 1 :]))
        except sqlite3.Error as error:
            raise translated(error) from error
        if found is not None:
            yield found

    def told(self, experiment: int, metric: int) -> list[tuple[int, float]]:
        return self._read(
            "SELECT decisions.head, max(events.at) FROM events JOIN decisions ON decisions.id = events.decision"
            " WHERE decisions.experiment = ? AND events.metric = ? GROUP BY 1",
            (experiment, metric),
        )

    def cells(self, experiment: int, by: Grouping, ranges: Sequence[tuple[float, float, float]]) -> Iterator[Cell]:
        group, parameters = "NULL", list[object]()
        if by.attribute is not None:
            group = "(SELECT value FROM json_each(decisions.attributes) WHERE json_each.key = ?)"
            parameters = [by.attribute]
        elif by.seconds is not None:
            group, parameters = "CAST((decisions.decided_at - ?) / ? AS INTEGER)", [by.start, by.seconds]
        place = f"SELECT {group} AS part, decisions.epoch, decisions.eligible, decisions.variant"
        trials = "decisions.experiment = ? AND decisions.head = decisions.id AND decisions.opened_at IS NOT NULL"
        counts = f"{place}, -1, count(*), 0.0, 0.0 FROM decisions WHERE {trials} GROUP BY 1, 2, 3, 4"
        value = "CASE WHEN earned THEN min(max(outcomes.total, ?), ?) ELSE fallback END - ?"
        sums = (
            f"SELECT part, epoch, eligible, variant, ?, count(*), total(value), total(value * value) FROM"
            f" ({place}, {value} AS value FROM decisions JOIN outcomes ON outcomes.decision = decisions.id"
            f" WHERE {trials} AND outcomes.metric = ? AND (earned OR fallback IS NOT NULL)) GROUP BY 1, 2, 3, 4"
        )
        try:
            yield from (Cell(*row) for row in self._connection.execute(counts, (*parameters, experiment)))
            for metric, (lower, upper, origin) in enumerate(ranges):
                given = (metric, *parameters, lower, upper, origin, experiment, metric)
                yield from (Cell(*row) for row in self._connection.execute(sums, given))
        except sqlite3.Error as error:
            raise translated(error) from error

    def crossed(self, experiment: int) -> tuple[int, int]:
        ((units, crossed),) = self._read(
            "SELECT count(*), total(several) FROM (SELECT max(variant) > min(variant) AS several FROM decisions"
            " WHERE experiment = ? AND unit IS NOT NULL AND exposed_at IS NOT NULL GROUP BY unit)",
            (experiment,),
        )
        return units, int(crossed)

    def epochs(self, experiment: int) -> list[EpochRow]:
        columns = ", ".join(EpochRow._fields)
        sql = f"SELECT {columns} FROM epochs WHERE experiment = ? ORDER BY epoch, eligible"
        return [EpochRow(*row) for row in self._read(sql, (experiment,))]

    def distributions(self, experiment: int) -> list[tuple[int, str, str]]:
        return self._read(
            "SELECT epoch, eligible, probabilities FROM epochs WHERE experiment = ? ORDER BY epoch, eligible",
            (experiment,),
        )

    def history(self, experiment: int, metric: int) -> Iterator[tuple[int, int, float, float, float]]:
        columns, table, parameters = "count, total, squares", "statistics", [experiment, metric]
        where = "experiment = ? AND metric = ? AND epoch > 0"
        if metric == TRIALS:
            columns, table, parameters = "trials, 0.0, 0.0", "allocations", [experiment]
            where = "experiment = ? AND epoch > 0 AND trials > 0"
        try:
            yield from self._connection.execute(
                f"SELECT epoch, variant, {columns} FROM {table} WHERE {where}", parameters
            )
        except sqlite3.Error as error:
            raise translated(error) from error

    def schema(self) -> int:
        return int(self._read("PRAGMA user_version")[0][0])

    def tables(self) -> dict[str, tuple[str, ...]]:
        rows = self._read(
            "SELECT tables.name, columns.name FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns"
            " WHERE tables.type = 'table' AND substr(tables.name, 1, 7) NOT IN ('sqlite_', '_sqlite')"
            " ORDER BY tables.name, columns.cid"
        )
        tables: dict[str, tuple[str, ...]] = {}
        for table, column in rows:
            tables[table] = (*tables.get(table, ()), column)
        return tables

    def rows(self, table: str) -> Iterator[Sequence[Any]]:
        try:
            yield from self._connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2")
        except sqlite3.Error as error:
            raise translated(error) from error


def translated(error: sqlite3.Error) -> StoreError:
    """SQLite's error as one of ours."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreBusy(f"the store is held by another process for more than {BUSY_SECONDS:g} s; try again")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return StoreUnusable(f"the store's file is damaged: {error}")
    return StoreError(f"the store could not keep it: {error}")


def _experiment(row: Sequence[Any]) -> tuple[ExperimentRow, Standing]:
    return ExperimentRow(*row[:4]), Standing(*row[4:])
