"""The fields of an experiment: what they mean together, and when they may change."""

import pytest
from experiments import define, started
from pydantic import ValidationError

from bandit import Experiment, Metric, WrongState

METRICS = [
    {"key": "buy", "primary": True},
    {"key": "spent", "type": "continuous"},
    {"key": "slow", "role": "guardrail"},
]


def test_a_role_and_primary_follow_from_each_other():
    roles = [(metric.role, metric.primary) for metric in define(metrics=METRICS).metrics]
    assert roles == [("primary", True), ("secondary", False), ("guardrail", False)]
    assert Metric(key="m", role="primary").primary
    assert define().metrics[0].role == "primary"
    assert define(metrics=[{"key": "m"}]).metrics[0].role == "primary"
    assert Experiment.model_validate_json(define(metrics=METRICS).model_dump_json()) == define(metrics=METRICS)


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ({"key": "m", "role": "guardrail", "primary": True}, "role: 'guardrail' given, but primary is true"),
        ({"key": "m", "role": "primary", "primary": False}, "role: 'primary' given, but primary is false"),
        ({"key": "m", "role": "main"}, "role"),
    ],
)
def test_a_role_that_does_not_fit_is_refused(metric, said):
    with pytest.raises(ValidationError, match=said):
        define(metrics=[metric])


def test_a_lone_guardrail_is_nothing_to_experiment_on():
    with pytest.raises(ValidationError, match="exactly one must be primary"):
        define(metrics=[{"key": "m", "role": "guardrail"}])


def test_hypotheses_are_one_or_several():
    assert define(hypothesis="shorter sells").hypothesis == "shorter sells"
    assert define(hypothesis=["shorter sells", "longer does not"]).hypothesis == ["shorter sells", "longer does not"]
    with pytest.raises(ValidationError):
        define(hypothesis=3)


def test_a_target_says_what_is_experimented_on():
    target = define(target={"kind": "model", "name": "ranker", "version": "2.1"}).target
    assert (target.kind, target.name, target.version) == ("model", "ranker", "2.1")
    for wrong in ({"kind": "model"}, {"kind": "thing", "name": "x"}, {"kind": "agent", "name": ""}):
        with pytest.raises(ValidationError, match="target"):
            define(target=wrong)


def test_a_feature_flag_has_a_fixed_split_unless_a_policy_is_given():
    assert define(type="feature_flag").resolved_policy.name == "fixed"
    assert define(type="feature_flag", policy={"name": "thompson_beta"}).resolved_policy.name == "thompson_beta"


def test_each_metric_may_have_its_method(engine):
    metrics = [{**METRICS[0], "method": "fisher"}, {"key": "seen"}, {"key": "liked", "method": "chi_square"}]
    started(engine, type="ab_test", metrics=metrics, sticky=False)
    for number in range(60):
        decision = engine.choose("copy")
        for metric in ("buy", "seen", "liked"):
            engine.reward(decision.id, float(number % 3 == 0), metric)
    methods = {one.metric: one.method for one in engine.results("copy").comparisons}
    assert (methods["buy"], methods["liked"]) == ("fisher", "chi_square")
    assert methods["seen"] not in ("fisher", "chi_square")
    assert {one.method for one in engine.results("copy", "pooled_z").comparisons} == {"pooled_z"}


def test_a_running_experiment_may_change_words_plans_and_how_it_is_read(engine, clock):
    started(engine, metrics=METRICS)
    dumped = engine.get("copy").model_dump(mode="json")
    changed = engine.update(
        "copy",
        {
            "hypothesis": ["a", "b"],
            "target": {"kind": "agent", "name": "clerk"},
            "plan": {"units": 500},
            "end_at": clock.now + 100,
            "metrics": [{**dumped["metrics"][0], "minimum_effect": 0.1, "method": "fisher"}, *dumped["metrics"][1:]],
        },
    )
    assert (changed.metrics[0].method, changed.plan.units, changed.target.name) == ("fisher", 500, "clerk")
    assert changed.epoch == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"start_at": 4e9}, "start_at"),
        ({"type": "feature_flag", "policy": {"name": "fixed"}}, "type"),
        ({"metrics": [{**METRICS[0], "window": "1d"}, *METRICS[1:]]}, "metrics[0].window"),
        ({"metrics": [METRICS[0], {**METRICS[1], "goal": "decrease"}, METRICS[2]]}, "metrics[1].goal"),
        ({"metrics": METRICS[:2]}, "metrics"),
        ({"metrics": [METRICS[0], METRICS[2], METRICS[1]]}, "metrics[1].key"),
        ({"factors": [{"key": "f", "levels": ["a", "b"]}]}, "factors"),
    ],
)
def test_a_running_experiment_keeps_what_its_decisions_mean(engine, changes, field):
    before = started(engine, metrics=METRICS)
    with pytest.raises(WrongState) as caught:
        engine.update("copy", changes)
    assert field in [error.field for error in caught.value.errors]
    assert engine.get("copy") == before


@pytest.mark.parametrize("last", ["complete", "stop", "archive"])
def test_what_is_over_may_change_in_words_and_how_it_is_read(engine, last):
    started(engine)
    if last == "archive":
        engine.stop("copy")
    getattr(engine, last)("copy")
    assert engine.update("copy", {"name": "n", "analysis": {"alpha": 0.1}}).epoch == 1
    for field, value in {
        "policy": {"name": "ucb1"},
        "reweight": {"floor": 0.2},
        "variants": [{"key": "control", "weight": 2}, {"key": "short"}],
        "plan": {"days": 900},
        "end_at": 4e9,
    }.items():
        with pytest.raises(WrongState, match=field):
            engine.update("copy", {field: value})


def test_a_clone_is_of_the_definition_alone(engine, clock):
    started(engine, metrics=METRICS, end_at=clock.now + 10, target={"kind": "agent", "name": "clerk"}, tags=["t"])
    engine.choose("copy", "u")
    engine.stop("copy", "why not")
    clone = engine.clone("copy", "copy-2")
    own = {"key", "salt", "end_at", "created_at", "status", "epoch", "started_at", "ended_at", "stop_reason"}
    assert clone.model_dump(exclude=own) == engine.get("copy").model_dump(exclude=own)
    assert (clone.salt, clone.end_at, clone.status, clone.epoch) == ("copy-2", None, "draft", 0)
    assert (clone.started_at, clone.ended_at, clone.stop_reason) == (None, None, "")
    engine.create(define("salted", salt="s"))
    assert engine.clone("salted", "salted-2").salt == "s"
