"""Studies as people write them."""

import json

import pytest

from bandit import InvalidInput
from policies import EpsilonGreedy
from simulations import ENVIRONMENTS, simulate
from simulations.feedback import FEEDBACK
from simulations.stationary import Bernoulli, Gaussian
from simulations.study import read, study

ARMS = {"policies": ["ucb1"], "environment": "bernoulli:means=.1/.2"}


def test_a_study_takes_objects_specs_and_tables():
    expected = study(ARMS | {"policies": ["epsilon_greedy:epsilon=.05"], "feedback": "delayed:steps=3"})
    assert expected.policies == (EpsilonGreedy(epsilon=0.05),)
    assert expected.labels == ["epsilon_greedy:epsilon=0.05"]
    tables = {
        "policies": [{"name": "epsilon_greedy", "epsilon": 0.05}],
        "environment": {"name": "bernoulli", "means": [0.1, 0.2]},
        "feedback": [{"name": "delayed", "steps": 3}],
    }
    objects = {
        "policies": EpsilonGreedy(epsilon=0.05),
        "environment": Bernoulli(means=(0.1, 0.2)),
        "feedback": [FEEDBACK["delayed"](steps=3)],
    }
    assert study(tables) == study(objects) == expected
    assert study(json.loads(expected.model_dump_json())) == expected


WRONG = [
    ({"policies": []}, "policies: "),
    ({"policies": ["nope"]}, "policy: 'nope' is unknown, must be one of fixed, epsilon_greedy"),
    ({"policies": [3]}, "policy: 3 given, must be a text such as"),
    ({"policies": ["ucb1", "ucb1"]}, "policies: 'ucb1' is given twice"),
    ({"policies": ["ucb1:exploration=-1"]}, "policy ucb1: exploration: .*greater than or equal to 0, given -1"),
    ({"policies": ["ucb1:explore=1"]}, "policy ucb1: 'explore' is not one of its parameters: half_life, exploration"),
    ({"environment": "nope"}, "environment: 'nope' is unknown, must be one of bernoulli"),
    ({"environment": "bernoulli"}, "environment bernoulli: means: Field required"),
    ({"environment": "bernoulli:means=.1"}, "means: 1 given, must be 2 to 1000, one for each arm"),
    ({"environment": "bernoulli:means=.1/nan"}, r"means\[1\]: .*finite number, given nan"),
    ({"environment": "bernoulli:means=.1/1.1"}, r"means\[1\]: .*less than or equal to 1, given 1.1"),
    ({"environment": "bernoulli:means=.1/a"}, r"means\[1\]: .*valid number, given 'a'"),
    (
        {"environment": "heavy_tailed:means=1/2"},
        r"ucb1 is sound for numbers in \[0, 1\] and normal ones, the rewards of",
    ),
    (
        {"policies": ["kl_ucb"], "environment": "gaussian:means=0/1"},
        r"kl_ucb is sound for numbers in \[0, 1\], the rewards of gaussian are normal",
    ),
    ({"environment": "poisson:means=0/1"}, "the rewards of poisson are counts from 0"),
    ({"environment": "seasonal:means=0/1"}, r"means: from -0.1 to 1.1 given, must lie in \[0, 1\]"),
    ({"environment": "abrupt:means=0/1;1/0,at=0"}, "at: 1 steps given, must be 1 for 2 rows of means, above 0"),
    ({"environment": "abrupt:means=0/1;1,at=3"}, "the rows must all have the same number of arms"),
    ({"policies": ["lin_ucb"]}, "lin_ucb reads a context, bernoulli has none"),
    ({"environment": "drifting:means=0/2"}, r"means: must lie between lower \(0\) and upper \(1\)"),
    ({"feedback": ["late"]}, "feedback: 'late' is unknown, must be one of delayed, batched, missing"),
    ({"feedback": ["missing:probability=2"]}, "feedback missing: probability: .*less than or equal to 1, given 2"),
    ({"horizon": 0}, "horizon: .*greater than or equal to 1, given 0"),
    ({"horizon": 10**12}, "horizon: .*less than or equal to 1000000000, given 1000000000000"),
    ({"horizon": 1.5}, "horizon: .*integer, given 1.5"),
    ({"replications": 0}, "replications: .*given 0"),
    ({"seed": -1}, "seed: .*given -1"),
    ({"through": "magic"}, "through: .*'kernels' or 'engine', given 'magic'"),
    ({"horizons": 3}, "horizons: Extra inputs are not permitted"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG)
def test_what_does_not_fit_is_refused_in_one_line(changes, message):
    with pytest.raises(InvalidInput, match=message) as refused:
        study(ARMS | changes)
    assert "\n" not in refused.value.detail


def test_what_is_missing_is_named():
    with pytest.raises(InvalidInput, match="environment: Field required"):
        study({"policies": "ucb1"})
    with pytest.raises(InvalidInput, match="policy: 'nope'"):
        simulate("nope", "bernoulli:means=.1/.2")


def test_a_study_is_read_from_a_file(tmp_path):
    toml = tmp_path / "study.toml"
    toml.write_text('policies = ["ucb1"]\nhorizon = 5\n[environment]\nname = "gaussian"\nmeans = [0, 1]\nsd = 2\n')
    fields = read(toml)
    assert study(fields | {"policies": "fixed"}).environment == Gaussian(means=(0.0, 1.0), sd=2.0)
    for wrong in ("policies = [", "\xff"):
        toml.write_bytes(wrong.encode("latin-1"))
        with pytest.raises(InvalidInput, match=r"study.toml: "):
            read(toml)
    with pytest.raises(InvalidInput, match="No such file"):
        read(tmp_path / "nowhere.toml")
    listed = tmp_path / "list.json"
    listed.write_text("[]")
    with pytest.raises(InvalidInput, match="table of fields"):
        read(listed)


def test_every_environment_name_is_its_key():
    assert all(cls.model_fields["name"].default == name for name, cls in ENVIRONMENTS.items())
