import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bandit.cohort import Cohort
from bandit.conditions import MOST_CONDITIONS, MOST_DEPTH, Condition
from bandit.errors import InvalidInput
from bandit.expressions import MOST_PATTERN, MOST_TEXT
from bandit.matcher import compiled
from bandit.model import Model
from bandit.versions import precedence

# For other languages too: a condition, what it is asked about, and whether it matches.
TABLE = json.loads((Path(__file__).parent / "conditions.json").read_text())
COHORTS = {cohort["key"]: Cohort.model_validate(cohort) for cohort in TABLE["cohorts"]}
OPERATORS = sorted({case["condition"].get("operator") for case in TABLE["cases"]} - {None})


class Targeted(Model):
    targeting: Condition


def refused(condition):
    with pytest.raises(ValidationError) as error:
        Targeted.model_validate({"targeting": condition})
    return [(found.field, found.message) for found in InvalidInput.of(error.value).errors]


@pytest.mark.parametrize("case", TABLE["cases"], ids=range(len(TABLE["cases"])))
def test_table(case):
    condition = Condition.model_validate(case["condition"])
    assert compiled(condition, COHORTS)(case["attributes"], case["unit"], case["now"]) is case["expected"]
    assert Condition.model_validate_json(condition.model_dump_json()) == condition
    assert Condition.model_validate(condition.model_dump(mode="json")) == condition


def test_the_table_has_every_operator():
    known = Condition.model_json_schema()["$defs"]["Condition"]["properties"]["operator"]["anyOf"][0]["enum"]
    assert sorted(known) == OPERATORS


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.sampled_from(["1.0.0", "DE"]),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(TABLE["cases"]), JSON, st.none() | st.text(min_size=1, max_size=5), st.floats(0.0, 1e12))
def test_whatever_the_attributes_a_condition_and_its_negation_never_raise_nor_both_match(case, value, unit, now):
    condition = Condition.model_validate(case["condition"])
    attributes = dict.fromkeys(("x", "y", "country", "boss", "team"), value)
    matches = compiled(condition, COHORTS)(attributes, unit, now)
    fails = compiled(Condition.model_validate({"not": condition}), COHORTS)(attributes, unit, now)
    assert isinstance(matches, bool)
    assert not (matches and fails)


@given(st.sampled_from([case["condition"] for case in TABLE["cases"]]))
def test_what_is_missing_matches_neither_a_condition_nor_its_negation(condition):
    if "attribute" in condition and condition["operator"] != "exists":
        for asked in (condition, {"not": condition}):
            assert compiled(Condition.model_validate(asked), COHORTS)({}, "ann", 0.0) is False


def test_a_lone_half_of_a_surrogate_pair_is_no_text():
    for asked in ({"operator": "matches", "value": "."}, {"operator": "percentage", "value": 100, "salt": "s"}):
        condition = Condition.model_validate({"attribute": "x", **asked})
        assert compiled(condition, {})({"x": "\ud800"}, None, 0.0) is False


