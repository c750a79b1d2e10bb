"""The audit log: who, when, what, from which state to which, and which fields."""

import pytest
from experiments import define

from bandit import InvalidInput
from bandit.actor import acting
from bandit.difference import written


def test_every_change_has_a_line(engine, clock):
    start = clock.now
    with acting("ann"):
        engine.create(define(), idempotency_key="k1")
        clock.now += 1
        engine.start("copy")
    with acting("bob"):
        engine.update("copy", {"name": "Copy", "variants": [{"key": "control", "weight": 3}, {"key": "short"}]})
        engine.stop("copy", "harmful")
    lines = engine.audit().changes
    assert [(line.actor, line.action, line.before, line.after, line.detail) for line in reversed(lines)] == [
        ("ann", "create", "", "draft", ""),
        ("ann", "start", "draft", "running", ""),
        ("bob", "update", "running", "running", ""),
        ("bob", "stop", "running", "stopped", "harmful"),
    ]
    assert {(line.kind, line.key) for line in lines} == {("experiment", "copy")}
    assert [line.at - start for line in reversed(lines)] == [0, 1, 1, 1]
    assert lines[-1].idempotency_key == "k1"
    fields = {name: (change.before, change.after) for name, change in lines[1].fields.items()}
    assert fields == {"name": ("", "Copy"), "variants[0].weight": (1.0, 3.0)}


def test_it_is_read_by_what_was_changed_and_in_pages(engine):
    for key in ("a", "b"):
        engine.create(define(key))
        for step in ("start", "pause", "resume", "complete"):
            getattr(engine, step)(key)
    assert len(engine.audit("experiment").changes) == 10
    assert engine.audit("flag").changes == []
    assert [line.action for line in engine.audit(key="a").changes] == ["complete", "resume", "pause", "start", "create"]
    first = engine.audit("experiment", "b", limit=3)
    engine.archive("b")  # meanwhile
    rest = engine.audit("experiment", "b", limit=3, cursor=first.next)
    assert [line.action for line in first.changes + rest.changes] == ["complete", "resume", "pause", "start", "create"]
    assert rest.next is None


def test_documents_say_what_each_field_was_and_is(engine):
    engine.cohorts.create({"key": "vip", "units": ["ann"]})
    engine.cohorts.update("vip", {"units": ["ann", "bob"]})
    rule = {"name": "vip", "when": {"operator": "in_cohort", "value": "vip"}, "variant": "on"}
    engine.flags.create({"key": "switch", "type": "boolean", "variants": {"on": True, "off": False}, "rules": [rule]})
    engine.flags.update("switch", {"enabled": False, "rules": [{**rule, "variant": "off"}], "overrides": {"bob": "on"}})
    engine.flags.update("switch", {"enabled": False})
    lines = [line for line in reversed(engine.audit().changes) if line.action == "update"]
    told = [{name: (one.before, one.after) for name, one in line.fields.items()} for line in lines]
    assert told == [
        {"units[1]": (None, "bob")},
        {"enabled": (True, False), "overrides.bob": (None, "on"), "rules[0].variant": ("on", "off")},
        {},
    ]
    assert {line.detail for line in lines} == {""}
    engine.erase("bob")
    assert "bob" not in engine.audit().model_dump_json()


def test_where_alerts_go_is_not_told(engine):
    """Whoever may read may read the log, and only administrators channels, whose URLs may hold passwords."""
    secret = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    engine.channels.create({"key": "ops", "type": "webhook", "url": "https://hook.example/one", "secret": secret})
    engine.channels.update("ops", {"url": "https://hook.example/two", "enabled": False})
    engine.channels.update("ops", {"secret": secret.swapcase().replace("WHSEC", "whsec")})
    (line, earlier, _) = engine.audit("channel").changes
    fields = {name: (one.before, one.after) for name, one in earlier.fields.items()}
    assert fields == {"enabled": (True, False), "url": ("(not told)", "(not told), another")}
    assert list(line.fields) == ["secret"]
    assert all(text not in engine.audit().model_dump_json() for text in ("hook.example", secret[6:]))


def test_a_cursor_that_is_none_is_refused(engine):
    with pytest.raises(InvalidInput, match="cursor: 'x' given"):
        engine.audit(cursor="x")


def test_nothing_is_noted_where_nothing_was_done(engine):
    engine.create(define())
    with pytest.raises(InvalidInput):
        engine.update("copy", {"name": 3})
    assert len(engine.audit().changes) == 1


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": 1}, {"a": 1}, "{}"),
        ({"a": 1}, {"a": 1.5}, '{"a": [1, 1.5]}'),
        ({"a": None}, {"a": {"b": 1}}, '{"a": [null, {"b": 1}]}'),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3, 4]}}, '{"a.b[1]": [2, 3], "a.b[2]": [null, 4]}'),
        ({"a": {"é": 1}}, {"a": {"x": 2}}, '{"a.é": [1, null], "a.x": [null, 2]}'),
        ({"a": ["x"]}, {"a": "x"}, '{"a": [["x"], "x"]}'),
    ],
)
def test_differences_are_by_path(old, new, expected):
    assert written(old, new) == expected


def test_differences_stay_short():
    text = written({"a": "x" * 5000, "b": [0] * 500}, {"a": "y" * 5000, "b": [1] * 500})
    assert len(text) < 7000
    assert "and 301 more fields" in text
