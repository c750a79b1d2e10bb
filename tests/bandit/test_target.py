"""Target policies as people write them, and the experiment as it would have run with them."""

import contextlib
import json

import pytest
from experiments import define
from hypothesis import given, settings
from hypothesis import strategies as st

from bandit import InvalidInput, Metric, Reweight, StoredExperiment
from bandit.target import Always, Split, hypothetical, read
from policies import POLICIES, EpsilonGreedy, Fixed, ThompsonBeta


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("fixed", Fixed()),
        ("epsilon_greedy:epsilon=.05,half_life=2h", EpsilonGreedy(epsilon=0.05, half_life=7200.0)),
        ('{"name": "thompson_beta", "prior_failures": 3}', ThompsonBeta(prior_failures=3)),
        ({"name": "thompson_beta"}, ThompsonBeta()),
        (ThompsonBeta(), ThompsonBeta()),
        ("always:variant=short", Always(variant="short")),
        ("always:variant=007", Always(variant="007")),
        ('{"name": "always", "variant": "short"}', Always(variant="short")),
        ("split:control=.3,short=.7", Split(weights={"control": 0.3, "short": 0.7})),
        ({"name": "split", "weights": {"short": 1}}, Split(weights={"short": 1.0})),
    ],
)
def test_a_target_is_read(given_, expected):
    assert read(given_) == expected


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_is_read_from_its_json(name):
    policy = POLICIES[name]()
    assert read(policy.model_dump_json()) == policy == read(name)


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ("nope", "'nope' is unknown, must be one of fixed, epsilon_greedy.*always, split"),
        ("", "'' is unknown"),
        ("epsilon_greedy:epsilon=2", "epsilon: Input should be less than or equal to 1, given 2"),
        ("epsilon_greedy:eps=1", "'eps' is not one of its parameters: half_life, epsilon"),
        ("epsilon_greedy:epsilon", "parameters are written name=value"),
        ("split:control=.3,control=.4", "control: given twice"),
        ("split", "weights: Dictionary should have at least 1 item"),
        ("split:control=-1", r"weights.control: .*greater than or equal to 0, given -1"),
        ("split:control=many", r"weights.control: .*valid number, given 'many'"),
        ("always", "variant: String should match pattern"),
        ('{"name": "always"}', "variant: Field required"),
        ('{"name": ', r"Expecting value.*write, for example, thompson_beta"),
        ({}, "must be a text such as"),
        ({"name": 3}, "must be a text such as"),
    ],
)
def test_what_is_not_a_target_is_refused_in_a_line(given_, message):
    with pytest.raises(InvalidInput, match=message) as refused:
        read(given_)
    assert "\n" not in refused.value.detail
    assert [error.field for error in refused.value.errors] == ["policy"]


@settings(derandomize=True, deadline=None)
@given(st.text(max_size=30) | st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.text(max_size=5)))
def test_whatever_is_given_is_read_or_refused(given_):
    with contextlib.suppress(InvalidInput):
        assert read(given_) == read(read(given_).model_dump(mode="json"))


def stored(**rest):
    return StoredExperiment.model_validate(define(**rest).model_dump(mode="json"))


def test_a_policy_has_the_settings_of_the_experiment():
    experiment = stored(reweight=Reweight(every=60.0, holdout=0.1))
    running = hypothetical(experiment, read("epsilon_greedy:epsilon=0"))
    assert not running.fixed
    assert (running.experiment.floor, running.experiment.reweight.holdout, running.every) == (0.01, 0.1, 60.0)
    assert hypothetical(stored(type="ab_test"), ThompsonBeta()).experiment.type == "bandit"
    assert hypothetical(stored(type="ab_test"), Fixed()).base == [0.5, 0.5]


def test_a_split_is_served_as_it_is_given():
    experiment = stored(reweight=Reweight(floor=0.2, holdout=0.5))
    running = hypothetical(experiment, Split(weights={"short": 3.0, "control": 1.0}))
    assert running.fixed
    assert running.distribution("", running.base).probabilities == [0.25, 0.75]
    assert hypothetical(experiment, Always(variant="short")).full == (1,)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("always:variant=nope", "policy: 'nope' is not a variant of 'copy': 'control', 'short'"),
        ("split:nope=1", "policy: 'nope' is not a variant"),
        ("split:short=0", "at least one weight must be above 0"),
        ("thompson_beta", "policy: 'thompson_beta' is sound only for bounded rewards"),
        ("lin_ucb", "policy: 'lin_ucb' reads a context, and 'copy' declares no features of it"),
    ],
)
def test_what_does_not_fit_is_refused(target, message):
    with pytest.raises(InvalidInput, match=message) as refused:
        hypothetical(stored(metrics=[Metric(key="spent", type="continuous")]), read(target))
    assert [error.field for error in refused.value.errors] == ["policy"]


def test_an_answer_names_its_target():
    assert json.loads(read("split:short=1").model_dump_json()) == {"name": "split", "weights": {"short": 1.0}}
