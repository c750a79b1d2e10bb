"""The whole system in a file and back: the same answers there, and nothing of an archive that is not whole."""

import base64
import contextlib
import hashlib
import json
import random
import sqlite3
import zipfile

import pytest
from experiments import define, started
from receiver import SECRET

from bandit import Engine, Feature, InvalidInput, Metric, StoreBusy, StoreError, WrongState
from bandit.archive import restore
from policies import LogisticThompson

UNITS = [f"u{number}" for number in range(60)]


@pytest.fixture
def path(tmp_path):
    """A database that has something of everything."""
    path = tmp_path / "a.db"
    with Engine(path, seed=3) as engine:
        started(engine, metrics=[Metric(key="m", window="1d", missing=0.0)])
        started(engine, "split", type="ab_test")
        started(engine, "where", policy=LogisticThompson(), features=[Feature(key="hour")])
        engine.create(define("draft"))
        engine.channels.create({"key": "hook", "type": "webhook", "url": "https://example.org", "secret": SECRET})
        for number, unit in enumerate(UNITS[:40]):
            told = {"order": [number, "é"]} if number % 2 else None
            engine.reward(engine.choose("copy", unit, attributes={"plan": "pro"}).id, number % 2, metadata=told)
            engine.reward(engine.choose("split", unit, idempotency_key=unit).id, number % 2)
            engine.reward(engine.choose("where", unit, context={"hour": number % 5}).id, number % 2)
            engine.choose("copy", defer=True)
    return path


