"""What every policy in the table keeps; a new one is tested by being there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy.stats import chisquare

import policies
from policies import COLUMNS, COUNT, POLICIES, SQUARES, SUM, WEIGHTED, AnyPolicy, Policy
from policies.statistics import columns

every_policy = pytest.mark.parametrize("policy", [cls() for cls in POLICIES.values()], ids=POLICIES)

counts = st.one_of(
    st.just(0.0), st.integers(1, 1000).map(float), st.floats(1e-3, 10.0), st.floats(1e3, 1e12), st.floats(1e-320, 1e-8)
)


@st.composite
def states(draw, policy):
    """A context, and statistics of 1 to 20 arms: consistent sums, of rows longer than a context-free policy reads."""
    arms = draw(st.integers(1, 8 if policy.contextual else 20))
    size = draw(st.integers(0, 4)) if policy.contextual else 0
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    stats = np.zeros((arms, columns(size) if policy.contextual else COLUMNS + 3))
    scale = 1.0 if policy.rewards == "unit" else 10.0 ** draw(st.floats(-3, 6))
    for row in stats:
        count, mean = draw(counts), draw(st.floats(0, 1))
        if policy.rewards != "unit":
            mean = scale * (2 * mean - 1 if policy.rewards == "any" else mean)
        spread = draw(st.floats(0, 1)) * (mean * (1 - mean) if policy.rewards == "unit" else scale**2)
        row[COUNT], row[SUM], row[SQUARES] = count, count * mean, count * (mean**2 + spread)
        row[WEIGHTED] = draw(st.floats(-1e6, 1e6))
        if policy.contextual:
            x = rng.normal(size=(draw(st.integers(1, 6)), size))
            row[COLUMNS : COLUMNS + size] = count * (x.T @ (mean + np.sqrt(spread) * rng.normal(size=len(x)))) / len(x)
            row[COLUMNS + size :] = count * (x.T @ x).ravel() / len(x)
        else:
            row[COLUMNS:] = draw(st.floats(-1e6, 1e6))
    return stats, rng.normal(size=size)


def weights(policy, stats, base, context=()):
    out = np.full(len(stats), np.nan)
    trials, context = float(stats[:, COUNT].sum()), np.array(context, dtype=float)
    assert policy.weights(stats, context, trials, policy.parameters(base), out) is None
    return out


def uneven(arms):
    base = np.arange(1.0, arms + 1)
    return base / base.sum()


@every_policy
def test_weights_are_a_distribution(policy):
    @settings(derandomize=True, deadline=None, max_examples=60)
    @given(states(policy))
    def check(state):
        stats, context = state
        before = stats.copy()
        probabilities = weights(policy, stats, uneven(len(stats)), context)
        assert (probabilities >= 0).all()
        assert probabilities.sum() == pytest.approx(1, abs=1e-12)
        np.testing.assert_array_equal(stats, before)

    check()


@every_policy
def test_the_order_of_the_arms_means_nothing(policy):
    @settings(derandomize=True, deadline=None, max_examples=40)
    @given(states(policy), st.integers(0, 2**32 - 1))
    def check(state, seed):
        stats, context = state
        order = np.random.default_rng(seed).permutation(len(stats))
        base = uneven(len(stats))
        permuted = weights(policy, np.ascontiguousarray(stats[order]), base[order], context)
        np.testing.assert_allclose(permuted, weights(policy, stats, base, context)[order], atol=1e-8)

    check()


FIXED_STATES = [
    np.zeros((4, COLUMNS)),
    np.array([[10, 3.0, 2.0, 9.0], [20, 5.0, 4.0, 12.0], [3, 2.0, 1.8, 15.0], [4, 0.5, 0.2, 3.0]]),
    np.array([[0.7, 0.3, 0.2, 0.8], [2.5, 1.0, 0.8, 1.2]]),
    np.array([[5, 2.0, 2.0, 8.0], [5, 2.0, 2.0, 8.0], [0, 0.0, 0.0, 0.0]]),
    np.array([[5, 2.0, 2.0, 8.0], [5, 2.0, 2.0, 8.0], [5, 1.0, 1.0, 2.0]]),
    np.array([[9000, 5000.0, 5000.0, 6000.0], [50, 5.0, 5.0, 500.0], [70, 3.0, 3.0, 300.0]]),
]


def fixed_state(policy, stats):
    """A context and statistics with these columns; the models of a contextual policy are about their means."""
    if not policy.contextual:
        return stats, np.empty(0)
    x = np.random.default_rng(4).normal(size=(len(stats), 6, 2))
    x[stats[:, COUNT] == 5] = x[0]  # what ties in the one ties in the other
    b = stats[:, [SUM]] * x.sum(axis=1) / 6
    a = stats[:, [COUNT]] * (x.transpose(0, 2, 1) @ x).reshape(-1, 4) / 6
    return np.hstack([stats, b, a]), np.array([0.8, -0.5])


@every_policy
@pytest.mark.parametrize("stats", FIXED_STATES, ids=["empty", "ragged", "faded", "untried", "tied", "certain"])
def test_select_draws_what_weights_say(policy, stats, count):
    base = uneven(len(stats))
    stats, context = fixed_state(policy, stats)
    probabilities = weights(policy, stats, base, context)
    drawn = count(policy, stats, policy.parameters(base), 20_000, context)
    assert not drawn[probabilities == 0].any()
    possible = probabilities > 0
    if possible.sum() > 1:
        assert chisquare(drawn[possible], 20_000 * probabilities[possible]).pvalue > 1e-3


@every_policy
def test_two_halves_merge_by_addition_and_corrections_subtract(policy):
    rng = np.random.default_rng(5)
    rewards, arms, contexts = rng.integers(2, size=200), rng.integers(3, size=200), rng.normal(size=(200, 2))
    shape, params = (3, columns(2)), policy.parameters(uneven(3))

    def added(trial):
        stats = np.zeros(shape)
        policy.record(stats, contexts[trial], arms[trial], float(rewards[trial]), 1 / 3, 1.0, params)
        return stats

    def sums(*trials):
        return sum(map(added, trials), start=np.zeros(shape))

    whole = sums(*range(200))
    assert whole[:, COUNT].sum() == 200
    np.testing.assert_allclose(whole[:, WEIGHTED], 3 * whole[:, SUM])
    base, context = uneven(3), np.array([0.3, -1.2])
    expected = weights(policy, whole, base, context)
    merged = sums(*range(90)) + sums(*range(90, 200))
    np.testing.assert_allclose(weights(policy, merged, base, context), expected, atol=1e-10)
    corrected = sums(*range(200), 7) - added(7)
    np.testing.assert_allclose(weights(policy, corrected, base, context), expected, atol=1e-10)


@every_policy
def test_a_trial_adds_what_record_does_with_what_was_known_at_its_decision(policy):
    rng = np.random.default_rng(6)
    size = 3 if policy.contextual else 0
    stats, params = np.zeros((3, columns(size))), policy.parameters(uneven(3))
    for arm in rng.integers(3, size=30):
        policy.record(stats, rng.normal(size=size), arm, float(rng.integers(2)), 0.3, 1.0, params)
    x, before = rng.normal(size=size), stats.copy()
    note = policy.note(stats, x, 1, params)
    policy.record(stats, x, 1, 1.0, 0.25, 3.0, params)
    row = policy.trial(x, 1.0, 0.25, 3.0, params, note)
    np.testing.assert_allclose(row, (stats - before)[1], rtol=1e-9, atol=1e-12)
    # Whatever is learnt meanwhile, the same is taken off again.
    np.testing.assert_array_equal(policy.trial(x, 1.0, 0.25, 3.0, params, note), row)


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
        if field.annotation in (int, float, float | None):
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
    assert type(policy).rewards in ("any", "unit", "sub_gaussian", "count")


def test_the_table_for_the_documentation_names_every_policy_and_parameter():
    lines = policies.table().splitlines()
    assert lines[0] == "| name | class | rewards | context | parameters | source |"
    assert len(lines) == 2 + len(POLICIES)
    assert all(line.count(" | ") == lines[0].count(" | ") for line in lines)
    for line, (name, policy) in zip(lines[2:], POLICIES.items(), strict=True):
        assert line.startswith(f"| `{name}` | `{policy.__name__}` | ")
        assert all(f"`{field}=" in line for field in policy.model_fields if field not in Policy.model_fields)
        assert not line.endswith("|  |")


def test_the_table_holds_every_policy_and_all_names_are_public():
    assert all(name == cls.model_fields["name"].default for name, cls in POLICIES.items())
    classes = {value for value in vars(policies).values() if isinstance(value, type) and issubclass(value, Policy)}
    assert classes - {Policy} == set(POLICIES.values())
    assert {cls.__name__ for cls in classes} <= set(policies.__all__)
    assert all(hasattr(policies, name) for name in policies.__all__)
