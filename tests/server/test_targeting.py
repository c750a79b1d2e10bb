"""Who takes part, over HTTP and through the client."""

import pytest

from bandit.client import Client
from bandit.decision import DecisionAnswer

GERMAN = {"attribute": "country", "operator": "equals", "value": "DE"}


def begin(client, copy, **fields):
    answer = client.post("/v1/experiments", json={**copy, "type": "ab_test", **fields})
    assert answer.status_code == 201, answer.json
    assert client.post("/v1/experiments/copy/start").status_code == 200
    return answer.json


def choose(client, **request):
    answer = client.post("/v1/choose", json={"experiment": "copy", **request})
    DecisionAnswer.model_validate_json(answer.data)
    return answer.json


def test_who_takes_no_part_is_answered_without_an_id(client, copy):
    begin(client, copy, targeting={"not": GERMAN}, traffic=100, forced={"qa": "short"})
    assert choose(client, unit="ann", attributes={"country": "DE"}) == {
        "decision_id": None,
        "experiment": "copy",
        "variant": "control",
        "config": {},
        "propensity": 1.0,
        "epoch": 0,
        "reason": "not_targeted",
    }
    assert choose(client, unit="ann", attributes={"country": "US"})["reason"] == "hashed"
    assert choose(client, unit="qa")["reason"] == "forced"
    batch = client.post("/v1/choose/batch", json=[{"experiment": "copy", "unit": "ann"}] * 2).json
    assert [each["decision_id"] for each in batch] == [None, None]
    assert "multiarm_decisions_total{pid=" in client.get("/metrics").text
    assert 'reason="not_targeted"' in client.get("/metrics").text


def test_a_definition_comes_back_as_it_was_given(client, copy):
    fields = {
        "targeting": {"all": [GERMAN, {"not": {"attribute": "age", "operator": "exists", "value": True}}]},
        "layer": {"key": "checkout", "lower": 0.0, "upper": 0.5},
        "traffic": 50.0,
        "forced": {"qa": "short"},
        "unit_kind": "session",
        "segments": [{"name": "Germans", "when": GERMAN, "weights": {"short": 1.0}}],
    }
    created = begin(client, copy, **fields, ramp="1d", sticky_for=3600)
    assert {field: created[field] for field in fields} == fields
    assert (created["ramp"], created["sticky_for"]) == ("1d", "1h")
    clone = client.post("/v1/experiments/copy/clone", json={"key": "copy-2"}).json
    assert {field: clone[field] for field in fields} == fields


def test_shadow_decisions_are_written_beside_the_controls(client, copy):
    begin(client, copy, type="shadow")
    answer = choose(client, unit="ann", idempotency_key="once")
    assert (answer["variant"], answer["reason"]) == ("control", "control")
    (short,) = answer["shadow"]
    assert (short["variant"], short["config"], short["reason"]) == ("short", {"text": "Pay", "é": [1, None]}, "shadow")
    assert choose(client, unit="ann", idempotency_key="once") == answer
    for decision in (answer, short):
        told = client.post("/v1/reward", json={"decision_id": decision["decision_id"], "value": 1})
        assert told.json == {"status": "applied"}
    variants = client.get("/v1/experiments/copy/results").json["variants"]
    assert [(each["units"], each["metrics"]["purchase"]["sum"]) for each in variants] == [(1, 1.0), (1, 1.0)]


def test_cohorts_are_kept_under_a_path_of_their_own(client, copy):
    cohort = {"key": "vip", "units": ["ann"], "condition": GERMAN}
    created = client.post("/v1/cohorts", json=cohort)
    assert created.status_code == 201
    assert client.get("/v1/cohorts/vip").json == created.json
    begin(client, copy, targeting={"operator": "in_cohort", "value": "vip"})
    assert choose(client, unit="ann")["decision_id"] is not None
    assert client.patch("/v1/cohorts/vip", json={"units": ["bob"]}).json["units"] == ["bob"]
    assert choose(client, unit="ann")["decision_id"] is None
    assert [each["key"] for each in client.get("/v1/cohorts").json["cohorts"]] == ["vip"]
    refused = client.delete("/v1/cohorts/vip")
    assert (refused.status_code, refused.json["detail"]) == (409, "cohort 'vip' is named by experiment 'copy'")
    client.patch("/v1/experiments/copy", json={"targeting": None})
    assert client.delete("/v1/cohorts/vip").json == {"removed": True}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"targeting": {"all": [GERMAN, {**GERMAN, "operator": "like"}]}}, "targeting.all[1].operator"),
        ({"targeting": {**GERMAN, "operator": "greater"}}, "targeting.value"),
        ({"targeting": {"operator": "in_cohort", "value": "nobody"}}, "targeting.value"),
        ({"segments": [{"when": {"not": {}}, "weights": {"short": 1}}]}, "segments[0].when.not"),
        ({"segments": [{"when": GERMAN, "weights": {"short": -1}}]}, "segments[0].weights.short"),
        ({"layer": {"key": "checkout", "lower": 0.1, "upper": 2}}, "layer.upper"),
        ({"layer": {"key": "check out"}}, "layer.key"),
        ({"traffic": -1}, "traffic"),
        ({"unit_kind": ""}, "unit_kind"),
        ({"forced": {"": "short"}}, "forced"),
        ({"assignment": "alternating"}, "assignment"),
    ],
)
def test_bad_input_is_refused_by_name(client, copy, fields, named):
    answer = client.post("/v1/experiments", json={**copy, **fields})
    assert answer.status_code == 422
    assert [error["field"].startswith(named) for error in answer.json["errors"]] == [True]
    assert client.get("/v1/experiments").json["experiments"] == []


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"forced": {"qa": "shrt"}}, "forced.qa: 'shrt' is not a variant"),
        (
            {"segments": [{"when": GERMAN, "weights": {"short": 0}}]},
            "segments[0].weights: at least one must be above 0",
        ),
    ],
)
def test_variants_that_are_none_are_refused_by_name(client, copy, fields, detail):
    answer = client.post("/v1/experiments", json={**copy, "type": "ab_test", **fields})
    assert answer.status_code == 422
    assert detail in answer.json["detail"]


def test_overlapping_slices_are_a_conflict(client, copy):
    begin(client, copy, layer={"key": "checkout", "upper": 0.5})
    client.post("/v1/experiments", json={**copy, "key": "other", "layer": {"key": "checkout", "lower": 0.4}})
    answer = client.post("/v1/experiments/other/start")
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (409, "layer")
    assert "'copy'" in answer.json["detail"]
    assert client.get("/v1/experiments/other").json["status"] == "draft"


def test_units_of_other_kinds_are_refused(client, copy):
    begin(client, copy, unit_kind="session")
    assert choose(client, units={"user": "ann", "session": "s-1"})["reason"] == "hashed"
    answer = client.post("/v1/choose", json={"experiment": "copy", "units": {"user": "ann"}})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "units")


def test_from_afar(start, copy):
    with Client(start().url) as far:
        assert far.cohorts.create({"key": "vip", "units": ["ann"]}).units == ["ann"]
        far.create({**copy, "type": "shadow", "unit_kind": "session", "targeting": GERMAN})
        far.start("copy")
        assert far.choose("copy", "ann")[0] == ""
        decision = far.choose("copy", units={"session": "s-1"}, attributes={"country": "DE"})
        assert [each.variant for each in decision.shadow] == ["short"]
        assert far.reward(decision.shadow[0].id, 1.0) == "applied"
        assert [cohort.key for cohort in far.cohorts.list()] == ["vip"]
