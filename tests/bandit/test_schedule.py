"""Experiments start and end at their times: once, noted, alerted."""

import json

import pytest
from experiments import define

from bandit import Engine, InvalidInput, WrongState
from bandit.instant import parse

DAY = 86_400.0


def audited(engine, key="copy"):
    return [(line.actor, line.action, line.before, line.after) for line in reversed(engine.audit(key=key).changes)]


def alerts(engine):
    with engine.reading() as reader:
        return [row[1:] for row in reader.rows("alerts")]


def run(engine, clock, *times):
    for now in times:
        clock.now = now
        engine.tick()


def test_a_draft_starts_and_ends_at_its_times(engine, clock):
    start = clock.now
    engine.create(define(start_at=start + 10, end_at=start + 20))
    run(engine, clock, start + 1, start + 9.9)
    assert engine.get("copy").status == "draft"
    run(engine, clock, start + 10, start + 11, start + 12)
    assert (engine.get("copy").status, engine.get("copy").started_at) == ("running", start + 10)
    engine.choose("copy", "u")
    run(engine, clock, start + 19, start + 21, start + 22, start + 23)
    assert (engine.get("copy").status, engine.get("copy").ended_at) == ("completed", start + 21)
    assert audited(engine)[1:] == [
        ("schedule", "start", "draft", "running"),
        ("schedule", "complete", "running", "completed"),
    ]
    assert [(*alert[1:4], json.loads(alert[5])["action"]) for alert in alerts(engine)] == [
        ("schedule", "copy", "info", "start"),
        ("schedule", "copy", "info", "complete"),
    ]


def test_planned_days_count_from_the_start(engine, clock):
    start = clock.now
    engine.create(define(plan={"days": 2}))
    clock.now = start + 5
    engine.start("copy")
    engine.pause("copy")
    run(engine, clock, start + 2 * DAY, start + 2 * DAY + 4)
    assert engine.get("copy").status == "paused"
    run(engine, clock, start + 2 * DAY + 5)
    assert engine.get("copy").status == "completed"


def test_the_earlier_of_two_ends_counts(engine, clock):
    start = clock.now
    engine.create(define(plan={"days": 2}, end_at=start + DAY))
    engine.start("copy")
    run(engine, clock, start + 1, start + DAY)
    assert engine.get("copy").status == "completed"


def test_a_start_by_hand_comes_first(engine, clock):
    start = clock.now
    engine.create(define(start_at=start + 10))
    engine.start("copy")
    run(engine, clock, start + 10, start + 11)
    assert engine.get("copy").started_at == start
    assert [line[:2] for line in audited(engine)] == [("", "create"), ("", "start")]
    assert alerts(engine) == []


def test_a_start_that_is_refused_is_noted_and_alerted_once(engine, clock):
    start = clock.now
    engine.create(define(start_at=start + 10, end_at=start + 20))
    run(engine, clock, start + 30, start + 31, start + 32)  # nobody was there in time
    assert engine.get("copy").status == "draft"
    assert audited(engine)[1:] == [("schedule", "start_refused", "draft", "draft")]
    (alert,) = alerts(engine)
    assert "could not be started as scheduled" in alert[4]
    assert alert[3] == "warning"
    engine.update("copy", {"start_at": start + 40, "end_at": None})
    run(engine, clock, start + 33, start + 40, start + 41)
    assert engine.get("copy").status == "running"


def test_a_start_whose_slice_was_taken_meanwhile_is_refused(engine, clock):
    start = clock.now
    half = {"key": "page", "lower": 0.0, "upper": 0.5}
    engine.create(define("late", start_at=start + 10, layer={"key": "page", "lower": 0.4, "upper": 1.0}))
    engine.create(define("early", layer=half))
    engine.start("early")
    run(engine, clock, start + 10, start + 11)
    assert engine.get("late").status == "draft"
    why = "[0.4, 1) of layer 'page' overlaps [0, 0.5), which 'early' has"
    assert [line.detail for line in engine.audit(key="late").changes if line.action == "start_refused"] == [
        f"experiment 'late': layer: {why}"
    ]
    (alert,) = alerts(engine)
    assert (alert[2], alert[3], why in alert[4]) == ("late", "warning", True)
    engine.stop("early")
    run(engine, clock, start + 12)
    assert engine.get("late").status == "draft"  # what was refused is not tried again by itself
    engine.update("late", {"start_at": start + 20})
    run(engine, clock, start + 20)
    assert engine.get("late").status == "running"


