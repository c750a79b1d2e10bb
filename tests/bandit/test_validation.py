"""What is wrong with a definition, and what is unwise about it, before there is an experiment."""

import pytest
from experiments import define

from bandit import Experiment, InvalidInput
from bandit.actor import acting

SOUND = {
    "key": "sound",
    "type": "ab_test",
    "variants": [{"key": "a", "is_control": True}, {"key": "b"}],
    "metrics": [{"key": "buy", "minimum_effect": 0.2}],
    "plan": {"days": 10, "traffic": 1000, "baseline": 0.1},
}


def warned(engine, **changes):
    found = engine.validate({**SOUND, **changes})
    assert found.errors == []
    return {remark.field: remark.message for remark in found.warnings}


def test_a_sound_definition_has_nothing_against_it(engine):
    found = engine.validate(SOUND)
    assert (found.errors, found.warnings) == ([], [])
    assert found.sample_size.sample_size_per_variant == 3841  # as R's power.prop.test(p1 = .1, p2 = .12, power = .8)
    assert engine.list() == []
    assert engine.validate(Experiment.model_validate(SOUND)) == found


def test_errors_are_those_of_creating(engine):
    wrong = {**SOUND, "variants": [{"key": "a", "weight": -1}, {"key": "b", "nope": 1}], "start_at": "soon"}
    with pytest.raises(InvalidInput) as caught:
        engine.create(wrong)
    found = engine.validate(wrong)
    assert [(remark.field, remark.message) for remark in found.errors] == caught.value.errors
    assert {remark.field for remark in found.errors} == {"variants[0].weight", "variants[1].nope", "start_at"}
    assert (found.warnings, found.sample_size) == ([], None)


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"metrics": []}, "metrics", "at least 1"),
        ({"fraction": {"resolution": 3}}, "fraction", "given, but there are no factors"),
        ({"policy": {"name": "ucb1"}}, "policy", "an ab_test has a fixed split"),
        ({"start_at": 1.0}, "start_at", "has passed"),
        ({"end_at": 1.0}, "end_at", "has passed"),
        ({"analysis": {"method": "guess"}}, "analysis.method", "'guess' given, must be one of"),
        (
            {"metrics": [{"key": "m", "type": "count", "method": "fisher"}]},
            "metrics[0].method",
            "of which there is none",
        ),
        ({"key": "taken"}, "key", "'taken' exists already"),
        ({"key": "no key"}, "key", "match pattern"),
    ],
)
def test_errors_name_their_field(engine, changes, field, said):
    engine.create(define("taken"))
    (remark,) = engine.validate({**SOUND, **changes}).errors
    assert remark.field == field
    assert said in remark.message
    if changes != {"key": "taken"}:
        with pytest.raises(InvalidInput, match=said):
            engine.create({**SOUND, **changes})


def test_what_is_left_open_is_what_creating_would_take(engine):
    engine.settings.update({"power": 0.9, "minimum_days": 20, "minimum_units": 100_000, "minimum_effect": 0.05})
    loose = {**SOUND, "metrics": [{"key": "buy"}], "plan": {"days": 10, "units": 90_000, "baseline": 0.1}}
    found, stored = engine.validate(loose), engine.create(loose).analysis
    said = {remark.field: remark.message for remark in found.warnings}
    assert said["metrics[0].minimum_effect"].startswith("unset: 5% of the control")
    assert said["analysis.minimum_days"].startswith("20, but it ends after 10")
    assert said["analysis.minimum_units"].startswith("100000, but 90000 are planned")
    assert found.sample_size.power == stored.power == 0.9
    assert found.sample_size.relative_effect == pytest.approx(stored.minimum_effect)
    given = engine.validate({**loose, "key": "own", "analysis": {"minimum_days": 5}})
    assert "analysis.minimum_days" not in {remark.field for remark in given.warnings}


def test_whose_it_would_be_is_checked(engine):
    with acting("ann", owner="shop"):
        assert engine.validate(SOUND).errors == []
        (remark,) = engine.validate({**SOUND, "owner": "other"}).errors
    assert (remark.field, "belongs to 'other'" in remark.message) == ("owner", True)


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"plan": {"units": 3000, "baseline": 0.1}}, "plan.units", "underpowered: the least variant will have 3,000"),
        ({"plan": {"days": 7, "traffic": 1000, "baseline": 0.1}}, "plan.days", "will have 3,500 units"),
        ({"plan": {"baseline": 0.1}}, "plan", "it needs 3,841 of each variant"),
        ({"plan": None}, "plan.baseline", "nothing is known of the power"),
        ({"plan": {"days": 10, "traffic": 1000}}, "plan.baseline", "nothing is known of the power"),
        ({"plan": {"units": 5000, "baseline": 0.95}}, "plan.baseline", "with an effect of 20%"),
        ({"plan": {**SOUND["plan"], "days": 3, "traffic": 9e9}}, "analysis.minimum_days", "7, but it ends after 3"),
        ({"end_at": 1_800_000_000.0 + 86_400.0}, "analysis.minimum_days", "7, but it ends after 1"),
        (
            {"plan": {"units": 4000, "baseline": 0.1}, "analysis": {"minimum_units": 5000}},
            "analysis.minimum_units",
            "5000, but 4000 are planned",
        ),
        ({"metrics": [{"key": "buy"}]}, "metrics[0].minimum_effect", "unset: 1% of the control"),
        (
            {"metrics": [{"key": "buy", "minimum_effect": 0.2, "window": "11d"}]},
            "metrics[0].window",
            "longer than the 10 days planned",
        ),
        ({"variants": [{"key": "a"}, {"key": "b"}]}, "variants", "none is the control"),
        (
            {"variants": [{"key": "a", "is_control": True, "weight": 9}, {"key": "b"}]},
            "variants",
            "uneven weights: for the same precision it takes 2.8 times",
        ),
        (
            {"variants": [{"key": "a", "is_control": True}, {"key": "b"}, {"key": "c", "weight": 0}]},
            "variants[2].weight",
            "'c' is never served",
        ),
        (
            {"variants": [{"key": "a", "is_control": True}, {"key": "b", "weight": 0}]},
            "variants",
            "nothing to compare",
        ),
        ({"trial": "decision"}, "trial", "decisions of one unit are alike"),
        ({"type": "bandit", "reweight": {"floor": 0}}, "reweight.floor", "no test is valid"),
        ({"type": "bandit"}, "reweight.holdout", "as little as 1% of the draws"),
        ({"type": "bandit", "plan": {"units": 30, "baseline": 0.1}}, "plan.units", "even in a fixed split it needs"),
    ],
)
def test_what_is_unwise_is_told(engine, changes, field, said):
    assert said in warned(engine, **changes)[field]


def test_a_mean_needs_its_deviation(engine):
    metrics = [{"key": "spent", "type": "continuous", "minimum_effect": 0.1, "goal": "decrease"}]
    plan = {"units": 3141, "baseline": 10.0}
    assert "nothing is known" in warned(engine, metrics=metrics, plan=plan)["plan.sd"]
    found = engine.validate({**SOUND, "metrics": metrics, "plan": {**plan, "sd": 20.0}})
    # As R's power.t.test(delta = 1, sd = 20, power = .8): n = 6280.064.
    assert (found.sample_size.sample_size_per_variant, found.sample_size.effect) == (6281, -1.0)
    assert [remark.field for remark in found.warnings] == ["plan.units"]


def test_a_bandit_with_a_holdout_is_not_warned_of_it(engine):
    assert "reweight.holdout" not in warned(engine, type="bandit", reweight={"holdout": 0.2})
