"""The routes that decide and learn."""

import json

import pytest


def choose(client, **request):
    return client.post("/v1/choose", json={"experiment": "copy", **request})


def test_choose_answers_with_all_of_a_decision(client, running):
    answer = choose(client, unit="u", context={"hour": 9})
    assert answer.status_code == 200
    assert list(answer.json) == ["decision_id", "experiment", "variant", "config", "propensity", "epoch", "reason"]
    assert answer.json["propensity"] == 0.5
    assert answer.json["reason"] == "drawn"
    assert choose(client, unit="u").json["reason"] == "sticky"


def test_a_reward_is_counted(client, running):
    decision = choose(client, unit="u").json
    answer = client.post("/v1/reward", json={"decision_id": decision["decision_id"], "value": 1})
    assert (answer.status_code, answer.json) == (200, {"status": "applied"})
    results = client.get("/v1/experiments/copy/results").json["variants"]
    counted = {variant["key"]: variant["metrics"]["purchase"]["sum"] for variant in results}
    assert counted[decision["variant"]] == 1


def test_metadata_are_kept_with_their_reward(client, engine, running):
    reward = {"decision_id": choose(client).json["decision_id"], "value": 1}
    bodies = [{**reward, "metadata": {"order": 7}}, reward, {**reward, "metadata": None}, {**reward, "metadata": {}}]
    assert [client.post("/v1/reward", json=body).json["status"] for body in bodies] == ["applied"] * 4
    assert {item["status"] for item in client.post("/v1/reward/batch", json=bodies).json} == {"applied"}
    engine._journal.flush()
    with engine.reading() as reader:
        assert [row[8] for row in reader.rows("events")] == ['{"order":7}', None, None, "{}"] * 2


def test_a_repeated_key_counts_once(client, running):
    decision = choose(client).json["decision_id"]
    body = {"decision_id": decision, "value": 1, "idempotency_key": "a"}
    assert client.post("/v1/reward", json=body).json == {"status": "applied"}
    assert client.post("/v1/reward", json=body).json == {"status": "duplicate"}


def test_the_header_is_the_key_of_a_body_without_one(client, running):
    headers = {"Idempotency-Key": "h"}
    first = choose_with(client, headers)
    assert choose_with(client, headers) == first
    assert choose_with(client, {"Idempotency-Key": "i"}) != first
    body = {"decision_id": first["decision_id"], "value": 1}
    statuses = [client.post("/v1/reward", json=body, headers=headers).json["status"] for _ in range(2)]
    assert statuses == ["applied", "duplicate"]
    own = client.post("/v1/reward", json={**body, "idempotency_key": "own"}, headers=headers)
    assert own.json == {"status": "applied"}


def choose_with(client, headers):
    return client.post("/v1/choose", json={"experiment": "copy"}, headers=headers).json


@pytest.mark.parametrize("key", ["", "k" * 201, "é", "two words"])
def test_a_header_that_is_no_key_is_refused(client, running, key):
    for own in ({}, {"idempotency_key": "own"}):
        answer = client.post("/v1/choose", json={"experiment": "copy", **own}, headers={"Idempotency-Key": key})
        assert answer.status_code == 422
        assert answer.json["errors"][0]["field"] == "Idempotency-Key"


def test_a_deferred_decision_counts_once_it_is_activated(client, running):
    decision = choose(client, defer=True).json["decision_id"]
    assert decisions(client) == 0
    assert client.post("/v1/activate", json={"decision_id": decision}).json == {"status": "activated"}
    assert decisions(client) == 1


def decisions(client):
    return sum(variant["decisions"] for variant in client.get("/v1/experiments/copy/results").json["variants"])


