"""The routes of a kind of document, over HTTP and through the client's verbs."""

import pytest
from flask.testing import FlaskClient

from bandit import Engine, NotFound
from bandit.client import _problem
from bandit.documents import Kind, Owned
from bandit.remote import RemoteShelf
from bandit.shelf import Shelf
from server import app, documents
from server.routes import table


class Note(Owned):
    """A note."""

    text: str = ""


@pytest.fixture
def notes(engine: Engine, monkeypatch):
    """An application that has notes."""
    shelf = Shelf(engine, Kind("note", Note))
    monkeypatch.setattr(app, "table", lambda *given: [*table(*given), *documents.routes(shelf, "/v1/notes")])
    return app.create_app(engine).test_client()


def remote(client: FlaskClient) -> RemoteShelf:
    def ask(method, path, body=None, key=None):
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = client.open(path, method=method, json=body, headers=headers)
        if answer.status_code >= 300:
            raise _problem(answer.status_code, answer.data)
        return answer.data

    return RemoteShelf(ask, "/v1/notes", Note)


def test_the_verbs_are_those_of_the_engine(notes):
    shelf = remote(notes)
    assert shelf.create({"key": "a", "text": "one"}) == Note(key="a", text="one")
    assert shelf.update("a", {"text": "two"}) == shelf.get("a") == Note(key="a", text="two")
    assert shelf.list() == [Note(key="a", text="two")]
    shelf.remove("a", idempotency_key="gone")
    shelf.remove("a", idempotency_key="gone")
    assert shelf.list() == []
    with pytest.raises(NotFound, match="note 'a' is unknown"):
        shelf.get("a")


def test_answers_and_problems(notes):
    assert notes.post("/v1/notes", json={"key": "a"}).status_code == 201
    assert notes.post("/v1/notes", json={"key": "a"}).status_code == 409
    assert notes.post("/v1/notes", data="{").status_code == 400
    refused = notes.patch("/v1/notes/a", json={"text": 1, "owner": None})
    assert refused.status_code == 422
    assert {error["field"] for error in refused.json["errors"]} == {"text", "owner"}
    assert notes.delete("/v1/notes/z").status_code == 404
    assert notes.get("/v1/notes").json == {"notes": [{"key": "a", "owner": "", "text": ""}]}


def test_they_are_described(notes):
    paths = notes.get("/openapi.json").json
    assert set(paths["paths"]["/v1/notes/{key}"]) == {"get", "patch", "delete"}
    assert set(paths["components"]["schemas"]["NoteChanges"]["properties"]) == {"owner", "text"}
