"""What the client sends, and what it does when no answer comes."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bandit import InvalidInput, MultiarmError, NotFound, Overloaded, StoreBusy, StoreError
from bandit.client import Client, Unreachable

DECISION = {
    "decision_id": "00",
    "experiment": "e",
    "variant": "v",
    "config": None,
    "propensity": 0.5,
    "epoch": 1,
    "reason": "drawn",
}


class Stub:
    """A server that answers from a list: (status, document, headers), or None to break the connection."""

    def __init__(self):
        self.script = []
        self.requests = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                stub.requests.append((self.command, self.path, dict(self.headers), json.loads(body) if body else None))
                step = stub.script.pop(0)
                if step is None:
                    self.close_connection = True
                    return
                status, document, headers = step
                data = json.dumps(document).encode() if not isinstance(document, bytes) else document
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = answer  # noqa: N815

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def stub():
    stub = Stub()
    yield stub
    stub.server.shutdown()
    stub.server.server_close()


@pytest.fixture
def pauses(monkeypatch):
    """How long the client slept, which it does not."""
    pauses = []
    monkeypatch.setattr("bandit.client.time.sleep", pauses.append)
    return pauses


def problem(status, kind, **more):
    document = {"type": f"/docs#{kind}", "title": "t", "status": status, "detail": "why", "errors": [], **more}
    return status, document, {}


def test_a_broken_connection_is_tried_again_with_the_same_key(stub, pauses):
    stub.script = [None, None, (200, DECISION, {})]
    with Client(stub.url) as client:
        assert client.choose("e", "u").variant == "v"
    bodies = [body for _, _, _, body in stub.requests]
    assert bodies[0] == bodies[1] == bodies[2]
    assert len(bodies[0]["idempotency_key"]) == 32
    assert len(pauses) == 2
    assert 0.1 <= pauses[0] <= 0.15
    assert 0.2 <= pauses[1] <= 0.3


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.reward("00", 1.0),
        lambda client: client.reward_batch([{"decision_id": "00", "value": 1}, {"decision_id": "00", "value": 1}]),
        lambda client: client.start("e"),
        lambda client: client.update("e", {"name": "n"}),
    ],
)
def test_every_write_repeats_its_key_and_has_one_of_its_own(stub, pauses, call):
    refusal = problem(404, "NotFound")
    stub.script = [None, refusal, refusal]
    with Client(stub.url) as client:
        for _ in range(2):
            with pytest.raises(NotFound):
                call(client)
    keys = []
    for _, _, headers, body in stub.requests:
        items = body if isinstance(body, list) else [body or {}]
        keys.append([item.get("idempotency_key", headers.get("Idempotency-Key")) for item in items])
    assert keys[0] == keys[1]
    assert not set(keys[1]) & set(keys[2])
    assert all(all(key for key in call) and len(set(call)) == len(call) for call in keys)


def test_a_key_of_the_caller_is_kept(stub):
    stub.script = [(200, DECISION, {}), (200, {"status": "applied"}, {})]
    with Client(stub.url) as client:
        client.choose("e", idempotency_key="mine")
        client.reward("00", 1, idempotency_key="mine too")
    assert [body["idempotency_key"] for *_, body in stub.requests] == ["mine", "mine too"]


def test_an_overloaded_server_says_when_to_come_back(stub, pauses):
    busy = problem(503, "Overloaded")
    stub.script = [(*busy[:2], {"Retry-After": "2"}), (200, DECISION, {})]
    with Client(stub.url) as client:
        client.choose("e")
    assert 2.0 <= pauses[0] <= 3.0


def test_no_pause_is_too_long(stub, pauses):
    busy = problem(503, "Overloaded")
    stub.script = [(*busy[:2], {"Retry-After": "3600"}), (200, DECISION, {})]
    with Client(stub.url) as client:
        client.choose("e")
    assert pauses[0] <= 7.5


@pytest.mark.parametrize("kind", [Overloaded, StoreError, StoreBusy])
def test_a_server_that_stays_overloaded_raises_its_error(stub, pauses, kind):
    stub.script = [problem(503, kind.__name__)] * 3
    with Client(stub.url, retries=2) as client, pytest.raises(kind) as caught:
        client.choose("e")
    assert type(caught.value) is kind
    assert len(pauses) == 2


def test_nobody_listens(pauses):
    with Client("http://127.0.0.1:1", retries=2) as client, pytest.raises(Unreachable) as caught:
        client.choose("e")
    assert "http://127.0.0.1:1" in str(caught.value)
    assert isinstance(caught.value, MultiarmError)
    assert len(pauses) == 2


def test_an_answer_that_takes_too_long(pauses):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Client(url, timeout=0.05, retries=1) as client, pytest.raises(Unreachable):
            client.check()


def test_a_problem_becomes_the_error_with_its_fields(stub):
    stub.script = [problem(422, "InvalidInput", errors=[{"field": "unit", "message": "too long"}])]
    with Client(stub.url) as client, pytest.raises(InvalidInput) as caught:
        client.choose("e")
    assert caught.value.detail == "why"
    assert caught.value.errors == [("unit", "too long")]
    assert len(stub.requests) == 1


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [(404, b"<html>", NotFound), (422, {}, InvalidInput), (413, {}, InvalidInput), (500, b"", MultiarmError)],
)
def test_what_is_no_problem_document_is_told_by_its_status(stub, status, body, kind):
    stub.script = [(status, body, {})]
    with Client(stub.url) as client, pytest.raises(kind) as caught:
        client.choose("e")
    assert type(caught.value) is kind


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_what_json_cannot_say_is_not_sent(stub, value):
    with Client(stub.url) as client, pytest.raises(InvalidInput):
        client.reward("00", value)
    assert stub.requests == []


def test_headers_go_with_every_request(stub):
    stub.script = [(200, DECISION, {}), (200, {"experiments": [], "next": None}, {})]
    with Client(stub.url + "/", headers={"Authorization": "Bearer k"}) as client:
        client.choose("e")
        client.list()
    assert [headers["Authorization"] for _, _, headers, _ in stub.requests] == ["Bearer k"] * 2
    assert [path.partition("?")[0] for _, path, _, _ in stub.requests] == ["/v1/choose", "/v1/experiments"]
