"""Bad input of every kind gives a problem document, and never does anything."""

import json
import logging

import pytest
from werkzeug.exceptions import Forbidden

from bandit import MultiarmError, Overloaded, StoreBusy, StoreError
from server.app import create_app

ROUTES = ["/v1/choose", "/v1/reward", "/v1/activate", "/v1/reward/retract", "/v1/choose/batch", "/v1/experiments"]


def check(answer, status):
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    document = answer.json
    assert list(document) == ["type", "title", "status", "detail", "errors", "request_id"]
    assert document["status"] == status
    assert document["request_id"] == answer.headers["X-Request-Id"]
    return document


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b"\xff\xfe", b'{"a":1}}', b"[" * 100_000, b'"\\ud800"'])
def test_what_is_not_json_is_400(client, path, body):
    assert check(client.post(path, data=body), 400)["type"] == "/docs#MalformedInput"


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("body", [b"null", b"1", b'"text"', b"true"])
def test_what_is_of_the_wrong_type_is_422(client, path, body):
    check(client.post(path, data=body), 422)


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("declared", [True, False])
def test_ten_megabytes_are_413(client, path, declared):
    body = b'{"experiment":"' + b"x" * 10_000_000 + b'"}'
    answer = (
        client.post(path, data=body)
        if declared
        else client.post(path, data=body, environ_overrides={"CONTENT_LENGTH": "", "wsgi.input_terminated": True})
    )
    assert "1048576" in check(answer, 413)["detail"]


def test_a_body_that_breaks_off_is_400(client, running):
    answer = client.post("/v1/choose", data=b'{"experiment":"copy"}', environ_overrides={"CONTENT_LENGTH": "30"})
    check(answer, 400)
    check(client.post("/v1/choose", data=b"{}", environ_overrides={"CONTENT_LENGTH": "-1"}), 400)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"unit": "u" * 10_000}, "unit"),
        ({"unit": ""}, "unit"),
        ({"context": {"a": "x" * 20_000}}, "context"),
        ({"attributes": []}, "attributes"),
        ({"eligible": []}, "eligible"),
        ({"defer": "yes"}, "defer"),
        ({"surprise": 1}, "surprise"),
        ({"experiment": "x" * 101}, "experiment"),
    ],
)
def test_every_wrong_field_is_named(client, running, body, field):
    document = check(client.post("/v1/choose", json={"experiment": "copy", **body}), 422)
    assert [error["field"] for error in document["errors"]] == [field]
    assert field in document["detail"]


def test_all_wrong_fields_are_named_at_once(client):
    definition = {"key": "a b", "variants": [{"key": "a"}, {"key": "b", "weight": -1}], "metrics": [{}], "colour": 1}
    document = check(client.post("/v1/experiments", json=definition), 422)
    assert {error["field"] for error in document["errors"]} == {"key", "variants[1].weight", "metrics[0].key", "colour"}
    assert client.get("/v1/experiments").json == {"experiments": [], "next": None}


def test_nesting_is_bounded(client, running):
    deep = json.loads('{"a":' * 50 + "1" + "}" * 50)
    check(client.post("/v1/choose", json={"experiment": "copy", "context": deep}), 422)
    answer = client.post("/v1/choose", data='{"experiment":"copy","context":' + '{"a":' * 5000 + "1" + "}" * 5001)
    check(answer, 400)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_numbers_that_are_not_finite_are_refused(client, running, number):
    decision = client.post("/v1/choose", json={"experiment": "copy"}).json["decision_id"]
    answer = client.post("/v1/reward", data=f'{{"decision_id":"{decision}","value":{number}}}')
    assert check(answer, answer.status_code)["status"] in (400, 422)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("field", ["context", "attributes"])
def test_context_holds_only_finite_numbers(client, running, number, field):
    answer = client.post("/v1/choose", data=f'{{"experiment":"copy","{field}":{{"x":{number}}}}}')
    assert check(answer, answer.status_code)["status"] in (400, 422)


def test_a_config_holds_only_finite_numbers(client, copy):
    body = json.dumps(copy).replace('"Pay"', "NaN")
    answer = client.post("/v1/experiments", data=body)
    assert check(answer, answer.status_code)["status"] in (400, 422)


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/choose/", "//v1/choose", "/v1/experiments/a/b", "/v2/choose"])
def test_an_unknown_route_is_404(client, path):
    assert check(client.post(path, data="{}"), 404)["type"] == "about:blank"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/v1/choose", "POST"), ("DELETE", "/v1/experiments", "GET"), ("PUT", "/v1/reward", "POST")],
)
def test_a_wrong_method_is_405(client, method, path, allowed):
    answer = client.open(path, method=method)
    check(answer, 405)
    assert allowed in answer.headers["Allow"]


class Refusing:
    """An engine whose verbs cannot; what it has besides is there."""

    def __init__(self, engine, error):
        self.engine = engine
        self.error = error

    def __getattr__(self, name):
        def refuse(*arguments, **options):
            raise self.error

        found = getattr(self.engine, name)
        return refuse if callable(found) else found


@pytest.mark.parametrize("error", [Overloaded("busy"), StoreError("full"), StoreBusy("held")])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/choose", {"experiment": "a"}),
        ("POST", "/v1/reward", {"decision_id": "a", "value": 1}),
        ("POST", "/v1/choose/batch", [{"experiment": "a"}]),
        ("GET", "/readyz", None),
        ("GET", "/v1/experiments", None),
    ],
)
def test_a_store_that_refuses_is_503(engine, error, method, path, body):
    answer = create_app(Refusing(engine, error)).test_client().open(path, method=method, json=body)
    document = check(answer, 503)
    assert document["type"] == f"/docs#{type(error).__name__}"
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize("front", [True, False])
def test_an_error_that_nobody_foresaw_is_500_without_internals(engine, front, caplog):
    client = create_app(Refusing(engine, ZeroDivisionError("secret")), front=front).test_client()
    logging.getLogger("multiarm").propagate = True
    answer = client.post("/v1/choose", json={"experiment": "a"})
    document = check(answer, 500)
    assert "secret" not in answer.text
    assert document["request_id"] in document["detail"]
    logged = next(record for record in caplog.records if record.exc_info)
    assert (logged.request_id, logged.exc_info[0]) == (document["request_id"], ZeroDivisionError)


class NoAccess(MultiarmError):
    """A key without the scope."""

    status = 403
    title = "Forbidden"


@pytest.mark.parametrize("error", [NoAccess("no"), Forbidden("no")])
@pytest.mark.parametrize("front", [True, False])
def test_every_route_but_the_public_ones_asks_for_its_scope(engine, error, front):
    asked = []

    def authorise(environ, scope, *, rechecked=False):
        asked.append(scope)
        raise error

    client = create_app(engine, front=front, authorise=authorise).test_client()
    check(client.post("/v1/choose", json={"experiment": "a"}), 403)
    check(client.get("/v1/experiments"), 403)
    check(client.post("/v1/experiments/a/start"), 403)
    assert client.get("/healthz").status_code == 200
    assert asked == ["decide", "read", "manage"]
