"""The schema, as steps that are applied once each and in order."""

import sqlite3

import sqlite_utils
from sqlite_utils.migrations import Migrations

migrations = Migrations("multiarm")


@migrations()
def m001_ledger(database: sqlite_utils.Database) -> None:
    """Experiments, decisions, the ledger of events, and the sums that follow from them."""
    database.execute(
        """CREATE TABLE experiments (
            id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, definition TEXT NOT NULL, status TEXT NOT NULL,
            epoch INTEGER NOT NULL DEFAULT 0, learned INTEGER NOT NULL DEFAULT 0, weighed INTEGER NOT NULL DEFAULT 0,
            revision INTEGER NOT NULL DEFAULT 0)"""
    )
    database.execute("CREATE INDEX experiments_by_revision ON experiments (revision)")
    database.execute(
        """CREATE TABLE changes (
            number INTEGER PRIMARY KEY, experiment INTEGER NOT NULL, action TEXT NOT NULL, at REAL NOT NULL,
            before TEXT NOT NULL, after TEXT NOT NULL, detail TEXT NOT NULL, idempotency_key TEXT UNIQUE)"""
    )
    database.execute(
        """CREATE TABLE epochs (
            experiment INTEGER NOT NULL, epoch INTEGER NOT NULL, eligible TEXT NOT NULL, weights TEXT NOT NULL,
            probabilities TEXT NOT NULL, started_at REAL NOT NULL,
            PRIMARY KEY (experiment, epoch, eligible)) WITHOUT ROWID"""
    )
    database.execute(
        """CREATE TABLE decisions (
            id INTEGER PRIMARY KEY, experiment INTEGER NOT NULL, unit TEXT, variant INTEGER NOT NULL,
            propensity REAL NOT NULL, epoch INTEGER NOT NULL, head INTEGER NOT NULL, decided_at REAL NOT NULL,
            exposed_at REAL, opened_at REAL, eligible TEXT NOT NULL, context TEXT, attributes TEXT,
            reason TEXT NOT NULL, idempotency_key TEXT)"""
    )
    database.execute(
        "CREATE UNIQUE INDEX decisions_by_key ON decisions (experiment, idempotency_key)"
        " WHERE idempotency_key IS NOT NULL"
    )
    database.execute(
        """CREATE TABLE units (
            experiment INTEGER NOT NULL, unit TEXT NOT NULL, eligible TEXT NOT NULL, head INTEGER NOT NULL,
            PRIMARY KEY (experiment, unit, eligible)) WITHOUT ROWID"""
    )
    database.execute(
        """CREATE TABLE events (
            number INTEGER PRIMARY KEY, decision INTEGER NOT NULL, metric INTEGER NOT NULL, kind TEXT NOT NULL,
            value REAL, idempotency_key TEXT, at REAL NOT NULL, status TEXT NOT NULL)"""
    )
    database.execute(
        "CREATE UNIQUE INDEX events_by_key ON events (decision, metric, idempotency_key)"
        " WHERE idempotency_key IS NOT NULL"
    )
    database.execute(
        """CREATE TABLE outcomes (
            decision INTEGER NOT NULL, metric INTEGER NOT NULL, value REAL,
            total REAL NOT NULL, earned INTEGER NOT NULL, fallback REAL,
            PRIMARY KEY (decision, metric)) WITHOUT ROWID"""
    )
    database.execute(
        """CREATE TABLE due (
            at REAL NOT NULL, decision INTEGER NOT NULL, metric INTEGER NOT NULL,
            PRIMARY KEY (decision, metric)) WITHOUT ROWID"""
    )
    database.execute("CREATE INDEX due_by_time ON due (at)")
    database.execute(
        """CREATE TABLE statistics (
            experiment INTEGER NOT NULL, epoch INTEGER NOT NULL, variant INTEGER NOT NULL, metric INTEGER NOT NULL,
            count REAL NOT NULL, total REAL NOT NULL, squares REAL NOT NULL, weighted REAL NOT NULL,
            PRIMARY KEY (experiment, epoch, variant, metric)) WITHOUT ROWID"""
    )
    database.execute(
        """CREATE TABLE learning (
            experiment INTEGER NOT NULL, period INTEGER NOT NULL, variant INTEGER NOT NULL,
            count REAL NOT NULL, total REAL NOT NULL, squares REAL NOT NULL, weighted REAL NOT NULL,
            PRIMARY KEY (experiment, period, variant)) WITHOUT ROWID"""
    )
    database.execute(
        """CREATE TABLE allocations (
            experiment INTEGER NOT NULL, epoch INTEGER NOT NULL, variant INTEGER NOT NULL,
            decisions REAL NOT NULL, trials REAL NOT NULL, expected REAL NOT NULL,
            PRIMARY KEY (experiment, epoch, variant)) WITHOUT ROWID"""
    )


