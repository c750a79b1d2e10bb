"""The front gives what Flask gives, byte for byte."""

import json

import pytest
from werkzeug.test import EnvironBuilder

from bandit import Engine
from bandit.decision import Decision, DecisionAnswer
from server.app import create_app
from server.requests import RESPOND, AnsweredLater
from server.serialisation import DecisionText

BODIES = [
    ("/v1/choose", b'{"experiment":"copy"}'),
    ("/v1/choose", b'{"experiment":"copy","unit":"u","context":{"a":1},"eligible":["short"]}'),
    ("/v1/choose", b'{"experiment":"copy","idempotency_key":"k"}'),
    ("/v1/choose", b'{"experiment":"nope"}'),
    ("/v1/choose", b'{"experiment":1,"unit":""}'),
    ("/v1/choose", b"{"),
    ("/v1/choose", b"x" * 1_100_000),
    ("/v1/reward", b'{"decision_id":"%b","value":1}'),
    ("/v1/reward", b'{"decision_id":"%b","value":7}'),
    ("/v1/reward", b'{"decision_id":"zz","value":1}'),
    ("/v1/reward", b'{"value":1}'),
    ("/v1/choose/batch", b'[{"experiment":"copy"},{"experiment":"copy","unit":"v","defer":true}]'),
    ("/v1/choose/batch", b'[{"experiment":"copy"},{"experiment":"nope"},{"unit":3},7]'),
    ("/v1/choose/batch", b"[]"),
    ("/v1/choose/batch", b"{}"),
    ("/v1/choose/batch", b"["),
    ("/v1/reward/batch", b'[{"decision_id":"%b","value":1},{"decision_id":"%b","value":0,"metric":"spent"}]'),
    ("/v1/reward/batch", b'[{"decision_id":"%b","value":1},{"decision_id":"zz","value":1},{}]'),
]


def answers(copy, *, front, later=False, **headers):
    """What an application says to the bodies; clock and draws are the same for every application."""
    ticks = iter(range(1_800_000_000, 1_800_001_000))
    with Engine(seed=7, clock=lambda: float(next(ticks))) as engine:
        engine.create(copy)
        engine.start("copy")
        app = create_app(engine, front=front)
        client = app.test_client()
        number = client.post("/v1/choose", data=b'{"experiment":"copy"}').json["decision_id"].encode()
        for path, body in BODIES:
            asked = {"data": body.replace(b"%b", number), "headers": {"X-Request-Id": "same", **headers}}
            if later:
                said = []
                environ = EnvironBuilder(path, method="POST", **asked).get_environ()
                environ[RESPOND] = lambda *answer: said.append(answer)  # noqa: B023 - called before the next body
                with pytest.raises(AnsweredLater):
                    app.wsgi_app(environ, pytest.fail)
                ((status, given, text),) = said
                yield status, dict(given), text
            else:
                answer = client.post(path, **asked)
                yield answer.status_code, dict(answer.headers), answer.data


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "again"}, {"Idempotency-Key": "n\u00f6"}])
@pytest.mark.parametrize(("front", "later"), [(True, False), (True, True), (False, True)])
def test_front_and_flask_answer_alike_at_once_and_later(copy, front, later, headers):
    assert list(answers(copy, front=front, later=later, **headers)) == list(answers(copy, front=False, **headers))


@pytest.mark.parametrize("front", [True, False])
def test_a_path_that_begins_with_more_slashes_is_the_same_operation(copy, engine, front):
    engine.create(copy)
    engine.start("copy")
    app, said = create_app(engine, front=front), []
    for path in ("//v1/choose", "///v1/choose"):
        environ = EnvironBuilder("/v1/choose", method="POST", data=b'{"experiment":"copy","unit":"u"}').get_environ()
        environ |= {"PATH_INFO": path, RESPOND: lambda *answer: said.append(answer)}
        with pytest.raises(AnsweredLater):
            app.wsgi_app(environ, pytest.fail)
    assert [status for status, _, _ in said] == [200, 200]
    scraped = app.test_client().get("/metrics").text.splitlines()
    counted = [line for line in scraped if line.startswith("multiarm_http_request_duration_seconds_count")]
    (line,) = (line for line in counted if "choose" in line)
    assert 'route="/v1/choose",status="200"' in line
    assert line.endswith(" 2.0")


