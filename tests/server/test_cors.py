"""What pages in a browser may ask."""

import pytest

from bandit import Engine
from server.app import create_app

PAGE = "https://app.example.org"


@pytest.fixture
def app():
    with Engine() as engine:
        engine.keys.create({"scope": "decide", "owner": "ann"})
        app = create_app(engine)
        yield engine, app.test_client()


def cors(answer):
    return {name for name, _ in answer.headers if name.startswith("Access-Control-")}


def preflight(app, path, origin=PAGE):
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
    return app.options(path, headers=asked)


@pytest.mark.parametrize("path", ["/v1/choose", "/v1/experiments/x", "/healthz", "/nowhere"])
def test_only_the_origins_on_the_list_are_answered(app, path):
    engine, app = app
    for answer in (preflight(app, path), app.post(path, headers={"Origin": PAGE}), app.get(path)):
        assert cors(answer) == set()
        assert "Vary" not in answer.headers
    engine.settings.update({"cors_origins": [PAGE]})
    allowed = preflight(app, path)
    assert (allowed.status_code, allowed.data) == (204, b"")
    assert allowed.headers["Access-Control-Allow-Origin"] == PAGE
    assert allowed.headers["Vary"] == "Origin"
    headers = allowed.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"authorization", "x-api-key", "if-none-match", "idempotency-key", "content-type"} <= set(headers)
    assert "PATCH" in allowed.headers["Access-Control-Allow-Methods"]
    for method in ("GET", "POST"):
        answer = app.open(path, method=method, headers={"Origin": PAGE})
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        assert {"ETag", "X-Request-Id"} <= set(answer.headers["Access-Control-Expose-Headers"].split(", "))
        other = app.open(path, method=method, headers={"Origin": "https://evil.example"})
        assert (cors(other), other.headers["Vary"]) == (set(), "Origin")
        assert app.open(path, method=method).headers["Vary"] == "Origin"
    assert cors(preflight(app, path, "https://app.example.org.evil.example")) == set()
    engine.settings.reset("cors_origins")
    assert cors(preflight(app, path)) == set()