@pytest.mark.parametrize(
    ("condition", "field", "message"),
    [
        (
            {"attribute": "x", "operator": "like", "value": 1},
            "targeting.operator",
            "unknown operator; known are equals",
        ),
        ({"attribute": "x", "operator": 3, "value": 1}, "targeting.operator", "unknown operator; known are equals"),
        ({"attribute": "x", "operator": "equals"}, "targeting.value", "must be a text of at most 1000"),
        ({"attribute": "x", "operator": "equals", "value": "x" * 1001}, "targeting.value", "must be a text of at most"),
        ({"attribute": "x", "operator": "in", "value": []}, "targeting.value", "must be a list of 1 to 1000"),
        ({"attribute": "x", "operator": "in", "value": ["a", 1]}, "targeting.value", "must be a list of 1 to 1000"),
        ({"attribute": "x", "operator": "not_in", "value": [1, True]}, "targeting.value", "must be a list of 1 to"),
        ({"attribute": "x", "operator": "in", "value": ["a"] * 1001}, "targeting.value", "must be a list of 1 to 1000"),
        ({"attribute": "x", "operator": "starts_with", "value": ""}, "targeting.value", "must be a text of 1 to 1000"),
        ({"attribute": "x", "operator": "greater", "value": "5"}, "targeting.value", "must be a finite number"),
        ({"attribute": "x", "operator": "less", "value": True}, "targeting.value", "must be a finite number"),
        ({"attribute": "x", "operator": "between", "value": [2, 1]}, "targeting.value", "must be two finite numbers"),
        ({"attribute": "x", "operator": "between", "value": [1]}, "targeting.value", "must be two finite numbers"),
        ({"attribute": "x", "operator": "exists", "value": "yes"}, "targeting.value", "must be true or false"),
        (
            {"attribute": "x", "operator": "version_less", "value": "1.2"},
            "targeting.value",
            "must be a semantic version",
        ),
        ({"attribute": "x", "operator": "matches", "value": "("}, "targeting.value", "RE2 can read: missing )"),
        ({"attribute": "x", "operator": "matches", "value": r"(a)\1"}, "targeting.value", "invalid escape sequence"),
        ({"attribute": "x", "operator": "matches", "value": "(?=a)"}, "targeting.value", "invalid perl operator"),
        ({"attribute": "x", "operator": "matches", "value": "a" * 501}, "targeting.value", "at most 500 characters"),
        ({"attribute": "x", "operator": "matches", "value": "a{1001}"}, "targeting.value", "invalid repetition size"),
        ({"operator": "before", "value": "tomorrow"}, "targeting.value", "must be an ISO 8601 time"),
        ({"operator": "weekday", "value": ["Monday"]}, "targeting.value", "must be a list of monday, tuesday"),
        ({"operator": "time_of_day", "value": ["9:00", "10:00"]}, "targeting.value", "must be two different times"),
        ({"operator": "time_of_day", "value": ["09:00", "09:00"]}, "targeting.value", "must be two different times"),
        (
            {"operator": "weekday", "value": ["monday"], "time_zone": "Mars/Olympus"},
            "targeting.time_zone",
            "must be the IANA name of a time zone",
        ),
        ({"operator": "in_cohort", "value": "a b"}, "targeting.value", "must be the key of a cohort"),
        ({"operator": "percentage", "value": 101, "salt": "s"}, "targeting.value", "must be a number from 0 to 100"),
        ({"operator": "percentage", "value": 5}, "targeting.salt", "must be given with 'percentage'"),
        ({"attribute": "x", "operator": "exists", "salt": "s"}, "targeting.salt", "must be given with 'percentage'"),
        ({"attribute": "x", "operator": "less", "value": 1, "time_zone": "UTC"}, "targeting.time_zone", "goes with"),
        ({"operator": "equals", "value": 1}, "targeting.attribute", "must be given with 'equals'"),
        ({"attribute": "x"}, "targeting.operator", "must be given with an attribute"),
        ({}, "targeting", "must be one of operator, all, any and not, given none"),
        ({"all": []}, "targeting.all", "at least 1 item"),
        ({"not": {}}, "targeting.not", "must be one of operator"),
        ({"any": [{"attribute": "x", "operator": "exists"}], "value": 1}, "targeting.value", "goes with an operator"),
        ({"attribute": "x", "operator": "exists", "when": 1}, "targeting.when", "Extra inputs are not permitted"),
        (
            {"all": [{"attribute": "x", "operator": "exists"}, {"attribute": "x", "operator": "less", "value": "a"}]},
            "targeting.all[1].value",
            "must be a finite number, given 'a'",
        ),
    ],
)
def test_refusals_name_the_field(condition, field, message):
    found = refused(condition)
    assert [place for place, _ in found] == [field]
    assert message in found[0][1]


def test_an_unknown_operator_is_answered_with_all_there_are():
    ((_, message),) = refused({"attribute": "x", "operator": "like", "value": 1})
    assert all(operator in message for operator in OPERATORS)
    assert "given 'like'" in message


def test_depth_and_size_are_bounded():
    leaf = {"attribute": "x", "operator": "exists"}
    deep = leaf
    for _ in range(MOST_DEPTH - 1):
        deep = {"not": deep}
    Condition.model_validate(deep)
    assert "at most 10 deep" in refused({"not": deep})[0][1]
    for _ in range(2000):
        deep = {"not": deep}
    assert refused(deep)
    half = {"all": [leaf] * (MOST_CONDITIONS // 2 - 1)}
    Condition.model_validate({"any": [half, {"all": [leaf] * (MOST_CONDITIONS // 2 - 2)}]})
    assert "at most 200 conditions" in refused({"any": [half, half]})[0][1]


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*$", "(a*)*b", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*){1,20}x$"])
def test_a_hostile_expression_is_no_slower_than_its_text_is_long(pattern):
    """Each of these takes an expression engine that goes back and forth longer than anybody waits."""
    assert len(pattern) <= MOST_PATTERN
    find = compiled(Condition.model_validate({"attribute": "x", "operator": "matches", "value": pattern}), {})
    started = time.process_time()
    for _ in range(20):
        find({"x": "a" * (MOST_TEXT - 1) + "!"}, None, 0.0)
    assert time.process_time() - started < 1.0


def test_versions_are_in_the_order_of_the_specification():
    ordered = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
    ]
    assert sorted(ordered, key=precedence) == ordered


@given(st.text(alphabet="0123456789.-+azAZ", max_size=20))
def test_any_text_is_a_version_or_none(text):
    found = precedence(text)
    assert found is None or found == precedence(text.partition("+")[0])


def test_a_cohort_may_not_name_a_cohort():
    condition = {"any": [{"operator": "in_cohort", "value": "vip"}, {"attribute": "x", "operator": "exists"}]}
    with pytest.raises(ValidationError, match="may not name a cohort"):
        Cohort.model_validate({"key": "c", "condition": condition})
