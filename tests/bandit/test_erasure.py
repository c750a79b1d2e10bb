"""A unit that wants to be forgotten: nothing of it is left in the file, and nothing that was counted changes."""

import json
from typing import Annotated

import pytest
from experiments import define, started
from pydantic import Field

from bandit import Engine, Feature, InvalidInput, Metric
from bandit.actor import acting
from bandit.documents import Kind, Owned
from bandit.errors import Forbidden
from bandit.rows import Alert
from bandit.shelf import Shelf
from policies import LogisticThompson

WHO = "ann@example.org"


class Overridden(Owned):
    overrides: dict[Annotated[str, Field(max_length=100)], str] = Field(default_factory=dict)


def fill(engine):
    """Something of a unit wherever it can be."""
    started(engine, metrics=[Metric(key="m")])
    started(engine, "split", type="ab_test")
    started(engine, "where", policy=LogisticThompson(), features=[Feature(key="hour")])
    started(engine, "plain", sticky=False)
    engine.create(define("draft"))
    for unit in (WHO, "bob", f"not-{WHO}", "carl"):
        for key in ("copy", "copy", "split", "plain"):
            decision = engine.choose(key, unit, attributes={"mail": unit}, context={"mail": unit}, idempotency_key=None)
            engine.reward(decision.id, 1.0, idempotency_key=f"{unit} paid", metadata={"mail": unit})
        engine.reward(engine.choose("where", unit, context={"hour": 5}).id, 1.0)
        engine.choose("copy", unit, idempotency_key=f"key of {unit}")
        engine.choose("copy", unit, idempotency_key=f"key-{len(unit)}")
    engine.update("draft", {"forced": {WHO: "short", "bob": "control"}})
    engine.cohorts.create({"key": "vip", "units": ["bob", WHO]})
    Shelf(engine, Kind("flag", Overridden)).create({"key": "dark", "overrides": {WHO: "on", "bob": "off"}})
    engine.stop("plain", f"{WHO} asked for it, not.{WHO}.uk", idempotency_key=f"stop for {WHO}")
    engine._journal.run(warn)
    engine._journal.flush()


def warn(memory, now):
    body = {"units": [WHO, "bob"], WHO: {"most": f"by {WHO}."}}
    memory.batch.alerts.append(Alert(now, "outlier", "copy", "info", f"{WHO}: too much", json.dumps(body)))


def everything(engine):
    with engine.reading() as reader:
        return {table: list(reader.rows(table)) for table in reader.tables()}


KEYS = ("copy", "split", "where", "plain")


def test_nothing_is_left_of_it_and_all_that_was_counted_stays(engine):
    fill(engine)
    results = [engine.results(key) for key in KEYS]
    sums = {name: rows for name, rows in everything(engine).items() if name in ("statistics", "learning", "models")}
    erased = engine.erase(WHO)
    assert (erased.decisions, erased.experiments) == (7, sorted(KEYS))
    left = everything(engine)
    text = json.dumps(left, default=str).replace(f"not-{WHO}", "").replace(f"not.{WHO}.uk", "")
    assert WHO not in text
    assert [engine.results(key) for key in KEYS] == results
    assert {name: left[name] for name in sums} == sums
    assert engine.verify() == []
    (alert,) = engine.alerts.list().alerts
    assert alert.message == "(erased): too much"
    assert alert.detail == {"units": ["(erased)", "bob"], "(erased)": {"most": "by (erased)."}}
    (line,) = [row for row in left["changes"] if row[4] == "erase"]
    assert line[1:3] == ("unit", "(erased)")
    assert line[8] == "7 decisions of 4 experiments"


def test_the_others_are_left_alone(engine):
    fill(engine)
    before = [row for row in everything(engine)["decisions"] if row[2] != WHO]
    seats = [row for row in everything(engine)["units"] if row[1] != WHO]
    told = [row for row in everything(engine)["events"] if row[8] != f'{{"mail":"{WHO}"}}']
    engine.erase(WHO)
    after = everything(engine)
    assert [row for row in after["decisions"] if row[2] is not None] == before
    assert after["units"] == seats
    assert [row for row in after["events"] if row in told] == told
    assert sum(row[8] is not None for row in told) == 12
    assert engine.get("draft").forced == {"bob": "control"}
    assert engine.cohorts.get("vip").units == ["bob"]
    assert [json.loads(row[2]) for row in after["documents"] if row[0] == "flag"] == [
        {"key": "dark", "owner": "", "overrides": {"bob": "off"}},
    ]
    again = engine.choose("copy", "bob", idempotency_key="key of bob")
    assert engine.reward(again.id, 1.0, idempotency_key="bob paid") == "applied"
    assert engine.reward(again.id, 1.0, idempotency_key="bob paid") == "duplicate"


def test_a_context_that_a_model_has_learnt_from_stays_and_no_other(engine):
    fill(engine)
    engine.erase(WHO)
    contexts = {row[11] for row in everything(engine)["decisions"] if row[2] is None}
    assert contexts == {None, '{"hour":5}'}


