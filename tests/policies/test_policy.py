from typing import ClassVar, Literal

import numpy as np
import pytest
from pydantic import Field, TypeAdapter, ValidationError

from policies import SELECT, WEIGHTS, AnyPolicy, Policy, Softmax, ThompsonNormal, kernel


@kernel(WEIGHTS)
def last_weights(stats, _context, _t, params, out):
    out[:] = 0.0
    out[-1] = params[0]


@kernel(SELECT)
def last_select(stats, _context, _t, _params, _rng):
    return stats.shape[0] - 1


class Last(Policy):
    """A user's own policy."""

    weights = last_weights
    select = staticmethod(last_select)
    rewards: ClassVar[Literal["any", "unit"]] = "any"

    name: Literal["last"] = "last"
    certainty: float = Field(default=1.0, gt=0, description="All of it.")
    level: int = 2
    nothing: float | None = None


def test_a_users_own_policy():
    policy = Last(half_life=60)
    assert Last.weights is policy.weights is last_weights
    assert Last.select is policy.select is last_select
    np.testing.assert_array_equal(policy.parameters(np.ones(2) / 2), [1.0, 2.0, np.nan])
    out = np.empty(3)
    policy.weights(np.zeros((3, 4)), np.empty(0), 0.0, policy.parameters(out), out)
    assert list(out) == [0, 0, 1]
    rng = np.random.default_rng(0)
    assert policy.select(np.zeros((3, 4)), np.empty(0), 0.0, policy.parameters(out), rng) == 2


def test_a_kernel_takes_no_other_types():
    stats, out = np.zeros((3, 4)), np.empty(3)
    for wrong in (stats[::2], stats.astype(np.float32), stats[0]):
        with pytest.raises(
            TypeError, match=r"last_weights: arguments .* given, must be \(stats: array\(float64, 2d, C\)"
        ):
            Last.weights(wrong, np.empty(0), 0.0, np.empty(1), out)
    with pytest.raises(TypeError, match="t: float64"):
        Last.weights(stats, np.empty(0), 0, np.empty(1), out)


@pytest.mark.parametrize(("signature", "last"), [(WEIGHTS, "out"), (SELECT, "rng")])
def test_a_kernel_with_other_parameters_is_refused(signature, last):
    def wrong(stats, t, reward):
        return 0

    with pytest.raises(TypeError, match=rf"wrong: parameters \(stats, t, reward\) given, must be .*params: .*{last}: "):
        kernel(signature)(wrong)


def define(**changes):
    body = {
        "__annotations__": {"name": Literal["mine"], "rewards": ClassVar[str]},
        "__module__": __name__,
        "name": "mine",
        "rewards": "any",
        "weights": last_weights,
        "select": last_select,
    }
    body.update(changes)
    return type("Mine", (Policy,), {key: value for key, value in body.items() if value is not None})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": None}, r"Mine.weights: None given, must be a function with @kernel\(WEIGHTS\)"),
        ({"select": last_weights}, r"Mine.select: .* must be a function with @kernel\(SELECT\)"),
        ({"select": lambda stats: 0}, r"Mine.select: .* must be a function with @kernel\(SELECT\)"),
        ({"record": last_select}, r"Mine.record: .* must be a function with @kernel\(RECORD\)"),
        ({"rewards": None}, "Mine.rewards: must be declared"),
        ({"rewards": "positive"}, "Mine.rewards: must be declared"),
        ({"name": "other"}, "Mine.name: must be declared"),
        ({"name": None}, "Mine.name: must be declared"),
        ({"name": "mine", "__annotations__": {"name": str, "rewards": ClassVar[str]}}, "Mine.name: must be declared"),
    ],
)
def test_an_incomplete_policy_is_refused_where_it_is_written(changes, message):
    assert define().model_fields["name"].default == "mine"
    with pytest.raises(TypeError, match=message):
        define(**changes)


def test_a_base_class_of_a_family_needs_nothing():
    class Family(Policy):
        """Shared settings."""

        shrinkage: float = 1.0

    class Member(Family):
        """One of them."""

        weights = last_weights
        select = last_select
        rewards: ClassVar[Literal["any", "unit"]] = "any"
        name: Literal["member"] = "member"

    assert list(Member(shrinkage=3).parameters(np.ones(1))) == [3.0]


def test_the_union_is_told_apart_by_name():
    adapter = TypeAdapter(AnyPolicy)
    assert adapter.validate_python({"name": "softmax", "temperature": 1}) == Softmax(temperature=1)
    assert adapter.validate_json('{"name": "thompson_normal", "noise_sd": 2}') == ThompsonNormal(noise_sd=2)
    with pytest.raises(ValidationError, match="expected tags: 'fixed', 'epsilon_greedy'"):
        adapter.validate_python({"name": "oracle"})
