"""Files that cannot be used, that fill up, that others hold: a clear error, and nothing overwritten."""

import contextlib
import hashlib
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import sqlite_utils
from experiments import define, started, sums

from bandit import Engine, StoreBusy, StoreError, StoreUnusable
from bandit.migrations import migrations
from bandit.sqlite import SCHEMA, SQLiteStore


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_missing_folder(tmp_path):
    with pytest.raises(StoreUnusable, match=r"nowhere/a.db: cannot be opened, its folder does not exist"):
        Engine(tmp_path / "nowhere" / "a.db")


def test_a_folder_that_cannot_be_written(tmp_path):
    folder = tmp_path / "sealed"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    if os.access(folder, os.W_OK):  # root may write anywhere, except where there is nothing to write to
        folder = Path("/proc/self")
    with pytest.raises(StoreUnusable, match="cannot be opened, it or its folder cannot be written"):
        Engine(folder / "a.db")


def test_a_file_that_is_no_database(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("these are notes, not a database\n" * 100)
    before = digest(path)
    with pytest.raises(StoreUnusable, match="not a SQLite database; nothing was changed"):
        Engine(path)
    assert digest(path) == before


def test_a_database_of_something_else(tmp_path):
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE songs (title TEXT)")
    connection.close()
    before = digest(path)
    with pytest.raises(StoreUnusable, match="but not one of multiarm; nothing was changed"):
        Engine(path)
    assert digest(path) == before


def test_a_database_of_a_newer_version(tmp_path):
    path = tmp_path / "new.db"
    Engine(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    before = digest(path)
    with pytest.raises(
        StoreUnusable, match=rf"written by a newer version of multiarm \(schema 999, this one knows {SCHEMA}\)"
    ):
        Engine(path)
    assert digest(path) == before


def test_a_damaged_database(tmp_path):
    path = tmp_path / "damaged.db"
    with Engine(path) as engine:
        started(engine)
        for n in range(200):
            engine.choose("copy", f"u{n}")
    content = bytearray(path.read_bytes())
    content[4096:40960] = os.urandom(36864)
    path.write_bytes(content)
    before = digest(path)
    with pytest.raises(StoreError, match=r"damaged|malformed|could not"), Engine(path) as engine:
        engine.choose_batch([{"experiment": "copy", "unit": f"u{n}"} for n in range(300)])
    assert digest(path) == before


def fill(engine, name, kept):
    """Decides for units, and keeps the ids, until the engine refuses."""
    for n in range(100_000):
        kept.append(engine.choose("copy", f"{name}-{n}").id)


@pytest.mark.parametrize("durable", [True, False])
def test_a_full_disk(tmp_path, durable):
    """SQLite's own limit on pages stands for the disk's."""
    with Engine(tmp_path / "a.db", durable=durable, seed=1) as engine:
        started(engine)
        kept = [engine.choose("copy", f"u{n}").id for n in range(50)]
        engine._journal.flush()
        pages = engine._store._writer.execute("PRAGMA page_count").fetchone()[0]
        engine._store._writer.execute(f"PRAGMA max_page_count = {pages + 1}")
        for name in ("u", "v"):
            with pytest.raises(StoreError, match="full"):
                fill(engine, name, kept)
        engine._store._writer.execute("PRAGMA max_page_count = 100000")
        if not durable:
            engine._journal._write()
        for decision in kept:
            assert engine.reward(decision, 1) == "applied"
        assert sum(count for count, _ in sums(engine).values()) == len(kept)
        assert engine.verify() == []


def test_a_locked_file(tmp_path, monkeypatch):
    monkeypatch.setattr("bandit.sqlite.BUSY_SECONDS", 0.05)
    with Engine(tmp_path / "a.db") as engine:
        started(engine)
        other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match="held by another process"):
            engine.choose("copy", "u")
        other.execute("COMMIT")
        other.close()
        assert engine.choose("copy", "u").reason == "drawn"
        assert engine.verify() == []


def test_a_background_journal_wants_the_file_alone(tmp_path):
    path = tmp_path / "a.db"
    with Engine(path, durable=False), pytest.raises(StoreBusy, match="keeps it alone for its background journal"):
        Engine(path)
    with Engine(path), pytest.raises(StoreBusy, match="wants it alone for its background journal"):
        Engine(path, durable=False)
    Engine(path, durable=False).close()


def test_reading_only(tmp_path):
    path = tmp_path / "a.db"
    with pytest.raises(StoreUnusable, match="there is no such file"):
        SQLiteStore(path, read_only=True)
    assert list(tmp_path.iterdir()) == []
    with Engine(path) as engine:
        engine.create(define())
        store = SQLiteStore(path, read_only=True)
        with store.snapshot() as reader:
            assert reader.experiment("copy") is not None
        with pytest.raises(StoreError, match="readonly"), store.transaction():
            pass
        store.close()


def test_rows_of_any_number_are_written(tmp_path):
    with Engine(tmp_path / "a.db") as engine:
        started(engine, sticky=False)
        for size in (1, 3, 4, 17, 64, 255, 256, 257, 999):
            assert len({decision.id for decision in engine.choose_batch([{"experiment": "copy"}] * size)}) == size
        assert sum(variant.decisions for variant in engine.results("copy").variants) == 1856


def test_the_schemas_number_is_that_of_its_steps(tmp_path):
    assert len(migrations.pending(sqlite_utils.Database(memory=True))) == SCHEMA
    Engine(tmp_path / "a.db").close()
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        assert migrations.pending(sqlite_utils.Database(connection)) == []


def test_several_processes_make_one_database(tmp_path):
    script = "import sys; from bandit import Engine; Engine(sys.argv[1]).close()"
    processes = [subprocess.Popen([sys.executable, "-c", script, tmp_path / "a.db"]) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
