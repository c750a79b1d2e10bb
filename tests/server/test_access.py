"""Who may ask for what: every route, with every kind of key that is not enough."""

import re

import pytest

from bandit import Engine
from bandit.actor import acting
from bandit.keys import GRANTS
from server.access import Access
from server.app import create_app

DEFINITION = {"key": "mine", "variants": [{"key": "a"}, {"key": "b"}], "metrics": [{"key": "m"}]}
PAGES = {("GET", "/openapi.json"): "public", ("GET", "/docs"): "public", ("GET", "/metrics"): "read"}


class Clock:
    now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def engine(clock):
    with Engine(seed=1, clock=clock) as engine:
        yield engine


@pytest.fixture
def app(engine):
    return create_app(engine)


def served(app):
    """Method, path and scope of every route that there is, from the map that answers and not from the description."""
    paths = app.api_doc["paths"]
    for rule in app.url_map.iter_rules():
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            described = paths.get(re.sub("<(.*?)>", "{\\1}", rule.rule))
            scope = PAGES[method, rule.rule] if described is None else described[method.lower()]["x-scope"]
            yield method, re.sub("<.*?>", "mine", rule.rule), scope


def ask(app, method, path, token=None, **more):
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return app.test_client().open(path, method=method, headers=headers, **more)


def kind(path):
    """What a refusal is written as: OpenFeature's protocol has a form of its own."""
    return "application/json" if path.startswith("/ofrep/") else "application/problem+json"


def make(engine, scope, owner="ann", **more):
    return engine.keys.create({"scope": scope, "owner": owner, **more})


def test_there_are_routes_of_every_scope(app):
    assert {scope for _, _, scope in served(app)} == {"public", *GRANTS}


def test_without_keys_everything_is_open(app):
    for method, path, _ in served(app):
        assert ask(app, method, path).status_code not in (401, 403, 429), (method, path)


def test_every_route_refuses_a_key_that_is_not_enough(app, engine, clock):
    expired, revoked = make(engine, "admin", expires="1h"), make(engine, "admin")
    engine.keys.revoke(revoked.id)
    clock.now += 3600.0
    good = {scope: make(engine, scope).token for scope in GRANTS}
    prefix, name, secret = good["admin"].split("_", 2)
    wrong = [None, "", "x", good["admin"][:-1], f"{prefix}_{name}_x{secret}", "multiarm_000000000000_x", expired.token]
    for method, path, scope in served(app):
        for token in [*wrong, revoked.token]:
            answer = ask(app, method, path, token)
            if scope == "public":
                assert answer.status_code == 200, (method, path)
            else:
                assert answer.status_code == 401, (method, path, token)
                assert answer.headers["WWW-Authenticate"] == 'Bearer realm="multiarm"'
                assert answer.content_type == kind(path)
        for held, token in good.items():
            answer = ask(app, method, path, token)
            if scope == "public" or scope in GRANTS[held]:
                assert answer.status_code not in (401, 403), (method, path, held)
            else:
                assert answer.status_code == 403, (method, path, held)
                assert answer.json["detail" if "detail" in answer.json else "errorDetails"].endswith(
                    {
                        "decide": "decide or manage or admin",
                        "read": "read or manage or admin",
                        "manage": "manage or admin",
                        "admin": "takes one for admin",
                    }[scope]
                )
                assert answer.content_type == kind(path)
    assert engine.list() == []


def test_every_route_that_changes_an_experiment_refuses_another_owner(app, engine):
    engine.create({**DEFINITION, "owner": "ann"})
    before, token = engine.get("mine"), make(engine, "manage", "bob").token
    changes = {"PATCH": {"name": "x"}, "PUT": {"weights": {"a": 1, "b": 2}}}
    bodies = {"clear": {"guardrail": "g"}, "clone": {"key": "copy"}, "rebalance": {"weights": {"a": 1, "b": 2}}}
    met = 0
    for method, path, scope in served(app):
        if scope == "manage" and path.startswith("/v1/experiments/mine"):
            body = bodies.get(path.rpartition("/")[2], changes.get(method, {}))
            answer = ask(app, method, path, token, json=body)
            assert answer.status_code == 403, (method, path, answer.json)
            assert "belongs to 'ann'" in answer.json["detail"]
            met += 1
    assert met >= 8
    assert engine.list() == [before]
    assert (
        ask(app, "PATCH", "/v1/experiments/mine", make(engine, "manage").token, json={"name": "x"}).status_code == 200
    )
    admin = make(engine, "admin", "root").token
    assert ask(app, "PATCH", "/v1/experiments/mine", admin, json={"name": "y"}).status_code == 200
    with engine.reading() as reader:
        actors = [change.actor.partition("/")[0] for _, change in reader.changes("experiment", "mine", 1 << 62, 10)]
    assert actors == ["root", "ann", ""]


