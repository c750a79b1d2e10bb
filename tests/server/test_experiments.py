"""The routes that manage experiments."""

import json

import pytest


def test_an_experiment_is_created_as_a_draft(client, copy):
    answer = client.post("/v1/experiments", json=copy)
    assert answer.status_code == 201
    assert answer.content_type == "application/json"
    assert answer.json["status"] == "draft"
    assert answer.json["variants"][1]["config"] == {"text": "Pay", "é": [1, None]}
    assert client.get("/v1/experiments/copy").json == answer.json
    assert client.get("/v1/experiments").json == {"experiments": [answer.json], "next": None}


def test_a_body_is_json_whatever_its_content_type(client, copy):
    answer = client.post("/v1/experiments", data=json.dumps(copy), content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 201


def test_a_key_exists_once(client, copy):
    client.post("/v1/experiments", json=copy)
    answer = client.post("/v1/experiments", json=copy)
    assert (answer.status_code, answer.json["type"]) == (409, "/docs#WrongState")


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        (["start"], "running"),
        (["start", "pause"], "paused"),
        (["start", "pause", "resume"], "running"),
        (["start", "complete"], "completed"),
        (["start", "stop"], "stopped"),
        (["archive"], "archived"),
    ],
)
def test_an_experiment_goes_through_its_life(client, copy, steps, status):
    client.post("/v1/experiments", json=copy)
    answers = [client.post(f"/v1/experiments/copy/{step}") for step in steps]
    assert [answer.status_code for answer in answers] == [200] * len(steps)
    assert answers[-1].json["status"] == status


@pytest.mark.parametrize("step", ["pause", "resume", "complete", "stop"])
def test_a_step_from_the_wrong_state_is_refused(client, copy, step):
    client.post("/v1/experiments", json=copy)
    answer = client.post(f"/v1/experiments/copy/{step}")
    assert answer.status_code == 409
    assert "draft" in answer.json["detail"]


def test_stop_takes_a_reason(client, running):
    assert client.post("/v1/experiments/copy/stop", json={"reason": "costly"}).json["stop_reason"] == "costly"


def test_stop_refuses_what_is_not_a_reason(client, running):
    assert client.post("/v1/experiments/copy/stop", json={"why": 1}).status_code == 422
    assert client.post("/v1/experiments/copy/stop", data="{").status_code == 400
    assert client.get("/v1/experiments/copy").json["status"] == "running"


def test_fields_are_changed(client, running):
    answer = client.patch("/v1/experiments/copy", json={"name": "New", "reweight": {"floor": 0.1}})
    assert (answer.status_code, answer.json["name"], answer.json["reweight"]["floor"]) == (200, "New", 0.1)


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"metrics": [{"key": "other"}]}, 409), ({"variants": 3}, 422), ({"nope": 1}, 422), ([], 422), ("{", 400)],
)
def test_changes_that_are_not_allowed_are_refused(client, running, changes, status):
    before = client.get("/v1/experiments/copy").json
    answer = client.patch("/v1/experiments/copy", data=changes if isinstance(changes, str) else json.dumps(changes))
    assert answer.status_code == status
    assert client.get("/v1/experiments/copy").json == before


def test_a_clone_is_a_draft(client, running):
    answer = client.post("/v1/experiments/copy/clone", json={"key": "copy-2"})
    assert (answer.status_code, answer.json["key"], answer.json["status"]) == (201, "copy-2", "draft")
    assert client.post("/v1/experiments/copy/clone", json={"key": "copy-2"}).status_code == 409
    assert client.post("/v1/experiments/copy/clone", json={}).status_code == 422


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("GET", "/results"),
        *(("POST", f"/{step}") for step in ("start", "pause", "resume", "complete", "stop", "archive")),
    ],
)
def test_an_unknown_experiment_is_404(client, method, path):
    answer = client.open(f"/v1/experiments/nope{path}", method=method, json={} if method != "GET" else None)
    assert answer.status_code == 404
    assert "nope" in answer.json["detail"]
    assert client.post("/v1/experiments/nope/clone", json={"key": "a"}).status_code == 404


def test_a_repeat_with_the_same_key_is_done_once(client, copy):
    headers = {"Idempotency-Key": "k1"}
    first = client.post("/v1/experiments", json=copy, headers=headers)
    again = client.post("/v1/experiments", json=copy, headers=headers)
    assert (again.status_code, again.json) == (201, first.json)
    for _ in range(2):
        assert client.post("/v1/experiments/copy/start", headers={"Idempotency-Key": "k2"}).status_code == 200
    assert client.post("/v1/experiments/copy/pause", headers={"Idempotency-Key": "k2"}).status_code == 409
    assert client.post("/v1/experiments/copy/pause", headers={"Idempotency-Key": "k" * 300}).status_code == 422


def test_results_are_those_of_the_engine(client, engine, running):
    decision = engine.choose("copy", "u")
    engine.reward(decision.id, 1.0)
    answer = client.get("/v1/experiments/copy/results")
    assert answer.status_code == 200
    assert answer.json == engine.results("copy").model_dump(mode="json")
    assert sum(variant["decisions"] for variant in answer.json["variants"]) == 1


def test_reading_changes_nothing(client, engine, running):
    before = engine.results("copy"), engine.list()
    for path in ("/v1/experiments", "/v1/experiments/copy", "/v1/experiments/new", "/readyz", "/healthz", "/docs"):
        client.get(path)
    assert (engine.results("copy"), engine.list()) == before