@pytest.mark.parametrize(
    ("path", "method", "data"),
    [("/v1/choose", "GET", None), ("/v1/flags", "POST", b"{}"), ("/healthz", "GET", None)],
)
@pytest.mark.parametrize("front", [True, False])
def test_what_waits_for_no_commit_is_answered_at_once(engine, front, path, method, data):
    overrides = {RESPOND: pytest.fail}
    asked = {"method": method, "data": data, "environ_overrides": overrides}
    assert create_app(engine, front=front).test_client().open(path, **asked).status_code in (200, 405, 422)


@pytest.mark.parametrize("front", [True, False])
def test_pages_of_other_origins_are_answered_at_once_with_what_browsers_need(engine, front):
    origin = "https://app.example.org"
    engine.settings.update({"cors_origins": [origin]})
    client = create_app(engine, front=front).test_client()
    asked = {"data": b"{}", "headers": {"Origin": origin}, "environ_overrides": {RESPOND: pytest.fail}}
    answer = client.post("/v1/choose", **asked)
    assert answer.status_code == 422
    assert answer.headers["Access-Control-Allow-Origin"] == origin


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_left_to_flask(client, method):
    assert client.open("/v1/choose", method=method).status_code == 405


CONFIGS = [{}, [], None, True, 0, -1.5, 1e-300, "", 'a"b\\c\n\u2028é😀', {"a": {"b": [1, {"c": None}]}}, {"": ""}]


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("propensity", [1.0, 0.1, 1 / 3, 1e-9, 5e-324])
def test_a_decision_is_written_as_its_model_would(config, propensity):
    decision = Decision("00ff", "an.experiment", "b-1", config, propensity, 12, "drawn")
    written = DecisionText()(decision)
    assert DecisionAnswer.model_validate_json(written).model_dump() == {
        "decision_id": "00ff",
        **{name: value for name, value in decision._asdict().items() if name != "id"},
        "shadow": [],
    }
    assert "shadow" not in json.loads(written)
    assert json.loads(written)["propensity"] == propensity


def test_shadows_are_written_with_their_own_ids():
    shadow = (Decision("0100", "e", "b", {"x": 1}, 1.0, 1, "shadow"), Decision("0101", "e", "c", {}, 1.0, 1, "shadow"))
    written = DecisionText()(Decision("00ff", "e", "a", {}, 1.0, 1, "control", shadow))
    assert [each.decision_id for each in DecisionAnswer.model_validate_json(written).shadow] == ["0100", "0101"]


def test_without_an_id_null_is_written():
    written = DecisionText()(Decision("", "e", "a", {}, 1.0, 0, "not_targeted"))
    assert DecisionAnswer.model_validate_json(written).decision_id is None


def test_a_changed_config_is_written_anew():
    text = DecisionText()
    for config in ({"a": 1}, {"a": 2}, {"a": 2.0}, None):
        assert json.loads(text(Decision("1", "e", "v", config, 0.5, 1, "drawn")))["config"] == config


def test_what_was_drawn_otherwise_is_written_otherwise():
    text = DecisionText()
    for propensity, epoch, reason in [(0.5, 1, "drawn"), (0.5, 1, "drawn"), (0.5, 2, "drawn"), (0.25, 2, "drawn")]:
        for why in (reason, "holdout"):
            written = json.loads(text(Decision("1", "e", "v", {}, propensity, epoch, why)))
            assert (written["propensity"], written["epoch"], written["reason"]) == (propensity, epoch, why)


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr("server.serialisation.MOST_REMEMBERED", 3)
    text = DecisionText()
    for number in range(10):
        text(Decision("1", "e", str(number), {}, 0.5, 1, "drawn"))
        assert len(text._known) <= 3


def test_a_change_of_config_reaches_the_next_decision(client, running):
    variants = [{"key": "control", "config": 1}, {"key": "short", "config": 2}]
    seen = set()
    for number in range(20):
        seen.add(
            json.dumps(client.post("/v1/choose", json={"experiment": "copy", "unit": f"a{number}"}).json["config"])
        )
    assert seen == {"{}", json.dumps({"text": "Pay", "é": [1, None]})}
    variants[0]["is_control"] = True
    assert client.patch("/v1/experiments/copy", json={"variants": variants}).status_code == 200
    for number in range(20):
        answer = client.post("/v1/choose", json={"experiment": "copy", "unit": f"b{number}"}).json
        assert answer["config"] == {"control": 1, "short": 2}[answer["variant"]]