def test_it_is_a_new_unit_when_it_comes_again(engine):
    started(engine, metrics=[Metric(key="m")])
    first = engine.choose("copy", WHO)
    assert engine.choose("copy", WHO).reason == "sticky"
    engine.erase(WHO)
    again = engine.choose("copy", WHO)
    assert again.reason == "drawn"
    assert engine.choose("copy", WHO).reason == "sticky"
    assert engine.reward(first.id, 1.0) == "applied"
    assert engine.verify() == []


def test_twice_is_as_good_as_once(engine):
    fill(engine)
    engine.erase(WHO, idempotency_key="please")
    before = everything(engine)
    assert engine.erase(WHO, idempotency_key="please").decisions == 0
    assert engine.erase("nobody").decisions == 0
    after = everything(engine)
    assert {name for name in before if before[name] != after[name]} == {"changes"}


def test_the_key_of_the_request_is_not_kept_where_it_names_the_unit(engine):
    engine.erase(WHO, idempotency_key=f"forget:{WHO}")
    assert WHO not in json.dumps(everything(engine), default=str)


def test_another_process_forgets_it_too(tmp_path):
    with Engine(tmp_path / "a.db", seed=1) as one, Engine(tmp_path / "a.db", seed=2) as other:
        fill(one)
        assert other.choose("copy", WHO).reason == "sticky"
        assert other.choose("copy", WHO, idempotency_key="k").reason == "sticky"
        one.erase(WHO)
        assert other.choose("copy", WHO).reason == "drawn"
        assert other.verify() == []
        held = json.dumps(list(other._memory.answered.values()))
        assert f'"{WHO}"' not in held


def test_what_was_decided_between_the_look_and_the_erasure_is_found(tmp_path, monkeypatch):
    with Engine(tmp_path / "a.db", seed=1) as engine, Engine(tmp_path / "a.db", seed=2) as other:
        started(engine)
        engine.choose("copy", WHO)
        manage = engine.manage

        def late(*arguments):
            other.choose("copy", WHO)
            return manage(*arguments)

        monkeypatch.setattr(engine, "manage", late)
        assert engine.erase(WHO).decisions == 2
        assert WHO not in json.dumps(everything(engine), default=str)


def test_what_was_told_between_the_look_and_the_erasure_is_found(engine, monkeypatch):
    started(engine, metrics=[Metric(key="m")])
    decision = engine.choose("copy", WHO)
    manage = engine.manage

    def late(*arguments):
        engine.reward(decision.id, 1.0, idempotency_key=WHO, metadata={"mail": WHO})
        return manage(*arguments)

    monkeypatch.setattr(engine, "manage", late)
    engine.erase(WHO)
    assert WHO not in json.dumps(everything(engine), default=str)


def test_a_backup_has_not_even_remnants(tmp_path):
    with Engine(tmp_path / "a.db") as engine:
        fill(engine)
        for unit in (WHO, f"not-{WHO}", f"not.{WHO}.uk"):
            engine.erase(unit)
        engine.backup(tmp_path / "b.db")
    assert WHO.encode() not in (tmp_path / "b.db").read_bytes()


def test_only_who_may_manage_everything(engine):
    with acting("key", "team"), pytest.raises(Forbidden):
        engine.erase(WHO)
    assert everything(engine)["changes"] == []


@pytest.mark.parametrize("unit", ["", "x" * 257, 5, None])
def test_names_that_are_none(unit):
    with Engine() as engine, pytest.raises(InvalidInput, match="unit: "):
        engine.erase(unit)


def test_a_short_name_is_not_taken_for_a_part_of_another(engine):
    engine.create(define("a1"), idempotency_key="a-1 a.1 a")
    engine.create(define("b"))
    engine.erase("a")
    assert next(line[9] for line in everything(engine)["changes"]) is None
    engine.erase("1")
    assert [experiment.key for experiment in engine.list()] == ["a1", "b"]


def test_a_name_beyond_ascii(engine):
    engine.create(define("a"))
    engine.update("a", {"description": "for Zo\u00eb"})
    engine.update("a", {"description": "", "name": "x"})
    engine.erase("Zo\u00eb")
    left = everything(engine)["changes"]
    assert "Zo" not in json.dumps(left)
    assert "(erased)" in json.dumps(left)


def test_only_as_a_unit_of_one_kind(engine):
    started(engine)
    started(engine, "visits", unit_kind="session")
    started(engine, "other", unit_kind="session")
    engine.cohorts.create({"key": "vip", "units": ["7"]})
    for key, units in (("copy", {"user": "7"}), ("visits", {"session": "7"})):
        engine.choose(key, units=units)
    assert engine.erase("7", "session").experiments == ["visits"]
    assert engine.choose("copy", units={"user": "7"}).reason == "sticky"
    assert engine.choose("visits", units={"session": "7"}).reason == "drawn"
    assert engine.cohorts.get("vip").units == ["7"]
    assert engine.erase("7", "device").decisions == 0
