"""Files of older versions are brought up to date when they are opened, with all that is in them."""

import contextlib
import sqlite3

import pytest
import sqlite_utils
from experiments import started

from bandit import Engine, Feature, Metric, StoreUnusable
from bandit.migrations import m001_ledger, migrations
from bandit.sqlite import APPLICATION_ID, SCHEMA, SQLiteStore

FIRST = (
    "experiments",
    "changes",
    "epochs",
    "decisions",
    "units",
    "events",
    "outcomes",
    "due",
    "statistics",
    "learning",
    "allocations",
)
CHANGES = (
    "(SELECT changes.*, experiments.id AS experiment FROM new.changes"
    " JOIN new.experiments ON experiments.key = changes.key)"
)


@pytest.fixture
def old(tmp_path):
    """A file of schema 1, made by its own step, with an experiment that has run; and what its results were."""
    path, new = tmp_path / "old.db", tmp_path / "new.db"
    with Engine(new, seed=1) as engine:
        started(engine, metrics=[Metric(key="m", window="1d")])
        for n in range(40):
            engine.reward(engine.choose("copy", f"u{n}", context={"free": [n]}).id, n % 2)
        results = engine.results("copy")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        database = sqlite_utils.Database(connection, execute_plugins=False)
        steps = [step.name for step in migrations.pending(database)]
        migrations.apply(database, stop_before=steps[1])
        assert steps[0] == m001_ledger.__name__
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
        connection.execute("ATTACH ? AS new", (str(new),))
        kept = {row[0] for row in connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")}
        assert set(FIRST) <= kept
        assert not kept & {"draws", "models", "snapshots"}
        for table in FIRST:
            columns = ", ".join(row[1] for row in connection.execute(f"PRAGMA main.table_info({table})"))
            source = CHANGES if table == "changes" else f"new.{table}"
            connection.execute(f"INSERT INTO main.{table} SELECT {columns} FROM {source}")
    return path, results


def version(path):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


def test_a_file_of_the_first_schema_keeps_all_it_has(old):
    path, results = old
    assert version(path) == 1
    with Engine(path, seed=2) as engine:
        assert version(path) == SCHEMA
        assert engine.verify() == []
        with engine.reading() as reader:
            logged = [change for _, change in reader.changes("experiment", "copy", 1 << 62, 10)]
        assert [(change.action, change.actor, change.after) for change in logged] == [
            ("start", "", "running"),
            ("create", "", "draft"),
        ]
        assert engine.results("copy") == results
        assert engine.get("copy").features == []
        again = engine.choose("copy", "u3")
        assert again.reason == "sticky"
        assert engine.reward(again.id, 1, metadata={"order": 7}) == "applied"
        started(engine, "where", features=[Feature(key="hour")], sticky=False)
        for hour in range(10):
            engine.reward(engine.choose("where", context={"hour": hour}).id, hour % 2)
        assert engine.verify() == []
    with Engine(path) as engine:
        assert engine._memory.experiment("where").learner.state(0.0)[:, 0].sum() == 10
        assert engine.verify() == []


def test_a_file_that_is_only_read_is_not_brought_up_to_date(old):
    path, _ = old
    with pytest.raises(StoreUnusable, match=rf"older version .*\(schema 1, this one reads {SCHEMA}\); open it once"):
        SQLiteStore(path, read_only=True)
    assert version(path) == 1
    Engine(path).close()
    SQLiteStore(path, read_only=True).close()
