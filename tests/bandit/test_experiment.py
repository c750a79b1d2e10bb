import json

import pytest
from pydantic import ValidationError

from bandit import Experiment, InvalidInput, Metric, Reweight, Variant
from policies import Fixed, LinThompson, ThompsonBeta, ThompsonNormal

LEAST = {"key": "copy", "variants": [{"key": "a"}, {"key": "b"}], "metrics": [{"key": "m"}]}


def test_the_least_definition_is_filled_in():
    experiment = Experiment.model_validate(LEAST)
    assert experiment.policy == ThompsonBeta()
    assert (experiment.sticky, experiment.trial, experiment.salt, experiment.floor) == (True, "unit", "copy", 0.01)
    assert experiment.primary.key == "m"


def test_json_round_trip():
    experiment = Experiment(
        key="copy",
        variants=[Variant(key="a", config={"text": ["x", 1, None]}), Variant(key="b", weight=3, is_control=True)],
        metrics=[Metric(key="m", primary=True, window="1d", missing=0.0), Metric(key="n", type="count")],
        reweight=Reweight(every="15m", floor=0.05),
    )
    text = experiment.model_dump_json()
    assert json.loads(text)["metrics"][0]["window"] == "1d"
    assert json.loads(text)["reweight"]["every"] == "15m"
    assert Experiment.model_validate_json(text) == experiment


@pytest.mark.parametrize(
    ("change", "policy"),
    [
        ({"type": "ab_test"}, Fixed),
        ({"metrics": [{"key": "m", "type": "continuous"}]}, ThompsonNormal),
        ({"metrics": [{"key": "m", "type": "continuous", "lower": 0, "upper": 5}]}, ThompsonBeta),
        ({"metrics": [{"key": "m", "type": "count"}]}, ThompsonNormal),
        ({"features": [{"key": "hour"}]}, LinThompson),
    ],
)
def test_the_policy_follows_the_type_and_the_metric(change, policy):
    assert isinstance(Experiment.model_validate(LEAST | change).policy, policy)