def test_a_reward_is_retracted(client, running):
    decision = choose(client).json["decision_id"]
    client.post("/v1/reward", json={"decision_id": decision, "value": 12.5, "metric": "spent"})
    answer = client.post("/v1/reward/retract", json={"decision_id": decision, "metric": "spent"})
    assert (answer.status_code, answer.json) == (200, {"status": "retracted"})


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("/v1/choose", {"experiment": "nope"}, 404, None),
        ("/v1/choose", {"experiment": "copy", "eligible": ["control", "x"]}, 422, "eligible[1]"),
        ("/v1/choose", {"experiment": "copy", "unit": 7}, 422, "unit"),
        ("/v1/reward", {"decision_id": "0" * 16, "value": 1}, 404, None),
        ("/v1/reward", {"decision_id": "x", "value": 1}, 404, None),
        ("/v1/reward", {"decision_id": "x", "value": "1"}, 422, "value"),
        ("/v1/reward", {"decision_id": "x", "value": 1, "metadata": [1]}, 422, "metadata"),
        ("/v1/reward", {"decision_id": "x", "value": 1, "metadata": {"a": "x" * 16_384}}, 422, "metadata"),
        ("/v1/reward", {"decision_id": "x", "value": 1, "metadata": {"a": {"b": float("nan")}}}, 422, "metadata.a.b"),
        ("/v1/reward/retract", {"decision_id": "x"}, 404, None),
        ("/v1/reward/retract", {"decision_id": 1}, 422, "decision_id"),
        ("/v1/activate", {"decision_id": "x"}, 404, None),
        ("/v1/activate", {}, 422, "decision_id"),
    ],
)
def test_what_is_unknown_or_wrong_is_refused(client, running, path, body, status, field):
    answer = client.post(path, json=body)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert [error["field"] for error in answer.json["errors"]] == ([field] if field else [])


@pytest.mark.parametrize("value", [2, -1, 1e300])
def test_a_value_that_the_metric_does_not_have_is_refused(client, running, value):
    decision = choose(client).json["decision_id"]
    answer = client.post("/v1/reward", json={"decision_id": decision, "value": value})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "value")


def test_an_unknown_metric_is_refused(client, running):
    decision = choose(client).json["decision_id"]
    answer = client.post("/v1/reward", json={"decision_id": decision, "value": 1, "metric": "nope"})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "metric")


def test_an_experiment_that_does_not_run_does_not_decide(client, running):
    client.post("/v1/experiments/copy/pause")
    answer = choose(client)
    assert (answer.status_code, "paused" in answer.json["detail"]) == (409, True)


def test_a_batch_has_an_answer_for_each_item(client, running):
    items = [{"experiment": "copy", "unit": "u"}, {"experiment": "nope"}, {"experiment": "copy", "oops": 1}, 3, None]
    answer = client.post("/v1/choose/batch", json=items)
    assert answer.status_code == 200
    assert [item.get("status", 200) for item in answer.json] == [200, 404, 422, 422, 422]
    assert answer.json[2]["errors"][0]["field"] == "oops"
    assert answer.json[0]["experiment"] == "copy"


def test_batches_of_events(client, running):
    ids = [item["decision_id"] for item in client.post("/v1/choose/batch", json=[{"experiment": "copy"}] * 3).json]
    rewards = [{"decision_id": number, "value": value} for number, value in zip(ids, (1, 0, 5), strict=True)]
    answer = client.post("/v1/reward/batch", json=rewards).json
    assert [item["status"] for item in answer] == ["applied", "applied", 422]
    names = [{"decision_id": ids[0]}, {"decision_id": "x"}]
    retracted = client.post("/v1/reward/retract/batch", json=names).json
    assert [item["status"] for item in retracted] == ["retracted", 404]
    activated = client.post("/v1/activate/batch", json=names).json
    assert [item["status"] for item in activated] == ["activated", 404]


def test_a_batch_with_a_key_is_done_once(client, running):
    body, headers = (
        [{"experiment": "copy"}, {"experiment": "copy", "idempotency_key": "own"}, 3],
        {"Idempotency-Key": "b"},
    )
    first, again = (client.post("/v1/choose/batch", json=body, headers=headers).json for _ in range(2))
    assert first[:2] == again[:2]
    assert first[0] != first[1]
    assert decisions(client) == 2


@pytest.mark.parametrize(
    "path", ["/v1/choose/batch", "/v1/reward/batch", "/v1/reward/retract/batch", "/v1/activate/batch"]
)
@pytest.mark.parametrize(
    ("body", "status"), [("[]", 422), ("{}", 422), (json.dumps([{}] * 1001), 422), ("[", 400), ("", 400)]
)
def test_what_is_no_batch_is_refused(client, path, body, status):
    assert client.post(path, data=body).status_code == status