def test_two_that_are_to_start_at_once_do_not_share_a_slice(engine, clock):
    start = clock.now
    for key in ("one", "two"):
        engine.create(define(key, start_at=start + 10, layer={"key": "page"}))
    run(engine, clock, start + 10, start + 11)
    assert [engine.get(key).status for key in ("one", "two")] == ["running", "draft"]
    assert [line[1] for line in audited(engine, "two")] == ["create", "start_refused"]


def test_a_clock_that_jumps_does_nothing_twice(engine, clock):
    start = clock.now
    engine.create(define(start_at=start + 10, plan={"days": 1}))
    run(engine, clock, start + 11, start - 1000, start + 10, start + 11)
    assert engine.get("copy").started_at == start + 11
    run(engine, clock, start + 5 * DAY, start, start + 5 * DAY)
    assert [line[1] for line in audited(engine)] == ["create", "start", "complete"]


def test_a_restart_goes_on(tmp_path, clock):
    start = clock.now
    with Engine(tmp_path / "m.db", clock=clock) as engine:
        engine.create(define(start_at=start + 10, end_at=start + 20))
        engine.tick()
    with Engine(tmp_path / "m.db", clock=clock) as engine, Engine(tmp_path / "m.db", clock=clock) as other:
        for now in (start + 10, start + 11, start + 20, start + 21):
            clock.now = now
            assert not engine.tick()
            assert not other.tick()
        assert [line[1] for line in audited(engine)] == ["create", "start", "complete"]
        assert len(alerts(other)) == 2


@pytest.mark.parametrize("field", ["start_at", "end_at"])
def test_times_that_have_passed_are_refused(engine, clock, field):
    with pytest.raises(InvalidInput, match=f"{field}: .* has passed") as caught:
        engine.create(define(**{field: clock.now}))
    assert caught.value.errors[0].field == field
    engine.create(define())
    with pytest.raises(InvalidInput, match=f"{field}: .* has passed"):
        engine.update("copy", {field: clock.now - 1})
    assert getattr(engine.get("copy"), field) is None


def test_times_that_stay_may_have_passed(engine, clock):
    engine.create(define(start_at=clock.now + 10, end_at=clock.now + 20))
    engine.start("copy")
    clock.now += 30
    assert engine.update("copy", {"name": "Copy"}).name == "Copy"


def test_it_ends_after_it_begins():
    with pytest.raises(ValueError, match="end_at: must be after start_at"):
        define(start_at=2e9, end_at=2e9)


def test_a_draft_that_was_to_end_does_not_start(engine, clock):
    engine.create(define(end_at=clock.now + 10))
    clock.now += 10
    with pytest.raises(WrongState, match="was to end before now"):
        engine.start("copy")


def test_a_plan_may_not_end_what_has_run_longer(engine, clock):
    engine.create(define())
    engine.start("copy")
    clock.now += 3 * DAY
    with pytest.raises(InvalidInput, match=r"plan\.days: 2 given, but it has run longer"):
        engine.update("copy", {"plan": {"days": 2}})
    engine.update("copy", {"plan": {"days": 4}, "end_at": clock.now + 10})
    run(engine, clock, clock.now + 1, clock.now + 10)
    assert engine.get("copy").status == "completed"


def test_a_clone_has_no_times(engine, clock):
    engine.create(define(start_at=clock.now + 10, end_at=clock.now + 20, plan={"days": 3}))
    clone = engine.clone("copy", "copy-2")
    assert (clone.start_at, clone.end_at, clone.plan.days, clone.salt) == (None, None, 3, "copy-2")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1970-01-02T00:00:00Z", DAY), ("1970-01-02T02:00:00+02:00", DAY), ("1970-01-02 00:00:00.5+00:00", DAY + 0.5)],
)
def test_times_are_written_with_their_offset(text, seconds):
    assert parse(text) == seconds
    assert define(start_at=text).start_at == seconds


@pytest.mark.parametrize("given", ["1970-01-02T00:00:00", "soon", True, -1, 1e12, float("nan"), [1]])
def test_times_that_are_none_are_refused(given):
    with pytest.raises(ValueError, match="must be seconds since 1970"):
        define(start_at=given)
