"""The OpenFeature Remote Evaluation Protocol, where specification, examples and clients disagree point by point."""

import pytest

from bandit import StoreBusy
from bandit.errors import Forbidden, RateLimited, Unauthorised
from server.app import create_app

ONE, ALL = "/ofrep/v1/evaluate/flags/switch", "/ofrep/v1/evaluate/flags"
SWITCH = {"key": "switch", "type": "boolean", "variants": {"on": True, "off": False}, "default_variant": "off"}
DUTCH = {"attribute": "country", "operator": "equals", "value": "NL"}
HALF = {"name": "half", "when": DUTCH, "split": {"on": 50, "off": 50}}
REASONS = {"STATIC", "DEFAULT", "TARGETING_MATCH", "SPLIT", "CACHED", "DISABLED", "UNKNOWN", "STALE", "ERROR"}


@pytest.fixture
def switch(client):
    assert client.post("/v1/flags", json={**SWITCH, "rules": [HALF]}).status_code == 201
    return "switch"


@pytest.fixture
def backed(client, running):
    flag = {"key": "text", "type": "string", "variants": {"control": "Pay now", "short": "Pay"}, "experiment": "copy"}
    assert client.post("/v1/flags", json=flag).status_code == 201
    return "text"


def ask(client, path=ONE, context=None, **headers):
    return client.post(path, json={} if context is None else {"context": context}, headers=headers)


def test_a_success_has_all_that_clients_index(client, switch):
    answer = ask(client)
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.json == {"key": "switch", "reason": "DEFAULT", "variant": "off", "metadata": {}, "value": False}
    split = ask(client, context={"targetingKey": "u", "country": "NL"}).json
    assert (split["reason"], split["metadata"]) == ("SPLIT", {"rule": "half"})


def test_no_value_means_the_default_in_the_code(client, switch):
    client.patch("/v1/flags/switch", json={"default_variant": None})
    for answer in (ask(client).json, ask(client, ALL).json["flags"][0]):
        assert answer == {"key": "switch", "reason": "DEFAULT", "variant": "", "metadata": {}}


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("boolean", True, b"true"),
        ("string", "\u00e9", b'"\\u00e9"'),
        ("integer", 1, b"1"),
        ("number", 1, b"1.0"),
        ("number", 1e300, b"1e+300"),
        ("object", {"a": [1, None]}, b'{"a":[1,null]}'),
        ("object", [], b"[]"),
    ],
)
def test_a_value_is_json_of_the_flags_type(client, kind, value, text):
    client.post("/v1/flags", json={"key": "switch", "type": kind, "variants": {"a": value}, "default_variant": "a"})
    assert b'"value":' + text in ask(client).data


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "PARSE_ERROR"),
        (b"{", "PARSE_ERROR"),
        (b"\xff", "PARSE_ERROR"),
        (b"[]", "INVALID_CONTEXT"),
        (b"3", "INVALID_CONTEXT"),
        (b'{"context": 3}', "INVALID_CONTEXT"),
        (b'{"context": []}', "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": 7}}', "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": "%b"}}' % (b"u" * 257), "INVALID_CONTEXT"),
        (b'{"context": {"multiarm.defer": "yes"}}', "INVALID_CONTEXT"),
    ],
)
def test_a_request_that_is_none_is_refused_in_the_protocols_form(client, switch, body, code):
    for path, named in ((ONE, {"key": "switch"}), (ALL, {})):
        answer = client.post(path, data=body)
        assert (answer.status_code, answer.content_type) == (400, "application/json")
        assert answer.json == {**named, "errorCode": code, "errorDetails": answer.json["errorDetails"]}
        assert answer.json["errorDetails"]


def test_no_context_is_fine_where_no_unit_is_needed(client, switch):
    for body in ({}, {"context": None}, {"context": {}}, {"more": 1}, {"context": {"targetingKey": ""}}):
        assert client.post(ONE, json=body).json["reason"] == "DEFAULT"
    missing = ask(client, context={"country": "NL"})
    assert (missing.status_code, missing.json["errorCode"]) == (400, "TARGETING_KEY_MISSING")


def test_a_flag_that_is_unknown_is_not_found(client, switch):
    answer = ask(client, "/ofrep/v1/evaluate/flags/nope", {"targetingKey": "u"})
    assert answer.status_code == 404
    assert answer.json == {"key": "nope", "errorCode": "FLAG_NOT_FOUND", "errorDetails": "flag 'nope' is unknown"}


@pytest.mark.parametrize(
    ("error", "status", "headers"),
    [
        (Unauthorised("no key"), 401, {}),
        (Forbidden("not with this key"), 403, {}),
        (RateLimited("slower"), 429, {"Retry-After": "1"}),
        (StoreBusy("held"), 503, {"Retry-After": "1"}),
        (ZeroDivisionError(), 500, {}),
    ],
)
def test_every_refusal_has_key_and_code(engine, error, status, headers):
    def authorise(environ, scope, *, rechecked=False):
        assert scope == "decide"
        raise error

    client = create_app(engine, authorise=authorise).test_client()
    for path in (ONE, ALL):
        answer = ask(client, path)
        assert (answer.status_code, answer.content_type) == (status, "application/json")
        assert answer.json["errorCode"] == "GENERAL"
        assert answer.json["errorDetails"]
        assert answer.json.get("key") == ("switch" if path == ONE else None)
        assert {name: answer.headers[name] for name in headers} == headers


