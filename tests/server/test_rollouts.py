"""Guardrails, canaries and winners over HTTP, in the server's own loop, and through kills."""

import json
import random
import sqlite3
import time

import pytest
from canaries import begin, canary, guarded, serve

from bandit import Client, Engine, MultiarmError, WrongState


def test_the_verbs_over_http(client, engine):
    begin(engine, canary())
    path = "/v1/experiments/x/rollout"
    assert client.post(f"{path}/promote", json={"reason": "sure"}).json["rollout_state"]["step"] == 1
    assert client.post(f"{path}/hold").json["rollout_state"]["status"] == "held"
    assert client.get(path).json["recommendations"][-1].startswith("It was held")
    assert client.post(f"{path}/proceed").json["rollout_state"]["status"] == "progressing"
    assert client.post(f"{path}/roll-back", json={"reason": "pager"}).json["rollout_state"]["status"] == "rolled_back"
    report = client.get(path).json
    assert (report["health"], report["history"][-1]["reason"]) == ("critical", "pager")
    assert client.post(f"{path}/promote").status_code == 409
    assert client.post(f"{path}/promote", json={"why": "?"}).status_code == 422
    assert client.get("/v1/experiments/none/rollout").status_code == 404


def test_trips_over_http(client, engine):
    begin(engine, guarded({"threshold": 0.2, "action": "pause_arm"}))
    serve(engine, map(str, range(400)), {"b": 0.7})
    engine._journal.flush()
    found = client.get("/v1/experiments/x/guardrails").json
    assert (found["results"][0]["outcome"], found["trips"][0]["action"]) == ("trips", "pause_arm")
    wrong = client.post("/v1/experiments/x/guardrails/clear", json={"guardrail": "other"})
    assert (wrong.status_code, "has not tripped" in wrong.json["detail"]) == (409, True)
    assert client.post("/v1/experiments/x/guardrails/clear", json={"guardrail": "errors"}).json["trips"] == []
    assert client.post("/v1/experiments/x/apply-winner").status_code == 409


def history(path):
    """What happened to the rollout, and the alerts about it, as the file has them."""
    connection = sqlite3.connect(path)
    (definition,) = connection.execute("SELECT definition FROM experiments").fetchone()
    alerts = [json.loads(body) for (body,) in connection.execute("SELECT body FROM alerts WHERE kind = 'rollout'")]
    audit = [row[0] for row in connection.execute("SELECT action FROM changes WHERE actor = 'rollout' ORDER BY number")]
    connection.close()
    return json.loads(definition)["rollout_state"]["history"], alerts, audit


def test_two_workers_promote_once_through_kills_at_any_moment(start, tmp_path):
    path, moment = tmp_path / "test.db", random.Random(4)
    with Engine(path) as engine:
        begin(engine, canary(steps=(20, 40, 60, 80, 100), dwell=0.2))
    number = 0
    until = time.monotonic() + 150.0
    while time.monotonic() < until:
        server = start("test.db", "--workers", "2")
        with Client(server.url, retries=0) as client:
            killed = time.monotonic() + moment.uniform(0.8, 2.2)
            while time.monotonic() < killed:
                try:
                    decisions = client.choose_batch([{"experiment": "x", "unit": str(number + k)} for k in range(100)])
                    client.reward_batch([{"decision_id": each.id, "value": 0} for each in decisions])
                except MultiarmError:
                    break
                number += 100
        server.kill()
        events, _, _ = history(path)
        if events[-1]["action"] == "promote":
            break
    events, alerts, audit = history(path)
    assert [(event["action"], event["step"]) for event in events] == [
        ("start", 0),
        *(("advance", step) for step in range(1, 5)),
        ("promote", 4),
    ]
    assert alerts == events[1:]
    assert audit == ["advance"] * 4 + ["promote"]
    with Engine(path) as engine:
        assert engine.verify() == []


def test_two_workers_roll_back_once_and_stay_so_through_a_kill(start, tmp_path):
    path = tmp_path / "test.db"
    with Engine(path) as engine:
        begin(engine, canary(promotion="manual"))
    server = start("test.db", "--workers", "2")
    with Client(server.url) as client:
        decisions = client.choose_batch([{"experiment": "x", "unit": str(unit)} for unit in range(900)])
        client.reward_batch([{"decision_id": each.id, "value": int(each.variant == "candidate")} for each in decisions])
        assert client.rollout("x").status == "rolled_back"
        with pytest.raises(WrongState):
            client.promote("x")
    server.kill()
    server = start("test.db", "--workers", "2")
    with Client(server.url) as client:
        assert {each.variant for each in client.choose_batch([{"experiment": "x", "unit": "7"}] * 3)} == {"control"}
        assert client.rollout("x").health == "critical"
        assert client.guardrails("x").trips == []
    events, alerts, audit = history(path)
    assert [event["action"] for event in events] == ["start", "roll_back"]
    assert alerts == events[1:]
    assert audit == ["roll_back"]