def test_every_route_that_changes_a_document_refuses_another_owner(app, engine):
    engine.flags.create({"key": "mine", "owner": "ann", "type": "boolean", "variants": {"on": True}})
    engine.cohorts.create({"key": "mine", "owner": "ann"})
    before, token = (engine.flags.list(), engine.cohorts.list()), make(engine, "manage", "bob").token
    met = []
    for method, path, scope in served(app):
        if scope == "manage" and path in ("/v1/flags/mine", "/v1/cohorts/mine"):
            answer = ask(app, method, path, token, json={"description": "x"})
            assert (answer.status_code, "belongs to 'ann'" in answer.json["detail"]) == (403, True), (method, path)
            met.append((method, path))
    assert len(met) == 4
    assert (engine.flags.list(), engine.cohorts.list()) == before


def test_what_an_owner_creates_is_the_owners(app, engine):
    token = make(engine, "manage", "bob").token
    assert ask(app, "POST", "/v1/experiments", token, json=DEFINITION).json["owner"] == "bob"
    taken = ask(app, "POST", "/v1/experiments", token, json={**DEFINITION, "key": "b", "owner": "ann"})
    assert taken.status_code == 403


def test_the_short_way_is_guarded_as_the_long_one(engine):
    engine.create(DEFINITION)
    engine.start("mine")
    request = {"experiment": "mine", "unit": "u"}
    tokens = {scope: make(engine, scope).token for scope in GRANTS}
    for app in (create_app(engine), create_app(engine, front=False)):
        found = {
            scope: ask(app, "POST", "/v1/choose", token, json=request).status_code for scope, token in tokens.items()
        }
        assert found == {"decide": 200, "read": 403, "manage": 200, "admin": 200}
        refused = ask(app, "POST", "/v1/choose", json=request)
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, 'Bearer realm="multiarm"')
        by_header = app.test_client().post("/v1/choose", json=request, headers={"X-API-Key": tokens["decide"]})
        assert by_header.status_code == 200
        basic = app.test_client().post("/v1/choose", json=request, headers={"Authorization": "Basic eDp5"})
        assert basic.status_code == 401


def test_a_key_that_is_revoked_elsewhere_does_nothing_more(tmp_path):
    path = tmp_path / "x.db"
    with Engine(path) as here, Engine(path) as elsewhere:
        here.create(DEFINITION)
        here.start("mine")
        app, request = create_app(here), {"experiment": "mine", "unit": "u"}
        assert ask(app, "POST", "/v1/choose", json=request).status_code == 200
        token = make(elsewhere, "decide").token
        assert ask(app, "POST", "/v1/choose", json=request).status_code == 401
        assert ask(app, "GET", "/v1/experiments").status_code == 401
        assert ask(app, "POST", "/v1/choose", token, json=request).status_code == 200
        [key] = here.keys.list()
        elsewhere.keys.revoke(key.id)
        reward = {"decision_id": "0" * 16, "value": 1}
        for where, body in (("choose", request), ("reward", reward), ("choose/batch", [request])):
            assert ask(app, "POST", f"/v1/{where}", token, json=body).status_code == 401, where
        assert here.keys.list() == elsewhere.keys.list()


def test_an_operation_looks_at_its_key_again(engine):
    """As when another process revokes it after the request was let in: the transaction sees it, whoever asks."""
    engine.create(DEFINITION)
    engine.start("mine")
    from bandit.errors import Unauthorised

    with acting("", None, ""):
        engine.choose("mine", "u")
    key = make(engine, "manage")
    with acting("ann", "ann", key.id):
        engine.choose("mine", "u")
    engine.keys.revoke(key.id)
    for held in ("", key.id, "unknown"):
        with acting("ann", "ann", held):
            for refused in (
                lambda: engine.choose("mine", "u"),
                lambda: engine.stop("mine"),
                lambda: engine.reward_batch([{"decision_id": "0" * 16, "value": 1}]),
            ):
                with pytest.raises(Unauthorised):
                    refused()
    assert engine.get("mine").status == "running"


def test_beyond_loopback_nothing_is_open(engine):
    app = create_app(engine, authorise=Access(engine, loopback=False))
    answer = ask(app, "GET", "/v1/experiments")
    assert (answer.status_code, "multiarm keys create" in answer.json["detail"]) == (401, True)
    assert ask(app, "GET", "/healthz").status_code == 200


def test_without_keys_pages_of_other_sites_may_not_ask(app, engine):
    def from_page(origin):
        return app.test_client().post("/v1/experiments", data="{}", headers={"Origin": origin}).status_code

    assert from_page("https://evil.example") == 403
    assert from_page("null") == 403
    assert from_page("http://localhost:3000") == 422
    assert from_page("http://[::1]:8000") == 422
    engine.settings.update({"cors_origins": ["https://app.example"]})
    assert from_page("https://app.example") == 422


def test_every_scope_is_described_for_programs(app):
    specification = app.test_client().get("/openapi.json").json
    assert set(specification["components"]["securitySchemes"]) == {"bearer", "header"}
    for methods in specification["paths"].values():
        for operation in methods.values():
            needed = [] if operation["x-scope"] == "public" else [{"bearer": []}, {"header": []}]
            assert operation["security"] == needed
            if needed:
                assert {"401", "403", "429"} <= set(operation["responses"])