@migrations()
def m002_contexts(database: sqlite_utils.Database) -> None:
    """What decisions in a context were drawn from, and what a policy learns from contexts."""
    database.execute("CREATE TABLE draws (decision INTEGER PRIMARY KEY, probabilities TEXT NOT NULL, note TEXT)")
    database.execute(
        """CREATE TABLE models (
            experiment INTEGER NOT NULL, period INTEGER NOT NULL, variant INTEGER NOT NULL, place INTEGER NOT NULL,
            total REAL NOT NULL, PRIMARY KEY (experiment, period, variant, place)) WITHOUT ROWID"""
    )
    database.execute(
        "CREATE TABLE snapshots (experiment INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, state BLOB NOT NULL)"
    )


@migrations()
def m003_control(database: sqlite_utils.Database) -> None:
    """An audit log of everything, documents beside experiments, alerts and their deliveries, when to look again."""
    database.execute(
        """CREATE TABLE audit (
            number INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, actor TEXT NOT NULL,
            action TEXT NOT NULL, at REAL NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL, detail TEXT NOT NULL,
            idempotency_key TEXT UNIQUE)"""
    )
    database.execute(
        "INSERT INTO audit SELECT number, 'experiment', experiments.key, '', action, at, before, after, detail,"
        " idempotency_key FROM changes JOIN experiments ON experiments.id = changes.experiment"
    )
    database.execute("DROP TABLE changes")
    database.execute("ALTER TABLE audit RENAME TO changes")
    database.execute("CREATE INDEX changes_by_key ON changes (kind, key)")
    database.execute(
        """CREATE TABLE documents (
            kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT, revision INTEGER NOT NULL,
            PRIMARY KEY (kind, key)) WITHOUT ROWID"""
    )
    database.execute("CREATE INDEX documents_by_revision ON documents (revision)")
    database.execute(
        """CREATE TABLE alerts (
            number INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
            severity TEXT NOT NULL, message TEXT NOT NULL, body TEXT NOT NULL)"""
    )
    database.execute(
        """CREATE TABLE deliveries (
            alert INTEGER NOT NULL, channel TEXT NOT NULL, tries INTEGER NOT NULL, due_at REAL, delivered_at REAL,
            error TEXT NOT NULL, PRIMARY KEY (alert, channel)) WITHOUT ROWID"""
    )
    database.execute("CREATE INDEX deliveries_by_time ON deliveries (due_at) WHERE due_at IS NOT NULL")
    database.execute("ALTER TABLE experiments ADD COLUMN wake_at REAL")
    database.execute("CREATE INDEX experiments_by_wake ON experiments (wake_at) WHERE wake_at IS NOT NULL")


@migrations()
def m004_metadata(database: sqlite_utils.Database) -> None:
    """What a reward says beside its value; few have any."""
    database.execute("ALTER TABLE events ADD COLUMN metadata TEXT")
    database.execute("CREATE INDEX events_with_metadata ON events (decision) WHERE metadata IS NOT NULL")


def migrate(connection: sqlite3.Connection) -> None:
    """Applies the steps that were not applied yet."""
    migrations.apply(sqlite_utils.Database(connection, execute_plugins=False))
