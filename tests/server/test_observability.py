"""Request ids, metrics, logs, health."""

import json
import logging
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from server.app import create_app
from server.logs import JSONFormatter


@pytest.mark.parametrize("path", ["/v1/choose", "/v1/experiments", "/nope"])
def test_every_answer_has_a_request_id(client, path):
    first, second = (client.post(path, data="{}").headers["X-Request-Id"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize("path", ["/v1/choose", "/v1/experiments"])
@pytest.mark.parametrize(
    ("given", "kept"), [("trace-1:ab/c=", True), ("x" * 129, False), ("two words", False), ("é", False), ("", False)]
)
def test_a_sane_request_id_is_kept(client, path, given, kept):
    answer = client.post(path, data="{}", headers={"X-Request-Id": given})
    assert (answer.headers["X-Request-Id"] == given) is kept
    assert len(answer.headers.getlist("X-Request-Id")) == 1


def samples(client):
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=")
    return [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]


@pytest.mark.parametrize("front", [True, False])
def test_requests_decisions_and_rewards_are_counted(engine, running, front):
    client = create_app(engine, front=front).test_client()
    number = client.post("/v1/choose", json={"experiment": "copy", "unit": "u"}).json["decision_id"]
    client.post("/v1/choose", json={"experiment": "nope"})
    client.post("/v1/choose/batch", json=[{"experiment": "copy", "unit": "u"}] * 3)
    client.post("/v1/reward", json={"decision_id": number, "value": 1})
    client.post("/v1/reward/batch", json=[{"decision_id": number, "value": 1}, {"decision_id": "x", "value": 1}])
    client.get("/v1/experiments/copy")
    client.get("/secret-path")
    found = samples(client)
    counts = {
        (sample.labels["method"], sample.labels["route"], sample.labels["status"]): sample.value
        for sample in found
        if sample.name == "multiarm_http_request_duration_seconds_count"
    }
    assert counts["POST", "/v1/choose", "200"] == 1
    assert counts["POST", "/v1/choose", "404"] == 1
    assert counts["GET", "/v1/experiments/<key>", "200"] == 1
    assert counts["GET", "unmatched", "404"] == 1
    decisions = {s.labels["reason"]: s.value for s in found if s.name == "multiarm_decisions_total"}
    assert decisions == {"drawn": 1, "sticky": 3}
    assert {s.labels["status"]: s.value for s in found if s.name == "multiarm_rewards_total"} == {"applied": 2}
    assert {s.labels["version"] for s in found if s.name == "multiarm_build_info"}
    assert all(sample.labels["pid"].isdigit() for sample in found)


def test_the_buckets_of_a_histogram_add_up(client):
    for _ in range(5):
        client.get("/healthz")
    buckets = [
        sample.value
        for sample in samples(client)
        if sample.name.endswith("_bucket") and sample.labels["route"] == "/healthz"
    ]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 5


def test_healthy_and_ready(client):
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").json == {"status": "ready"}


@pytest.fixture
def logged(caplog):
    logger = logging.getLogger("multiarm")
    before = logger.propagate
    logger.propagate = True
    caplog.set_level(logging.INFO, "multiarm")
    yield lambda: [(r.method, r.route, r.status) for r in caplog.records if r.name == "multiarm.access"]
    logger.propagate = before


@pytest.mark.parametrize("front", [True, False])
@pytest.mark.parametrize("access_log", [True, False])
def test_the_hot_routes_are_logged_when_they_fail_or_when_asked(engine, running, logged, front, access_log):
    client = create_app(engine, front=front, access_log=access_log).test_client()
    client.post("/v1/choose", json={"experiment": "copy"})
    client.post("/v1/choose", json={"experiment": "nope"})
    client.get("/v1/experiments")
    client.get("/healthz")
    succeeded = [("POST", "/v1/choose", 200)] if access_log else []
    assert logged() == [*succeeded, ("POST", "/v1/choose", 404), ("GET", "/v1/experiments", 200)]


def test_a_log_line_is_one_json_object():
    record = logging.LogRecord("multiarm.access", logging.INFO, "f", 1, "%s\n%s", ("GET", "/é"), None)
    record.request_id, record.status, record.duration_ms = "r", 200, 1.5
    line = JSONFormatter().format(record)
    assert "\n" not in line
    written = json.loads(line)
    assert written["message"] == "GET\n/é"
    assert (written["level"], written["request_id"], written["status"], written["duration_ms"]) == (
        "info",
        "r",
        200,
        1.5,
    )
    assert written["time"].endswith("+00:00")


def test_a_traceback_is_part_of_its_line():
    try:
        raise ValueError("why")
    except ValueError:
        record = logging.LogRecord("multiarm", logging.ERROR, "f", 1, "failed", (), sys.exc_info())
    assert "ValueError: why" in json.loads(JSONFormatter().format(record))["traceback"]
