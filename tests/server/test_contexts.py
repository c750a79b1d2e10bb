"""Contexts over HTTP: what a policy reads is declared, and what is wrong with it is named."""

import pytest

from bandit import Experiment, Feature, InvalidInput, Metric, Variant, WrongState
from bandit.client import Client
from policies import LinUCB

DEFINITION = {
    "key": "where",
    "variants": [{"key": "a"}, {"key": "b"}],
    "metrics": [{"key": "m"}],
    "features": [{"key": "hour", "lower": 0, "upper": 23}, {"key": "price"}],
    "policy": {"name": "lin_ucb"},
    "sticky": False,
}


@pytest.fixture
def where(client):
    assert client.post("/v1/experiments", json=DEFINITION).status_code == 201
    assert client.post("/v1/experiments/where/start").json["features"][0]["upper"] == 23.0
    return client


def choose(client, context):
    return client.post("/v1/choose", json={"experiment": "where", "context": context})


def test_a_decision_in_a_context_learns(where, engine):
    decision = choose(where, {"hour": 9, "price": {"a": 1.5, "b": 2}}).json
    assert round(decision["propensity"], 9) in (0.01, 0.99)
    body = {"decision_id": decision["decision_id"], "value": 1}
    assert where.post("/v1/reward", json=body).json == {"status": "applied"}
    again = choose(where, {"hour": 9, "price": 1}).json
    assert (again["epoch"], round(again["propensity"], 9) in (0.01, 0.99)) == (2, True)
    assert engine.verify() == []


@pytest.mark.parametrize(
    ("context", "fields"),
    [
        (None, ["context.hour", "context.price"]),
        ({"hour": 24, "price": "1", "x": 1}, ["context.hour", "context.price", "context.x"]),
        ({"hour": True, "price": {"a": 1, "c": 2}}, ["context.hour", "context.price.b", "context.price.c"]),
    ],
)
def test_every_wrong_field_of_a_context_is_named(where, context, fields):
    answer = choose(where, context)
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert sorted(error["field"] for error in answer.json["errors"]) == fields
    assert all(field in answer.json["detail"] for field in fields)
    (item,) = where.post("/v1/choose/batch", json=[{"experiment": "where", "context": context}]).json
    assert sorted(error["field"] for error in item["errors"]) == fields


def test_numbers_that_are_none_are_named_too(where):
    answer = where.post("/v1/choose", data='{"experiment": "where", "context": {"hour": 1e999, "price": {"a": NaN}}}')
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json["errors"]] == ["context.hour", "context.price.a"]


def test_what_may_not_change_is_refused_by_name(where):
    for changes, field in (
        ({"policy": {"name": "logistic_thompson"}}, "policy"),
        ({"policy": {"name": "thompson_beta"}}, "policy"),
        ({"features": [{"key": "hour"}]}, "features"),
    ):
        answer = where.patch("/v1/experiments/where", json=changes)
        assert answer.status_code == 409
        assert [error["field"] for error in answer.json["errors"]] == [field]
    assert where.patch("/v1/experiments/where", json={"policy": {"name": "lin_thompson"}}).status_code == 200


def test_features_are_described(client):
    schemas = client.get("/openapi.json").json["components"]["schemas"]
    assert schemas["Experiment"]["properties"]["features"]["items"]["$ref"].endswith("/Feature")
    assert set(schemas["Feature"]["properties"]) == {"key", "description", "lower", "upper"}


def test_from_afar(start):
    with Client(start().url) as far:
        far.create(
            Experiment(
                key="where",
                variants=[Variant(key="a"), Variant(key="b")],
                metrics=[Metric(key="m")],
                features=[Feature(key="hour", lower=0, upper=23)],
                policy=LinUCB(),
                sticky=False,
            )
        )
        assert far.start("where").features == [Feature(key="hour", lower=0, upper=23)]
        decision = far.choose("where", context={"hour": 9})
        assert far.reward(decision.id, 1) == "applied"
        with pytest.raises(InvalidInput) as caught:
            far.choose("where", context={"hour": -1})
        assert [error.field for error in caught.value.errors] == ["context.hour"]
        with pytest.raises(WrongState, match="keeps other sums"):
            far.update("where", {"policy": {"name": "logistic_thompson"}})
        assert sum(variant.weight for variant in far.results("where").variants) == pytest.approx(1.0)
