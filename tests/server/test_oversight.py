"""The routes that oversee experiments."""

import pytest

KEYS = [f"e{number}" for number in range(5)]


@pytest.fixture
def filled(client, copy):
    for number, key in enumerate(KEYS):
        owner = "ann" if number % 2 else "bob"
        assert (
            client.post("/v1/experiments", json={**copy, "key": key, "owner": owner, "tags": [key]}).status_code == 201
        )
    client.post("/v1/experiments/e1/start")
    return client


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("", KEYS),
        ("?owner=ann", ["e1", "e3"]),
        ("?status=running", ["e1"]),
        ("?tag=e4", ["e4"]),
        ("?text=E2", ["e2"]),
        ("?type=ab_test", []),
    ],
)
def test_experiments_are_listed_by_what_they_are(filled, query, keys):
    answer = filled.get(f"/v1/experiments{query}").json
    assert [experiment["key"] for experiment in answer["experiments"]] == keys
    assert answer["next"] is None


def test_pages_follow_each_other(filled):
    seen, cursor = [], ""
    while cursor is not None:
        answer = filled.get(f"/v1/experiments?limit=2{cursor and f'&cursor={cursor}'}").json
        seen += [experiment["key"] for experiment in answer["experiments"]]
        cursor = answer["next"]
    assert seen == KEYS


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=1001", "cursor=x", "status=alive", "nope=1"])
@pytest.mark.parametrize("path", ["/v1/experiments", "/v1/audit", "/v1/experiments/e1/audit"])
def test_what_is_no_query_is_refused(filled, path, query):
    answer = filled.get(f"{path}?{query}")
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, query.partition("=")[0])


def test_a_definition_is_validated_and_not_created(client, copy):
    answer = client.post("/v1/experiments/validate", json=copy)
    assert (answer.status_code, answer.json["errors"]) == (200, [])
    assert "variants" in [
        warning["field"]
        for warning in client.post(
            "/v1/experiments/validate", json=copy | {"variants": [{"key": "a"}, {"key": "b"}]}
        ).json["warnings"]
    ]
    wrong = client.post("/v1/experiments/validate", json={**copy, "variants": 3, "nope": 1})
    assert {error["field"] for error in wrong.json["errors"]} == {"variants", "nope"}
    assert client.get("/v1/experiments").json["experiments"] == []


@pytest.mark.parametrize(("body", "status"), [("{", 400), ("[]", 422), ("3", 422)])
def test_what_is_no_object_is_not_validated(client, body, status):
    assert client.post("/v1/experiments/validate", data=body).status_code == status


def test_an_experiment_may_be_called_as_a_route_is(client, copy):
    client.post("/v1/experiments", json={**copy, "key": "validate"})
    assert client.get("/v1/experiments/validate").json["key"] == "validate"
    assert client.patch("/v1/experiments/validate", json={"name": "n"}).json["name"] == "n"


def test_the_audit_log_is_read(filled):
    filled.patch("/v1/experiments/e1", json={"name": "New"}, headers={"Idempotency-Key": "k"})
    (line, *_) = filled.get("/v1/audit").json["changes"]
    assert (line["key"], line["action"], line["idempotency_key"]) == ("e1", "update", "k")
    assert line["fields"] == {"name": {"before": "", "after": "New"}}
    own = filled.get("/v1/experiments/e1/audit").json["changes"]
    assert own == filled.get("/v1/audit?kind=experiment&key=e1").json["changes"]
    assert [line["action"] for line in own] == ["update", "start", "create"]
    assert filled.get("/v1/audit?kind=flag").json == {"changes": [], "next": None}
    cursor = filled.get("/v1/experiments/e1/audit?limit=2").json["next"]
    rest = filled.get(f"/v1/experiments/e1/audit?limit=2&cursor={cursor}").json
    assert ([line["action"] for line in rest["changes"]], rest["next"]) == (["create"], None)


def test_weights_are_set_and_made_the_same(client, running):
    answer = client.post("/v1/experiments/copy/rebalance", json={"weights": {"short": 3}})
    assert [variant["weight"] for variant in answer.json["variants"]] == [1.0, 3.0]
    answer = client.post("/v1/experiments/copy/rebalance")
    assert [variant["weight"] for variant in answer.json["variants"]] == [1.0, 1.0]
    for wrong, field in (({"weights": {"nope": 1}}, "weights.nope"), ({"weights": {"short": -1}}, "weights.short")):
        refused = client.post("/v1/experiments/copy/rebalance", json=wrong)
        assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, field)


def test_traffic_is_read(client, running):
    for number in range(8):
        client.post("/v1/choose", json={"experiment": "copy", "unit": f"u{number}"})
    answer = client.get("/v1/experiments/copy/traffic").json
    assert (answer["decisions"], answer["units"], answer["epoch"]) == (8, 8, 1)
    assert sum(variant["expected_units"] for variant in answer["variants"]) == pytest.approx(8)


def test_factors_are_analysed(client, copy):
    factors = [{"key": "colour", "levels": ["red", "blue"]}, {"key": "size", "levels": ["s", "l"]}]
    del copy["variants"]
    created = client.post("/v1/experiments", json={**copy, "type": "ab_test", "factors": factors, "sticky": False})
    assert [variant["key"] for variant in created.json["variants"]] == ["red-s", "red-l", "blue-s", "blue-l"]
    client.post("/v1/experiments/copy/start")
    for number in range(40):
        decision = client.post("/v1/choose", json={"experiment": "copy"}).json["decision_id"]
        client.post("/v1/reward", json={"decision_id": decision, "value": number % 2})
    answer = client.get("/v1/experiments/copy/factorial").json
    assert [effect["term"] for effect in answer["effects"]] == ["colour", "size", "colour:size"]
    assert client.get("/v1/experiments/copy/factorial?metric=spent").json["refused"]
    assert client.get("/v1/experiments/copy/factorial?metric=nope").status_code == 422


@pytest.mark.parametrize("path", ["audit", "traffic", "factorial"])
def test_what_is_unknown_is_not_found(client, path):
    assert client.get(f"/v1/experiments/nope/{path}").status_code == 404
    assert client.post("/v1/experiments/nope/rebalance").status_code == 404
