"""Logs that were kept for long enough: gone, in short transactions, with all results as they were."""

import json

import pyarrow.parquet
import pytest
from experiments import started

from bandit import Engine, Feature, InvalidInput, Metric, WrongState, retention
from bandit.verify import unreplayed
from policies import LogisticThompson

DAY = 86_400.0
LOGS = ("decisions", "events", "outcomes", "draws", "units", "due")


def fill(engine, clock, units=30):
    """An archived experiment of each kind, and one that runs."""
    started(engine, "runs")
    first = Metric(key="m", primary=True, window="300d", missing=0.0)
    started(engine, "old", metrics=[first, Metric(key="n", type="continuous")])
    started(engine, "where", policy=LogisticThompson(), features=[Feature(key="hour")])
    for number in range(units):
        clock.now += 60
        unit = f"u{number}"
        engine.reward(engine.choose("runs", unit).id, 1.0)
        decision = engine.choose("old", unit, attributes={"plan": "pro"})
        if number % 2:
            engine.reward(decision.id, 1.0, idempotency_key="once")
        engine.reward(decision.id, float(number), "n", metadata={"order": number} if number % 3 else None)
        engine.reward(engine.choose("where", unit, context={"hour": number % 7}).id, 1.0)
    for key in ("old", "where"):
        engine.stop(key)
        engine.archive(key)
    engine.settings.update({"retention_days": 30})


def logged(engine):
    """How many rows of each log there are, by experiment."""
    with engine.reading() as reader:
        owner = {row[0]: row[1] for row in reader.rows("decisions")}
        found = {table: list(reader.rows(table)) for table in LOGS}
    of = {
        "decisions": lambda row: row[1],
        "units": lambda row: row[0],
        "due": lambda row: owner[row[1]],
        "events": lambda row: owner[row[1]],
    }
    return {
        table: sorted({of.get(table, lambda row: owner[row[0]])(row) for row in rows}) for table, rows in found.items()
    }


def clear(engine):
    while engine.retain():
        pass


def test_the_log_goes_and_the_results_stay(engine, clock):
    fill(engine, clock)
    before = {key: engine.results(key) for key in ("old", "where")}
    clock.now += 29 * DAY
    assert engine.retain() is False
    clock.now += 2 * DAY
    clear(engine)
    assert {table for numbers in logged(engine).values() for table in numbers} == {1}
    assert {key: engine.results(key) for key in before} == before
    assert engine.verify() == []
    with engine.reading() as reader:
        assert unreplayed(reader) == ["old", "where"]
        lines = [change for _, change in reader.changes("experiment", "old", 1 << 62, 10)]
    assert (lines[0].action, lines[0].actor) == ("remove_log", "retention")
    assert [engine.get(key).log for key in ("runs", "old", "where")] == ["kept", "removed", "removed"]
    assert engine.choose("runs", "u1").reason == "sticky"


def test_what_reads_logs_says_that_it_is_gone(engine, clock):
    fill(engine, clock)
    clock.now += 31 * DAY
    clear(engine)
    asked = (
        lambda: engine.quality("old"),
        lambda: engine.segments("old", "plan"),
        lambda: engine.series("old"),
        lambda: engine.counterfactual("old", "fixed"),
    )
    for ask in asked:
        with pytest.raises(
            WrongState, match=r"the log of experiment 'old' was removed at 2027-.*; its results are kept"
        ):
            ask()


def test_it_is_kept_unless_there_is_a_setting(engine, clock):
    fill(engine, clock)
    engine.settings.reset("retention_days")
    clock.now += 10_000 * DAY
    assert engine.retain() is False
    assert len(logged(engine)["decisions"]) == 3


def test_only_a_few_rows_a_transaction(engine, clock, monkeypatch):
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 7)
    sizes = []
    fill(engine, clock)
    clock.now += 31 * DAY
    run = engine._journal.run

    def counted(function, *arguments):
        def counting(memory, *given):
            done = function(memory, *given)
            sizes.extend(len(removal.rows) for removal in memory.batch.removals)
            return done

        return run(counting, *arguments)

    monkeypatch.setattr(engine._journal, "run", counted)
    clear(engine)
    assert max(sizes) == 7
    assert len(sizes) > 20
    assert engine.verify() == []


@pytest.mark.parametrize("steps", range(1, 12))
def test_a_removal_that_was_interrupted_goes_on(tmp_path, clock, monkeypatch, steps):
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 11)
    with Engine(tmp_path / "a.db", clock=clock, seed=1) as engine:
        fill(engine, clock)
        before = engine.results("old")
        clock.now += 31 * DAY
        left = [steps]

        def dying(function, *arguments):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            return Engine._removing(engine, function, *arguments)

        monkeypatch.setattr(engine, "_removing", dying)
        with pytest.raises(KeyboardInterrupt):
            clear(engine)
    with Engine(tmp_path / "a.db", clock=clock) as engine:
        assert engine.verify() == []
        assert engine.results("old") == before
        assert engine.get("old").log == "removing"
        with pytest.raises(WrongState, match="was removed"):
            engine.quality("old")
        clear(engine)
        assert engine.verify() == []
        assert engine.results("old") == before
        assert engine.get("old").log == "removed"


def test_two_processes_remove_it_once(tmp_path, clock):
    with Engine(tmp_path / "a.db", clock=clock) as one, Engine(tmp_path / "a.db", clock=clock) as other:
        fill(one, clock)
        clock.now += 31 * DAY
        with one.reading() as reader:
            due = retention.next_due(reader, clock.now)
        retention.remove(one._removing, one.reading, due.row.id)
        retention.remove(other._removing, other.reading, due.row.id)
        clear(other)
        assert one.verify() == other.verify() == []
        with one.reading() as reader:
            lines = [change.action for _, change in reader.changes("experiment", "old", 1 << 62, 10)]
        assert lines.count("remove_log") == 1


def test_it_is_archived_before(engine, clock, tmp_path):
    fill(engine, clock)
    folder = tmp_path / "logs"
    clock.now += 31 * DAY
    with pytest.raises(InvalidInput, match="its folder does not exist"):
        engine.retain(folder)
    assert engine.get("old").log == "kept"
    folder.mkdir()
    while engine.retain(folder):
        pass
    files = {file.name.rpartition("-")[0]: pyarrow.parquet.read_table(file).to_pylist() for file in folder.iterdir()}
    assert {key: len(rows) for key, rows in files.items()} == {"old": 30, "where": 30}
    row = files["old"][5]
    assert (row["unit"], row["variant"] in ("control", "short"), row["propensity"] > 0) == ("u5", True, True)
    assert (row["value_m"], row["earned_m"], row["value_n"], row["earned_n"]) == (1.0, 1.0, 5.0, 5.0)
    assert json.loads(row["attributes"]) == {"plan": "pro"}
    assert row["decided_at"].timestamp() == pytest.approx(1_800_000_000 + 6 * 60)
    assert (row["metadata_m"], row["metadata_n"]) == (None, '[{"order":5}]')
    assert files["old"][4]["value_m"] is None
    assert [row["metadata_n"] is None for row in files["old"]] == [number % 3 == 0 for number in range(30)]
    assert json.loads(files["where"][3]["context"]) == {"hour": 3}
    assert sum(json.loads(files["where"][3]["probabilities"])) == pytest.approx(1.0)
