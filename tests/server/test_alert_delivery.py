"""Alerts from real servers to a real receiver, and servers that are killed on the way."""

import json
import random
import socket
import time

import pytest
from receiver import SECRET, Receiver, verified

from bandit import Client, Engine
from bandit.rows import Alert

ALERTS = 40


@pytest.fixture
def receiver(monkeypatch):
    monkeypatch.setenv("MULTIARM_ALLOW_PRIVATE_WEBHOOKS", "true")
    receiver = Receiver()
    yield receiver
    receiver.close()


def raised(memory, message, now):
    memory.batch.alerts.append(Alert(now, "guardrail", "copy", "warning", message, "{}"))


def prepare(path, receiver, alerts=ALERTS):
    with Engine(path) as engine:
        engine.channels.create({"key": "hook", "type": "webhook", "url": receiver.url, "secret": SECRET})
        for number in range(alerts):
            engine._journal.run(raised, str(number))


def outcome(path):
    """Each alert's deliveries, oldest first."""
    with Engine(path) as engine:
        return list(reversed(engine.alerts.list().alerts))


def test_several_workers_send_each_once(start, tmp_path, receiver):
    prepare(tmp_path / "test.db", receiver)
    server = start("test.db", "--workers", "3")
    receiver.wait(ALERTS, 90.0)
    with Client(server.url) as client:
        until = time.monotonic() + 60
        while any(kept.status != "delivered" for each in client.alerts.list().alerts for kept in each.deliveries):
            assert time.monotonic() < until
            time.sleep(0.1)
    assert server.stop() == 0
    assert len(receiver.ids()) == len(set(receiver.ids())) == ALERTS
    messages = [verified(*got) for got in receiver.got]
    assert {message["data"]["message"] for message in messages} == {str(number) for number in range(ALERTS)}
    assert {message["id"] for message in messages} == {alert.id for alert in outcome(tmp_path / "test.db")}


def test_killed_at_any_moment_each_is_recorded_once_and_arrives(start, tmp_path, receiver, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    # Claims of a worker that was killed are free again soon, and what fails is tried again soon.
    (tmp_path / "sitecustomize.py").write_text(
        "from bandit import outbox\noutbox.CLAIM_SECONDS = 1.0\noutbox.FIRST_PAUSE_SECONDS = 0.01\n"
    )
    path = tmp_path / "test.db"
    prepare(path, receiver)
    receiver.script = [random.Random(3).choice([204, 204, 500, None]) for _ in range(60)]
    moment = random.Random(1)
    for _ in range(6):
        server = start("test.db", "--workers", "2")
        time.sleep(moment.uniform(0.2, 1.6))
        server.kill()
    server = start("test.db", "--workers", "2")
    with Client(server.url) as client:
        until = time.monotonic() + 60
        while any(kept.status == "pending" for each in client.alerts.list().alerts for kept in each.deliveries):
            assert time.monotonic() < until
            time.sleep(0.2)
    assert server.stop() == 0
    kept = outcome(path)
    assert [alert.message for alert in kept] == [str(number) for number in range(ALERTS)]
    assert {each.status for alert in kept for each in alert.deliveries} == {"delivered"}
    assert set(receiver.ids()) == {alert.id for alert in kept}  # each under one id, however often
    for got in receiver.got:
        verified(*got)


def test_a_hanging_receiver_delays_neither_decisions_nor_what_is_due(start, tmp_path, copy, monkeypatch):
    monkeypatch.setenv("MULTIARM_ALLOW_PRIVATE_WEBHOOKS", "true")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with Engine(tmp_path / "test.db") as engine:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            engine.channels.create({"key": "hook", "type": "webhook", "url": url, "secret": SECRET, "timeout": 20.0})
            engine._journal.run(raised, "x")
            engine.create(copy)
            engine.start("copy")
        server = start("test.db")
        connection, _ = silent.accept()
        with connection, Client(server.url) as client:
            begun = time.monotonic()
            for number in range(20):
                client.choose("copy", f"u{number}")
            assert time.monotonic() - begun < 5
            while True:  # the ticker's first tick may be still to come
                states = {component.name: component.status for component in client.health().components}
                if states["store"] == states["journal"] == states["ticker"] == "ok":
                    break
                assert time.monotonic() - begun < 15, states  # when the receiver still hangs


def test_a_command_runs_only_in_a_server_that_was_told_to(start, tmp_path):
    path = tmp_path / "test.db"
    out = tmp_path / "out.json"
    server = start("test.db", "--alert-commands")
    with Client(server.url) as client:
        made = client.channels.create({"key": "run", "type": "command", "command": ["tee", str(out)]})
        assert made.command == ["tee", str(out)]
        with Engine(path) as engine:
            engine._journal.run(raised, "deploy")
        until = time.monotonic() + 30
        while client.alerts.list().alerts[0].deliveries[0].status != "delivered":
            assert time.monotonic() < until
            time.sleep(0.1)
    assert json.loads(out.read_text())["data"]["message"] == "deploy"


def test_a_secret_is_never_told(client):
    given = {"key": "hook", "type": "webhook", "url": "https://example.org/x", "secret": SECRET}
    answers = [client.post("/v1/channels", json=given), client.get("/v1/channels"), client.get("/v1/channels/hook")]
    answers.append(client.patch("/v1/channels/hook", json={"url": "https://example.org/y"}))
    answers.append(client.post("/v1/channels", json={**given, "key": "other", "url": "nonsense"}))
    answers.append(client.get("/v1/audit"))
    assert [answer.status_code for answer in answers] == [201, 200, 200, 200, 422, 200]
    assert all(SECRET not in answer.text for answer in answers)
    assert answers[3].json["url"] == "https://example.org/y"


def test_the_secret_stays_when_something_else_is_changed(engine, client):
    client.post("/v1/channels", json={"key": "a", "type": "webhook", "url": "https://a.org", "secret": SECRET})
    client.patch("/v1/channels/a", json={"kinds": ["winner"]})
    assert engine.channels.get("a").secret == SECRET


def test_alerts_over_http(engine, client):
    for number in range(3):
        engine._journal.run(raised, str(number))
    engine._journal.flush()
    page = client.get("/v1/alerts?limit=2&kind=guardrail").json
    assert [alert["message"] for alert in page["alerts"]] == ["2", "1"]
    rest = client.get(f"/v1/alerts?limit=2&cursor={page['next']}").json
    assert ([alert["message"] for alert in rest["alerts"]], rest["next"]) == (["0"], None)
    assert client.get("/v1/alerts?severity=info").json["alerts"] == []
    assert client.get("/v1/alerts?limit=0").status_code == 422
    assert client.get("/v1/alerts?cursor=x").status_code == 422


def test_a_unit_is_erased_over_http(engine, client, running):
    client.post("/v1/choose", json={"experiment": "copy", "unit": "ann"})
    answer = client.post("/v1/units/erase", json={"unit": "ann"}, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json) == (200, {"decisions": 1, "experiments": ["copy"]})
    assert client.post("/v1/units/erase", json={"unit": ""}).status_code == 422
    assert client.post("/v1/units/erase", json={"unit": "a", "kind": "user"}).json["decisions"] == 0
    with engine.reading() as reader:
        assert [row[2] for row in reader.rows("decisions")] == [None]


def test_health_over_http(client):
    answer = client.get("/v1/health").json
    assert {component["name"] for component in answer["components"]} == {
        *("store", "journal", "ticker", "deliveries", "disk", "schema")
    }
    assert answer["schema_version"] == 4
