"""What every policy in the table keeps; a new one is tested by being there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy.stats import chisquare

import policies
from policies import COLUMNS, COUNT, POLICIES, SQUARES, SUM, WEIGHTED, AnyPolicy, Policy

every_policy = pytest.mark.parametrize("policy", [cls() for cls in POLICIES.values()], ids=POLICIES)

counts = st.one_of(
    st.just(0.0), st.integers(1, 1000).map(float), st.floats(1e-3, 10.0), st.floats(1e3, 1e12), st.floats(1e-320, 1e-8)
)


@st.composite
def states(draw, rewards):
    """Statistics of 1 to 20 arms with the three columns more that a contextual policy would add."""
    arms = draw(st.integers(1, 20))
    stats = np.zeros((arms, COLUMNS + 3))
    scale = 1.0 if rewards == "unit" else 10.0 ** draw(st.floats(-3, 6))
    for row in stats:
        count, mean = draw(counts), draw(st.floats(0, 1))
        if rewards == "any":
            mean = scale * (2 * mean - 1)
        spread = draw(st.floats(0, 1)) * (mean * (1 - mean) if rewards == "unit" else scale**2)
        row[COUNT], row[SUM], row[SQUARES] = count, count * mean, count * (mean**2 + spread)
        row[WEIGHTED] = draw(st.floats(-1e6, 1e6))
        row[COLUMNS:] = draw(st.floats(-1e6, 1e6))
    return stats


def weights(policy, stats, base):
    out = np.full(len(stats), np.nan)
    assert policy.weights(stats, np.empty(0), float(stats[:, COUNT].sum()), policy.parameters(base), out) is None
    return out


def uneven(arms):
    base = np.arange(1.0, arms + 1)
    return base / base.sum()


@every_policy
def test_weights_are_a_distribution(policy):
    @settings(derandomize=True, deadline=None, max_examples=60)
    @given(states(policy.rewards))
    def check(stats):
        before = stats.copy()
        probabilities = weights(policy, stats, uneven(len(stats)))
        assert (probabilities >= 0).all()
        assert probabilities.sum() == pytest.approx(1, abs=1e-12)
        np.testing.assert_array_equal(stats, before)

    check()


@every_policy
def test_the_order_of_the_arms_means_nothing(policy):
    @settings(derandomize=True, deadline=None, max_examples=40)
    @given(states(policy.rewards), st.integers(0, 2**32 - 1))
    def check(stats, seed):
        order = np.random.default_rng(seed).permutation(len(stats))
        base = uneven(len(stats))
        permuted = weights(policy, np.ascontiguousarray(stats[order]), base[order])
        np.testing.assert_allclose(permuted, weights(policy, stats, base)[order], atol=1e-8)

    check()


FIXED_STATES = [
    np.zeros((4, COLUMNS)),
    np.array([[10, 3.0, 2.0, 0], [20, 5.0, 4.0, 0], [3, 2.0, 1.8, 0], [4, 0.5, 0.2, 0]]),
    np.array([[0.7, 0.3, 0.2, 0], [2.5, 1.0, 0.8, 0]]),
    np.array([[5, 2.0, 2.0, 0], [5, 2.0, 2.0, 0], [0, 0.0, 0.0, 0]]),
    np.array([[5, 2.0, 2.0, 0], [5, 2.0, 2.0, 0], [5, 1.0, 1.0, 0]]),
]


@every_policy
@pytest.mark.parametrize("stats", FIXED_STATES, ids=["empty", "ragged", "faded", "untried", "tied"])
def test_select_draws_what_weights_say(policy, stats, count):
    base = uneven(len(stats))
    probabilities = weights(policy, stats, base)
    drawn = count(policy, stats, policy.parameters(base), 20_000)
    assert not drawn[probabilities == 0].any()
    possible = probabilities > 0
    if possible.sum() > 1:
        assert chisquare(drawn[possible], 20_000 * probabilities[possible]).pvalue > 1e-3


@every_policy
def test_two_halves_merge_by_addition(policy):
    rng = np.random.default_rng(5)
    rewards, arms = rng.random(200), rng.integers(3, size=200)

    def sums(part):
        stats = np.zeros((3, COLUMNS))
        for reward, arm in zip(rewards[part], arms[part], strict=True):
            stats[arm] += [1.0, reward, reward**2, 3 * reward]
        return stats

    merged = sums(slice(0, 90)) + sums(slice(90, 200))
    base = uneven(3)
    np.testing.assert_allclose(weights(policy, merged, base), weights(policy, sums(slice(None)), base), atol=1e-10)


@every_policy
def test_json_round_trip_and_schema(policy):
    set_up = type(policy)(half_life="7d")
    adapter = TypeAdapter(AnyPolicy)
    for each in (policy, set_up):
        assert adapter.validate_json(each.model_dump_json()) == each
        assert adapter.validate_python(each.model_dump()) == each
    assert '"half_life":"1w"' in set_up.model_dump_json()
    for mode in ("validation", "serialization"):
        schema = type(policy).model_json_schema(mode=mode)
        assert schema["additionalProperties"] is False
        assert schema["properties"]["name"]["const"] == policy.name
        for name, described in schema["properties"].items():
            assert name == "name" or described["description"]
        assert adapter.json_schema(mode=mode)["discriminator"]["mapping"][policy.name]


@every_policy
def test_settings_are_frozen_and_checked(policy):
    with pytest.raises(ValidationError, match="frozen"):
        policy.half_life = 3.0
    for wrong in ({"half_life": 0}, {"half_life": "-1d"}, {"half_live": 1}, {"name": "other"}):
        with pytest.raises(ValidationError):
            type(policy)(**wrong)
    for name, field in type(policy).model_fields.items():
        if field.annotation in (float, float | None):
            for wrong in (float("nan"), float("inf"), -1.0, "1", True):
                if name != "half_life":
                    with pytest.raises(ValidationError):
                        type(policy)(**{name: wrong})
            assert type(policy).model_validate_json(f'{{"{name}": 1}}')


@every_policy
def test_parameters_are_numbers_in_order(policy):
    base = uneven(3)
    params = policy.parameters(base)
    assert (params.dtype, params.ndim, params.flags.c_contiguous) == (np.float64, 1, True)
    if policy.name == "fixed":
        np.testing.assert_array_equal(params, base)
    else:
        own = {name: value for name, value in policy if name not in Policy.model_fields}
        np.testing.assert_array_equal(params, [np.nan if value is None else value for value in own.values()])


@every_policy
def test_the_docstring_names_its_source(policy):
    assert "Source:" in type(policy).__doc__
    assert type(policy).rewards in ("any", "unit")


def test_the_table_holds_every_policy_and_all_names_are_public():
    assert all(name == cls.model_fields["name"].default for name, cls in POLICIES.items())
    classes = {value for value in vars(policies).values() if isinstance(value, type) and issubclass(value, Policy)}
    assert classes - {Policy} == set(POLICIES.values())
    assert {cls.__name__ for cls in classes} <= set(policies.__all__)
    assert all(hasattr(policies, name) for name in policies.__all__)
