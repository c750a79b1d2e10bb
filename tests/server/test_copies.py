"""The commands that copy everything, beside a server that goes on writing."""

import json
import threading

import pyarrow.parquet
import pytest
from click.testing import CliRunner
from openfeature.track import TrackingEventDetails

from bandit import Client, Engine, MultiarmError
from bandit.openfeature import Provider
from bandit.reward import RewardRequest
from server.command import main


def run(*arguments):
    return CliRunner().invoke(main, [str(part) for part in arguments])


@pytest.fixture
def db(tmp_path, copy):
    path = tmp_path / "test.db"
    with Engine(path, seed=2) as engine:
        engine.create(copy)
        engine.start("copy")
        for number in range(10):
            decision = engine.choose("copy", f"u{number}")
            engine.reward(decision.id, number % 2)
    return path


def test_export_and_import(db, tmp_path):
    done = run("export", "--db", db, "--out", tmp_path / "all.zip")
    assert (done.exit_code, done.stderr) == (0, "1 experiments, 0 documents, 10 decisions, 10 events\n")
    assert run("import", tmp_path / "all.zip", "--db", tmp_path / "b.db").exit_code == 0
    assert run("verify", "--db", tmp_path / "b.db").output == "ok: 1 experiments, 10 decisions, 10 events\n"
    results = [run("results", "copy", "--json", "--db", path).output for path in (db, tmp_path / "b.db")]
    assert results[0] == results[1]
    again = run("import", tmp_path / "all.zip", "--db", tmp_path / "b.db")
    assert again.exit_code == 1
    assert "an archive goes into a new or empty database" in again.output


def test_a_log_as_parquet(db, tmp_path):
    done = run("export", "copy", "--format", "parquet", "--db", db, "--out", tmp_path / "log.parquet")
    assert (done.exit_code, done.stderr) == (0, "10 decisions written\n")
    table = pyarrow.parquet.read_table(tmp_path / "log.parquet")
    assert table["unit"].to_pylist() == [f"u{number}" for number in range(10)]
    assert table["earned_purchase"].to_pylist() == [0.0, 1.0] * 5
    assert table["metadata_purchase"].to_pylist() == [None] * 10


def test_metadata_from_afar_are_in_the_log(db, start, tmp_path):
    with Client(start("test.db").url) as client:
        ids = [client.choose("copy", f"u{number}").id for number in range(4)]
        client.reward(ids[0], 1, metadata={"order": 1})
        client.reward(ids[0], 0)
        client.reward(ids[0], 1, metadata={"order": 2})
        client.reward_batch(
            [
                {"decision_id": ids[1], "value": 1, "metadata": {"é": [None, 1.5]}},
                RewardRequest(decision_id=ids[1], value=2.5, metric="spent", metadata={}),
            ]
        )
        client.track("spent", decision_id=ids[2], value=5, metadata={"page": 1})
        details = TrackingEventDetails(6.0, {"decision_id": ids[2], "page": 2, "of": ("a", "b")})
        Provider(client).track("spent", None, details)
        client.track("purchase", decision_id=ids[3])
    run("export", "copy", "--format", "parquet", "--db", db, "--out", tmp_path / "log.parquet")
    rows = {row["decision_id"]: row for row in pyarrow.parquet.read_table(tmp_path / "log.parquet").to_pylist()}
    kept = [[rows[number][f"metadata_{metric}"] for metric in ("purchase", "spent")] for number in ids]
    assert [[text and json.loads(text) for text in pair] for pair in kept] == [
        [[{"order": 1}, {"order": 2}], None],
        [[{"é": [None, 1.5]}], [{}]],
        [None, [{"page": 1}, {"page": 2, "of": ["a", "b"]}]],
        [None, None],
    ]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["export"], "--out is missing"),
        (["export", "copy"], "KEY and --format belong together"),
        (["export", "--format", "obd"], "KEY and --format belong together"),
        (["export", "copy", "--format", "parquet"], "--out is missing"),
        (["export", "nope", "--format", "parquet", "--out", "x"], "experiment 'nope' is unknown"),
        (["export", "--out", "nowhere/x"], "its folder does not exist"),
        (["backup", "--out", "test.db"], "test.db exists already; give a new file"),
        (["import", "test.db", "--db", "new.db"], "not an archive of multiarm"),
        (["import", "no.zip", "--db", "new.db"], "No such file or directory"),
    ],
)
def test_wrong_use(db, tmp_path, monkeypatch, arguments, why):
    monkeypatch.chdir(tmp_path)
    more = [] if "--db" in arguments else ["--db", "test.db"]
    done = run(*arguments, *more)
    assert done.exit_code in (1, 2)
    assert why in done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["test.db", "test.db-owner"]


def test_while_a_server_is_writing(db, start, tmp_path):
    server = start("test.db", "--workers", "2")
    over = threading.Event()
    decided = []

    def work():
        with Client(server.url) as client:
            number = 0
            while not over.is_set():
                try:
                    decision = client.choose("copy", f"late{number}")
                    client.reward(decision.id, 1)
                except MultiarmError:
                    return
                decided.append(decision.id)
                number += 1

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(3):
            assert run("backup", "--db", db, "--out", tmp_path / f"backup{number}.db").exit_code == 0
            assert run("export", "--db", db, "--out", tmp_path / f"all{number}.zip").exit_code == 0
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert server.stop() == 0
    assert decided
    sizes = []
    for number in range(3):
        assert run("import", tmp_path / f"all{number}.zip", "--db", tmp_path / f"copy{number}.db").exit_code == 0
        for path in (tmp_path / f"backup{number}.db", tmp_path / f"copy{number}.db"):
            with Engine(path) as engine:
                assert engine.verify() == []
                sizes.append(sum(variant.decisions for variant in engine.results("copy").variants))
    assert sizes == sorted(sizes)


def test_verify_names_what_it_could_not_replay(db, tmp_path):
    with Engine(db) as engine:
        engine.stop("copy")
        engine.archive("copy")
        engine.settings.update({"retention_days": 1e-9})
        assert engine.retain() is True
    assert "not replayed, because their logs were removed: copy\n" in run("verify", "--db", db).output
    assert '"not_replayed": ["copy"]' in run("verify", "--json", "--db", db).output
    refused = run("export", "copy", "--format", "obd", "--db", db, "--out", tmp_path / "log.csv")
    assert "its results are kept" in refused.output