@pytest.mark.parametrize(("path", "method", "status"), [("/ofrep/v2", "POST", 404), (ALL, "GET", 405)])
def test_what_is_no_route_is_refused_in_the_protocols_form(client, path, method, status):
    answer = client.open(path, method=method)
    assert (answer.status_code, answer.json["errorCode"]) == (status, "GENERAL")


def test_all_flags_are_evaluated_each_for_itself(client, switch, backed):
    client.post("/v1/flags", json={**SWITCH, "key": "off", "enabled": False})
    answer = ask(client, ALL, {"country": "NL"})
    assert (answer.status_code, answer.json["metadata"]) == (200, {})
    found = {item["key"]: item for item in answer.json["flags"]}
    assert found["off"]["reason"] == "DISABLED"
    for key in ("switch", "text"):
        assert found[key] == {
            "key": key,
            "errorCode": "TARGETING_KEY_MISSING",
            "errorDetails": found[key]["errorDetails"],
        }


def test_a_trailing_slash_is_the_same(client, switch):
    assert ask(client, f"{ALL}/").json == ask(client, ALL).json
    assert ask(client, f"{ALL}/").status_code == 200


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', '"a",W/{} , "b"', "*"])
def test_nothing_is_sent_again_where_nothing_changed(client, switch, backed, form):
    context = {"targetingKey": "u", "country": "NL"}
    first = ask(client, ALL, context)
    tag = first.headers["ETag"]
    assert tag.startswith('"')
    again = ask(client, ALL, dict(reversed(context.items())), **{"If-None-Match": form.format(tag)})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)


def test_everything_is_sent_again_where_something_changed(client, engine, switch, backed):
    context = {"targetingKey": "u", "country": "NL"}

    def changed(tag):
        answer = ask(client, ALL, context, **{"If-None-Match": tag})
        assert ask(client, ALL, context, **{"If-None-Match": answer.headers["ETag"]}).status_code == 304
        return answer.status_code == 200 and answer.headers["ETag"] != tag and answer.headers["ETag"]

    tag = ask(client, ALL, context).headers["ETag"]
    client.patch("/v1/flags/switch", json={"rules": []})
    assert (tag := changed(tag))
    context["country"] = "DE"
    assert (tag := changed(tag))
    context["targetingKey"] = "v"
    assert (tag := changed(tag))
    variants = engine.get("copy").model_dump(mode="json")["variants"]
    engine.update("copy", {"variants": [{**variants[0], "weight": 3}, variants[1]]})
    assert (tag := changed(tag))
    engine.pause("copy")
    assert changed(tag)


def test_reasons_and_metadata_are_the_specifications(client, engine, switch, backed):
    engine.flags.create({**SWITCH, "key": "plain", "overrides": {"u": "on"}})
    engine.flags.create({**SWITCH, "key": "needing", "prerequisites": [{"flag": "plain", "variant": "off"}]})
    items = ask(client, ALL, {"targetingKey": "u", "country": "NL"}).json["flags"]
    assert {item["reason"] for item in items} <= REASONS
    for item in items:
        assert all(type(value) in (bool, str, int, float) for value in item["metadata"].values())
    assert {item["key"]: item["metadata"] for item in items if item["key"] in ("plain", "needing")} == {
        "plain": {"override": True},
        "needing": {"prerequisite": "plain"},
    }


def counted(client):
    return sum(variant["decisions"] for variant in client.get("/v1/experiments/copy/results").json["variants"])


def test_one_evaluation_decides_and_all_do_not(client, backed):
    path = "/ofrep/v1/evaluate/flags/text"
    before = ask(client, ALL, {"targetingKey": "u"}).json["flags"][0]
    assert counted(client) == 0
    one = ask(client, path, {"targetingKey": "u"}).json
    assert (one["value"], counted(client)) == (before["value"], 1)
    assert one["metadata"]["propensity"] == 0.5
    reward = {"decision_id": one["metadata"]["decision_id"], "value": 1}
    assert client.post("/v1/reward", json=reward).json == {"status": "applied"}
    waiting = ask(client, path, {"targetingKey": "v", "multiarm.defer": True}).json
    assert (waiting["metadata"]["deferred"], counted(client)) == (True, 1)
    body = {"name": "exposure", "unit": "v", "flag": "text"}
    tracked = client.post("/v1/track", json=body).json["tracked"]
    assert tracked == [{"experiment": "copy", "decision_id": waiting["metadata"]["decision_id"], "status": "activated"}]
    assert counted(client) == 2


def test_a_repeat_is_the_same_decision(client, backed):
    path, headers = "/ofrep/v1/evaluate/flags/text", {"Idempotency-Key": "k"}
    first = ask(client, path, {"targetingKey": "u"}, **headers).json
    assert ask(client, path, {"targetingKey": "u"}, **headers).json == first
    assert counted(client) == 1
    refused = ask(client, path, {"targetingKey": "u"}, **{"Idempotency-Key": "two words"})
    assert (refused.status_code, refused.json["errorCode"]) == (400, "INVALID_CONTEXT")


def test_evaluations_are_in_the_metrics(client, switch):
    ask(client)
    ask(client, ALL)
    assert 'multiarm_flag_evaluations_total{pid="' in client.get("/metrics").text
