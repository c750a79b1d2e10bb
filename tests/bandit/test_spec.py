"""Policies and what else has a name and parameters, as people write them in a line."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandit import spec
from policies import POLICIES


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ucb1", {"name": "ucb1"}),
        ("epsilon_greedy:epsilon=.05", {"name": "epsilon_greedy", "epsilon": 0.05}),
        ("gaussian:means=0/.5/1,sd=1", {"name": "gaussian", "means": [0, 0.5, 1], "sd": 1}),
        ("a:b=null, c = word ,d=1e-3", {"name": "a", "b": None, "c": "word", "d": 0.001}),
        ("abrupt:means=.1/.2;.2/.1,at=5", {"name": "abrupt", "means": [[0.1, 0.2], [0.2, 0.1]], "at": 5}),
    ],
)
def test_a_spec_is_a_name_and_parameters(text, expected):
    assert spec.parse(text) == expected


@pytest.mark.parametrize("text", ["ucb1:exploration", "ucb1:=1", "ucb1:a=1,a=2", "ucb1:a=1,,b=2"])
def test_a_malformed_spec_is_refused(text):
    with pytest.raises(ValueError, match="given"):
        spec.parse(text)


scalars = st.one_of(st.none(), st.integers(-1000, 1000), st.floats(-1e6, 1e6).map(lambda each: float(f"{each:.6g}")))


@settings(derandomize=True, deadline=None)
@given(st.one_of(scalars, st.lists(scalars, min_size=2), st.lists(st.lists(scalars, min_size=1), min_size=2)))
def test_values_are_read_as_they_were_written(value):
    assert spec.value(spec.written(value)) == value


def test_what_is_not_a_number_is_one_as_well():
    assert math.isnan(spec.value("nan"))


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_has_a_spec(name):
    policy = POLICIES[name](half_life="2h")
    assert spec.label(POLICIES[name]()) == name
    assert spec.build(spec.label(policy), POLICIES, "policy") == policy