def test_the_floor_leaves_half_of_the_traffic_to_the_policy():
    many = LEAST | {"variants": [{"key": f"v{n}"} for n in range(200)]}
    assert Experiment.model_validate(many).floor == 0.0025
    assert Experiment.model_validate(LEAST | {"type": "ab_test"}).floor == 0.0


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"key": "not a key"}, "key", "pattern"),
        ({"colour": "red"}, "colour", "Extra inputs"),
        ({"variants": [{"key": "a"}]}, "variants", "at least 2"),
        ({"variants": [{"key": "a"}, {"key": "b", "weight": -1}]}, "variants[1].weight", "-1"),
        ({"variants": [{"key": "a"}, {"key": "b", "weight": float("nan")}]}, "variants[1].weight", "finite"),
        ({"variants": [{"key": "a"}, {"key": "a"}]}, "variants", "key 'a' is given twice"),
        ({"variants": [{"key": "a", "weight": 0}, {"key": "b", "weight": 0}]}, "variants", "at least one weight"),
        ({"variants": [{"key": "a", "is_control": True}, {"key": "b", "is_control": True}]}, "variants", "at most one"),
        ({"variants": [{"key": "a", "config": "x" * 70_000}, {"key": "b"}]}, "variants[0].config", "must be at most"),
        ({"metrics": []}, "metrics", "at least 1"),
        ({"metrics": [{"key": "m"}, {"key": "n"}]}, "metrics", "exactly one must be primary, given 0"),
        ({"metrics": [{"key": "m", "type": "mean"}]}, "metrics[0].type", "'conversion'"),
        ({"metrics": [{"key": "m", "window": "1 day"}]}, "metrics[0].window", "1 day"),
        ({"metrics": [{"key": "m", "window": -5}]}, "metrics[0].window", "-5"),
        ({"metrics": [{"key": "m", "missing": 0}]}, "metrics[0].window", "needed"),
        ({"metrics": [{"key": "m", "missing": 7, "window": "1d"}]}, "metrics[0].missing", "must be 0 or 1"),
        (
            {"metrics": [{"key": "m", "type": "continuous", "lower": 2, "upper": 1}]},
            "metrics[0].upper",
            "must be above",
        ),
        ({"metrics": [{"key": "m", "type": "ratio"}]}, "metrics[0]", "numerator"),
        ({"objective": {"x": 1}}, "objective", "'x'"),
        ({"objective": {"m": 0}}, "objective", "at least one weight must differ"),
        ({"policy": {"name": "oracle"}}, "policy", "'oracle'"),
        (
            {"policy": {"name": "epsilon_greedy", "epsilon": 2}},
            "policy.epsilon_greedy.epsilon",
            "less than or equal to 1",
        ),
        ({"type": "ab_test", "policy": {"name": "ucb1"}}, "policy", "an ab_test has a fixed split, given 'ucb1'"),
        (
            {"metrics": [{"key": "m", "type": "continuous"}], "policy": {"name": "kl_ucb"}},
            "policy",
            "sound only for bounded",
        ),
        ({"policy": {"name": "thompson_gamma"}}, "policy", "sound only for one count"),
        ({"policy": {"name": "lin_ucb"}}, "features", "'lin_ucb' reads a context; give the numbers"),
        ({"features": [{"key": "x"}], "policy": {"name": "ucb1"}}, "features", "'ucb1' reads no context; leave them"),
        ({"features": [{"key": "x"}], "type": "ab_test"}, "features", "'fixed' reads no context"),
        ({"features": [{"key": "x"}, {"key": "x"}]}, "features", "key 'x' is given twice"),
        ({"features": [{"key": "x", "lower": 1, "upper": 1}]}, "features[0].upper", "must be above lower (1)"),
        ({"features": [{"key": "x", "lower": 1e13}]}, "features[0].lower", "less than or equal"),
        ({"features": [{"key": f"x{n}"} for n in range(51)]}, "features", "at most 50"),
        ({"features": [{"key": "a b"}]}, "features[0].key", "pattern"),
        ({"policy": {"name": "ucb1", "half_life": 0.5}}, "policy.half_life", "must be at least 1s"),
        ({"metrics": [{"key": "m", "type": "continuous", "origin": 1e200}]}, "metrics[0].origin", "less than or equal"),
        ({"objective": {"m": 1e300}}, "objective.m", "less than or equal"),
        ({"sticky": False, "trial": "unit"}, "trial", "'unit' needs sticky"),
        ({"reweight": {"floor": 0.6}}, "reweight.floor", "at most 1 / 2 variants, given 0.6"),
        ({"reweight": {"holdout": 1}}, "reweight.holdout", "less than 1"),
        ({"sticky": "yes"}, "sticky", "boolean"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named(change, field, message):
    with pytest.raises(ValidationError) as caught:
        Experiment.model_validate(LEAST | change)
    error = InvalidInput.of(caught.value)
    assert [given.field for given in error.errors] == [field]
    assert message in error.errors[0].message


def test_every_wrong_field_is_named():
    with pytest.raises(ValidationError) as caught:
        Experiment.model_validate(
            {"key": "", "variants": [{"key": 1}, {}], "metrics": [{"key": "m", "goal": "up"}], "x": 1}
        )
    fields = {error.field for error in InvalidInput.of(caught.value).errors}
    assert fields == {"key", "variants[0].key", "variants[1].key", "metrics[0].goal", "x"}


@pytest.mark.parametrize("value", ["\ud800", {"text": ["half \udc00"]}, {"\ud800": 1}])
def test_what_json_cannot_hold_is_refused_where_it_stands(engine, value):
    definition = {
        "key": "x",
        "variants": [{"key": "a", "config": {"fine": "\U0001f600"}}, {"key": "b", "config": value}],
        "metrics": [{"key": "m"}],
    }
    with pytest.raises(InvalidInput, match=r"variants\[1\]\.config: has half a character"):
        engine.create(definition)
    flag = {"key": "f", "type": "object", "variants": {"on": {"value": value}, "off": {}}, "default_variant": "off"}
    with pytest.raises(InvalidInput, match=r"variants\.on: has half a character"):
        engine.flags.create(flag)
    assert engine.list() == engine.flags.list() == []
