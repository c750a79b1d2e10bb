"""Definitions beside experiments: kept, audited, owned, and seen by every process."""

import pytest

from bandit import Engine, InvalidInput, NotFound, StoreUnusable, WrongState
from bandit.actor import acting
from bandit.documents import Kind, Owned
from bandit.errors import Forbidden
from bandit.shelf import Shelf


class Note(Owned):
    text: str = ""


def refuse_shouting(memory, note):
    if note.text.isupper():
        raise InvalidInput.field("text", "must not shout")


def keep_the_last(memory, note):
    if note.text == "needed":
        raise WrongState("something else needs it")


NOTE = Kind("note", Note, refuse_shouting, keep_the_last)


@pytest.fixture
def notes(engine):
    return Shelf(engine, NOTE)


def test_a_document_is_created_changed_read_and_removed(notes):
    assert notes.create({"key": "a", "text": "one"}) == Note(key="a", text="one")
    assert notes.create(Note(key="b")) == notes.get("b")
    assert notes.update("a", {"text": "two"}) == notes.get("a") == Note(key="a", text="two")
    assert [note.key for note in notes.list()] == ["a", "b"]
    notes.remove("a")
    assert [note.key for note in notes.list()] == ["b"]
    with pytest.raises(NotFound, match="note 'a' is unknown"):
        notes.get("a")
    assert notes.create({"key": "a"}) == Note(key="a")


@pytest.mark.parametrize(
    ("verb", "arguments", "error", "message"),
    [
        ("create", [{"key": "a"}], WrongState, "note 'a' exists already"),
        ("create", [{"key": "a b"}], InvalidInput, "key: String should match"),
        ("create", [{"key": "c", "texts": ""}], InvalidInput, "texts: Extra inputs"),
        ("create", [{"key": "c", "text": "HO"}], InvalidInput, "text: must not shout"),
        ("update", ["a", {"key": "c"}], InvalidInput, "key: cannot be changed"),
        ("update", ["a", {"text": 1}], InvalidInput, "text: Input should be a valid string"),
        ("update", ["a", {"text": "HO"}], InvalidInput, "text: must not shout"),
        ("update", ["z", {"text": ""}], NotFound, "note 'z' is unknown"),
        ("remove", ["z"], NotFound, "note 'z' is unknown"),
        ("remove", ["a"], WrongState, "something else needs it"),
    ],
)
def test_what_is_refused_changes_nothing(engine, notes, verb, arguments, error, message):
    notes.create({"key": "a", "text": "needed"})
    with pytest.raises(error, match=message):
        getattr(notes, verb)(*arguments)
    assert notes.list() == [Note(key="a", text="needed")]
    with engine.reading() as reader:
        assert len(reader.changes("note", None, 1 << 62, 10)) == 1


def test_repeats_with_the_same_key_are_done_once(notes):
    for _ in range(2):
        assert notes.create({"key": "a"}, idempotency_key="k1").key == "a"
        assert notes.update("a", {"text": "x"}, idempotency_key="k2").text == "x"
    for _ in range(2):
        notes.remove("a", idempotency_key="k3")
    with pytest.raises(WrongState, match="'k1' was used before, to create note 'a'"):
        notes.create({"key": "b"}, idempotency_key="k1")


def test_what_belongs_to_another_may_not_be_managed(engine, notes):
    with acting("ann@home", "ann"):
        assert notes.create({"key": "a"}).owner == "ann"
        with pytest.raises(Forbidden, match="belongs to 'bob', and 'ann@home' manages only what belongs to 'ann'"):
            notes.create({"key": "b", "owner": "bob"})
        with pytest.raises(Forbidden):
            notes.update("a", {"owner": "bob"})
    with acting("bob", "bob"):
        for refused in (lambda: notes.update("a", {"text": ""}), lambda: notes.remove("a")):
            with pytest.raises(Forbidden):
                refused()
    with acting("root"):
        notes.update("a", {"text": "anyone's"})
    with engine.reading() as reader:
        logged = [
            (change.action, change.actor, change.detail) for _, change in reader.changes("note", "a", 1 << 62, 10)
        ]
    assert logged == [("update", "root", '{"text": ["", "anyone\'s"]}'), ("create", "ann@home", "")]


def test_processes_see_what_others_change(tmp_path):
    with Engine(tmp_path / "x.db") as one, Engine(tmp_path / "x.db") as other:
        Shelf(one, NOTE).create({"key": "a"})
        Shelf(other, NOTE).update("a", {"text": "seen"})
        with pytest.raises(WrongState):
            Shelf(one, NOTE).create({"key": "a"})
        assert Shelf(one, NOTE).update("a", {}).text == "seen"
        Shelf(other, NOTE).remove("a")
        with pytest.raises(NotFound):
            Shelf(one, NOTE).update("a", {"text": "gone"})


def test_a_document_in_another_form_is_not_misread(tmp_path):
    class Other(Owned):
        number: int

    with Engine(tmp_path / "x.db") as engine:
        Shelf(engine, NOTE).create({"key": "a"})
        with pytest.raises(StoreUnusable, match="note 'a' is kept in a form that is not understood: number"):
            Shelf(engine, Kind("note", Other)).get("a")