def tables(path):
    """Every row of every table."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2, 3").fetchall()
            for name in names
            if "sqlite" not in name
        }


def archive(path, tmp_path):
    with Engine(path) as engine:
        engine.export(tmp_path / "all.zip")
    return tmp_path / "all.zip"


def test_there_and_back(path, tmp_path):
    file = archive(path, tmp_path)
    other = tmp_path / "b.db"
    restore(file, other)
    assert tables(other) == tables(path)
    with Engine(path) as engine, Engine(other) as copy:
        assert copy.verify() == []
        assert copy.list() == engine.list()
        assert copy.channels.list() == engine.channels.list()
        for key in ("copy", "split", "where"):
            assert copy.results(key) == engine.results(key)
        for unit in UNITS[:40]:
            assert copy.choose("copy", unit)[2:] == engine.choose("copy", unit)[2:]
            context = {"hour": 1}
            assert copy.choose("where", unit, context=context)[2:] == engine.choose("where", unit, context=context)[2:]
        for unit in UNITS:
            assert copy.choose("split", unit).variant == engine.choose("split", unit).variant
        for unit in UNITS[:40]:
            again = copy.choose("split", unit, idempotency_key=unit)
            assert again == engine.choose("split", unit, idempotency_key=unit)
            assert copy.reward(again.id, 0) == "applied"
        assert copy.verify() == []


def test_an_export_of_an_import_is_the_same(path, tmp_path):
    restore(archive(path, tmp_path), tmp_path / "b.db")
    (tmp_path / "again").mkdir()
    parts = [zipfile.ZipFile(file) for file in (tmp_path / "all.zip", archive(tmp_path / "b.db", tmp_path / "again"))]
    assert parts[0].namelist() == parts[1].namelist()
    for name in parts[0].namelist():
        if name != "manifest.json":
            assert parts[0].read(name) == parts[1].read(name)
    for part in parts:
        part.close()


def test_it_is_of_one_moment_while_others_write(path, tmp_path):
    with Engine(path) as engine, engine.reading() as reader:
        before = len(list(reader.rows("decisions")))
        engine.choose("copy", "late")
        from bandit.archive import export

        manifest = export(reader, tmp_path / "all.zip", 0.0)
    assert manifest.tables["decisions"].rows == before


@pytest.mark.parametrize("durable", [True, False])
def test_a_backup_is_the_database(tmp_path, durable):
    with Engine(tmp_path / "a.db", durable=durable) as engine:
        started(engine)
        for unit in UNITS:
            engine.choose("copy", unit)
        engine.backup(tmp_path / "backup.db")
        expected = engine.results("copy")
    assert (tmp_path / "backup.db").stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob(".*"))
    with Engine(tmp_path / "backup.db") as copy:
        assert copy.results("copy") == expected
        assert copy.verify() == []


def test_what_is_only_in_memory_can_be_saved(tmp_path):
    with Engine() as engine:
        started(engine)
        engine.choose("copy", "u")
        engine.backup(tmp_path / "backup.db")
        engine.export(tmp_path / "all.zip")
    restore(tmp_path / "all.zip", tmp_path / "b.db")
    assert tables(tmp_path / "b.db")["decisions"] == tables(tmp_path / "backup.db")["decisions"] != []


@pytest.mark.parametrize("verb", ["export", "backup"])
def test_nothing_is_overwritten_and_nothing_half_done_is_left(tmp_path, verb):
    (tmp_path / "there").write_text("mine")
    with Engine() as engine:
        with pytest.raises(InvalidInput, match=r"out: .*there exists already; give a new file"):
            getattr(engine, verb)(tmp_path / "there")
        with pytest.raises(InvalidInput, match=r"out: .*its folder does not exist"):
            getattr(engine, verb)(tmp_path / "nowhere" / "there")
        engine._store.close()
        with pytest.raises(Exception, match="closed"):
            getattr(engine, verb)(tmp_path / "new")
    assert [file.name for file in tmp_path.iterdir()] == ["there"]
    assert (tmp_path / "there").read_text() == "mine"


def test_only_an_empty_database_is_filled(path, tmp_path):
    file = archive(path, tmp_path)
    before = tables(path)
    with pytest.raises(WrongState, match=r"a.db: has allocations, changes, .*; an archive goes into a new or empty"):
        restore(file, path)
    assert tables(path) == before
    with Engine(tmp_path / "empty.db"):
        pass
    restore(file, tmp_path / "empty.db")
    assert tables(tmp_path / "empty.db") == before


def test_not_while_another_process_has_it_open(path, tmp_path):
    file = archive(path, tmp_path)
    with Engine(tmp_path / "b.db") as engine:
        with pytest.raises(StoreBusy):
            restore(file, tmp_path / "b.db")
        assert engine.list() == []


def changed(file, tmp_path, **manifest):
    """The archive with other words in its manifest."""
    other = tmp_path / "changed.zip"
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, json.dumps({**json.loads(data), **manifest}) if name == "manifest.json" else data)
    return other


REFUSED = [
    ({"format": 2}, r"written by a newer version of multiarm \(format 2, this one knows 1\); nothing was changed"),
    ({"format": 0}, r"written by an older version of multiarm \(format 0, this one reads 1\); nothing was changed"),
    ({"schema_version": 99}, r"newer version of multiarm \(schema_version 99, this one knows \d+\)"),
    ({"schema_version": 1}, r"older version of multiarm \(schema_version 1, this one reads 3 to \d+\).*export it anew"),
    ({"format": "x"}, "damaged or not an archive of multiarm: format is 'x'"),
    ({"tables": {}}, "does not hold the parts that its manifest.json names"),
    ({"tables": 3}, "tables: Input should be a valid dictionary"),
]


@pytest.mark.parametrize(("manifest", "why"), REFUSED)
def test_archives_of_other_versions(path, tmp_path, manifest, why):
    file = changed(archive(path, tmp_path), tmp_path, **manifest)
    with pytest.raises(InvalidInput, match=why):
        restore(file, tmp_path / "b.db")
    assert not list(tmp_path.glob("b.db*"))


def of_schema_3(file, tmp_path):
    """The archive as it would have been before events had metadata."""
    other = tmp_path / "old.zip"
    with zipfile.ZipFile(file) as new, zipfile.ZipFile(other, "w") as old:
        parts = {name: new.read(name) for name in new.namelist()}
        rows = [json.loads(line) for line in parts["events.jsonl"].splitlines()]
        for row in rows:
            del row["metadata"]
        parts["events.jsonl"] = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        manifest = json.loads(parts["manifest.json"])
        manifest["schema_version"] = 3
        events = manifest["tables"]["events"]
        events["columns"].remove("metadata")
        events["sha256"] = hashlib.sha256(parts["events.jsonl"]).hexdigest()
        parts["manifest.json"] = json.dumps(manifest).encode()
        for name, data in parts.items():
            old.writestr(name, data)
    return other


def test_an_archive_of_before_there_was_metadata(path, tmp_path):
    restore(of_schema_3(archive(path, tmp_path), tmp_path), tmp_path / "b.db")
    expected = tables(path)
    expected["events"] = [(*row[:8], None) for row in expected["events"]]
    assert tables(tmp_path / "b.db") == expected
    with Engine(tmp_path / "b.db") as engine:
        assert engine.verify() == []
        assert engine.reward(engine.choose("copy", "u0").id, 1, metadata={"order": 1}) == "applied"


@pytest.mark.parametrize("claimed", [3, 4])
def test_an_archive_has_the_columns_of_its_version(path, tmp_path, claimed):
    whole = archive(path, tmp_path)
    file = changed(whole if claimed == 3 else of_schema_3(whole, tmp_path), tmp_path, schema_version=claimed)
    with pytest.raises(InvalidInput, match="its tables are not those of its version"):
        restore(file, tmp_path / "b.db")


def test_files_that_are_no_archives(tmp_path):
    (tmp_path / "notes").write_text("notes")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        other.writestr("a", "b")
    for name, why in (("notes", "damaged or not an archive"), ("other.zip", "has no manifest"), ("no", "No such file")):
        with pytest.raises(InvalidInput, match=why):
            restore(tmp_path / name, tmp_path / "b.db")
    assert not list(tmp_path.glob("b.db*"))


def rewritten(file, tmp_path, table, data):
    """The archive with other lines in a table, and no new digest."""
    other = tmp_path / "rewritten.zip"
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            new.writestr(name, data(old.read(name)) if name == f"{table}.jsonl" else old.read(name))
    return other


WRONG = {
    "a row is missing": ("decisions", lambda data: data.partition(b"\n")[2]),
    "a number differs": ("decisions", lambda data: data.replace(b'"propensity": 0.5', b'"propensity": 0.6')),
    "a row is none": ("events", lambda data: data + b"[]\n"),
    "a row is no JSON": ("events", lambda data: data[:-5]),
    "a cell is none": ("events", lambda data: data.replace(b'"kind": "reward"', b'"kind": [1]')),
    "a row twice": ("units", lambda data: data + data),
    "a definition that is not understood": ("experiments", lambda data: data.replace(b"thompson_beta", b"future")),
    "a state that is no base64": ("snapshots", lambda data: data.replace(b'"base64": "', b'"base64": "*')),
}


@pytest.mark.parametrize("what", WRONG)
def test_archives_that_were_changed(path, tmp_path, what):
    table, data = WRONG[what]
    if table == "snapshots":
        with Engine(path) as engine:
            engine.update("where", {"reweight": {"every": "1h"}})
    file = rewritten(archive(path, tmp_path), tmp_path, table, data)
    with pytest.raises((InvalidInput, StoreError)):
        restore(file, tmp_path / "b.db")
    assert not list(tmp_path.glob("b.db*"))


def test_whatever_byte_is_lost_it_is_refused_or_makes_no_difference(path, tmp_path):
    whole = archive(path, tmp_path).read_bytes()
    expected = tables(path)
    moment = random.Random(5)
    refused = 0
    for number in range(60):
        damaged = bytearray(whole)
        place = moment.randrange(len(whole))
        if number % 3 == 0:
            del damaged[place:]
        else:
            damaged[place] ^= 1 << moment.randrange(8)
        file = tmp_path / "damaged.zip"
        file.write_bytes(damaged)
        try:
            restore(file, tmp_path / "b.db")
        except (InvalidInput, StoreError):
            refused += 1
        else:
            assert tables(tmp_path / "b.db") == expected
        for left in tmp_path.glob("b.db*"):
            left.unlink()
    assert refused > 40


def test_bytes_are_kept_in_base64(path, tmp_path):
    with Engine(path) as engine:
        engine.update("where", {"reweight": {"every": "1h"}})
    with zipfile.ZipFile(archive(path, tmp_path)) as file:
        (line,) = file.read("snapshots.jsonl").splitlines()
    assert base64.b64decode(json.loads(line)["state"]["base64"]) == tables(path)["snapshots"][0][2]
