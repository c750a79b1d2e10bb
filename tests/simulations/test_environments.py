"""Every environment's draws against scipy, and its means against arithmetic."""

import math
from typing import ClassVar, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats as distributions
from scipy.special import expit

from bandit import InvalidInput, spec
from policies import kernel
from simulations import ADVANCE, DRAW, ENVIRONMENTS, Environment, simulate
from simulations.changing import Abrupt, Drifting, Seasonal
from simulations.feedback import FEEDBACK, arrival, rows
from simulations.pending import DECIDED, DUE, FIELDS, grown, pop, push
from simulations.stationary import Bernoulli, Bounded, Gaussian, HeavyTailed, Poisson

DRAWS = 20_000


def build(text):
    return spec.build(text, ENVIRONMENTS, "environment")


def drawn(environment, mean, seed=1):
    rng, params = np.random.default_rng(seed), environment.parameters()
    return np.array([environment.draw(mean, 0, 0.0, params, rng) for _ in range(DRAWS)])


@pytest.mark.parametrize(
    ("environment", "distribution"),
    [
        (Gaussian(means=(1.0, 2.0), sd=3.0), distributions.norm(1.0, 3.0)),
        (Bounded(means=(0.3, 0.5), concentration=4.0), distributions.beta(0.3 * 4, 0.7 * 4)),
        (HeavyTailed(means=(2.0, 1.0), scale=0.5, degrees=2.5), distributions.t(2.5, 2.0, 0.5)),
        (Drifting(means=(0.5, 0.5), sd=2.0), distributions.norm(0.5, 2.0)),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_continuous_rewards_have_their_distribution(environment, distribution):
    mean = environment.means[0]
    assert distributions.kstest(drawn(environment, mean), distribution.cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("environment", "distribution"),
    [
        (Bernoulli(means=(0.3, 0.5)), distributions.bernoulli(0.3)),
        (Seasonal(means=(0.3, 0.5)), distributions.bernoulli(0.3)),
        (Poisson(means=(2.5, 1.0)), distributions.poisson(2.5)),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_counts_have_their_distribution(environment, distribution):
    values, counts = np.unique(drawn(environment, environment.means[0]), return_counts=True)
    expected = DRAWS * distribution.pmf(values)
    common = expected >= 5
    rest = [counts[~common].sum(), DRAWS - expected[common].sum()]
    seen, due = [*counts[common], rest[0]], [*expected[common], rest[1]]
    pairs = [(a, b) for a, b in zip(seen, due, strict=True) if b > 1e-6]
    statistic = sum((a - b) ** 2 / b for a, b in pairs)
    assert distributions.chi2.sf(statistic, len(pairs) - 1) > 1e-3


def test_a_mean_at_the_end_of_the_interval_leaves_no_room():
    environment = Bounded(means=(0.0, 1.0))
    assert set(drawn(environment, 0.0)) == {0.0}
    assert set(drawn(environment, 1.0)) == {1.0}


def walk(environment, steps, seed=0):
    rng, means = np.random.default_rng(seed), np.zeros(environment.arms)
    found = []
    for step in range(steps):
        environment.advance(float(step), environment.parameters(), rng, np.zeros(0), means)
        found.append(means.copy())
    return np.array(found)


def test_abrupt_means_jump_at_their_breaks():
    environment = Abrupt(means=((0.1, 0.2), (0.3, 0.4), (0.5, 0.6)), at=(3, 5))
    assert walk(environment, 7)[:, 0].tolist() == [0.1, 0.1, 0.1, 0.3, 0.3, 0.5, 0.5]
    assert environment.arms == 2


def test_drifting_means_are_a_reflected_walk():
    free = walk(Drifting(means=(0.0, 0.0), step=0.1, lower=-99.0, upper=99.0, sd=1.0), 4000)
    steps = np.diff(free, axis=0).ravel()
    assert distributions.kstest(steps, distributions.norm(0, 0.1).cdf).pvalue > 1e-3
    kept = walk(Drifting(means=(0.5, 0.9), step=0.1), 4000)
    assert kept.min() >= 0
    assert kept.max() <= 1
    assert distributions.kstest(kept[::200].ravel(), "uniform").pvalue > 1e-3
    wild = walk(Drifting(means=(0.5, 0.5), step=50.0), 500)
    assert wild.min() >= 0
    assert wild.max() <= 1


def test_seasonal_means_swing_out_of_phase():
    means = walk(Seasonal(means=(0.5, 0.5), period=8.0, swing=0.2), 16)
    np.testing.assert_allclose(means[:8], means[8:], atol=1e-12)
    np.testing.assert_allclose(means.mean(axis=0), 0.5)
    np.testing.assert_allclose(means.max(axis=0), 0.7)
    np.testing.assert_allclose(means.sum(axis=1), 1.0)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_environment_has_what_the_loop_needs(name):
    parameters = {
        "abrupt": "means=.2/.8;.8/.2,at=5",
        "linear": "coefficients=0/1;0/2",
        "logistic": "coefficients=0/1;0/2",
        "random_bernoulli": "choices=2",
        "random_linear": "choices=2,size=3",
    }
    environment = build(f"{name}:{parameters.get(name, 'means=.2/.8')}")
    assert environment.arms == 2
    assert environment.parameters().dtype == np.float64
    assert type(environment).__doc__
    assert build(spec.label(environment)) == environment
    assert type(environment).model_validate_json(environment.model_dump_json()) == environment
    if environment.stationary and name != "random_bernoulli":  # whose means are not those of the next replication
        np.testing.assert_array_equal(environment.first_means(), walk(environment, 1)[0])
    else:
        assert environment.first_means() is None


def contexts(environment, steps=5000):
    rng, means, context = np.random.default_rng(4), np.zeros(environment.arms), np.zeros(environment.features)
    for step in range(steps):
        environment.advance(float(step), environment.parameters(), rng, context, means)
        yield context.copy(), means.copy()


def test_contexts_are_a_constant_and_normal_features():
    environment = build("logistic:coefficients=-1/1/.5;.5/-1/0")
    found, means = map(np.array, zip(*contexts(environment), strict=True))
    assert (found[:, 0] == 1).all()
    for feature in (1, 2):
        assert distributions.kstest(found[:, feature], "norm").pvalue > 1e-3
    np.testing.assert_allclose(means, expit(found @ np.array(environment.coefficients).T))
    assert (environment.arms, environment.dimension, environment.features) == (2, 3, 3)


def test_arms_may_have_features_of_their_own():
    environment = build("linear:coefficients=-1/1/.5,choices=4")
    assert (environment.arms, environment.dimension, environment.features) == (4, 3, 12)
    for context, means in contexts(environment, 20):
        np.testing.assert_allclose(means, context.reshape(4, 3) @ environment.coefficients[0])
    assert distributions.kstest(drawn(environment, 2.0), distributions.norm(2, 1).cdf).pvalue > 1e-3


@pytest.mark.parametrize("wrong", ["0/1", "0/1;2", "0/1;0/2,choices=2"])
def test_coefficients_and_arms_must_fit(wrong):
    with pytest.raises(InvalidInput, match=r"coefficients: the rows|choices: .* given with \d rows of coefficients"):
        build(f"linear:coefficients={wrong}")


@kernel(ADVANCE)
def rising_advance(t, params, _rng, _context, means):
    means[:] = params * t


@kernel(DRAW)
def certain_draw(mean, _arm, _t, _params, _rng):
    return mean


class Rising(Environment):
    """A user's own environment."""

    advance = staticmethod(rising_advance)
    draw = staticmethod(certain_draw)
    rewards: ClassVar[str] = "any"

    name: Literal["rising"] = "rising"
    slopes: tuple[float, ...] = (1.0, 2.0)

    @property
    def arms(self):
        return len(self.slopes)

    def parameters(self):
        return np.array(self.slopes)


def test_a_users_own_environment():
    outcome = simulate("fixed", Rising(), horizon=100, replications=400, seed=1)
    assert abs(outcome.regret[0, :, -1].mean() - 99 * 100 / 4) < 4 * outcome.regret[0, :, -1].std() / 20


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"advance": certain_draw}, r"Mine.advance: .* must be a function with @kernel\(ADVANCE\)"),
        ({"draw": lambda mean: mean}, r"Mine.draw: .* must be a function with @kernel\(DRAW\)"),
        ({"rewards": "positive"}, "Mine.rewards: must be declared as one of binary, unit, count, normal, any"),
        ({"name": "other"}, "Mine.name: must be declared"),
        ({"arms": None}, "Mine.arms: must be defined"),
        ({"parameters": None}, "Mine.parameters: must be defined"),
    ],
)
def test_an_incomplete_environment_is_refused_where_it_is_written(changes, message):
    body = {
        "__annotations__": {"name": Literal["mine"], "rewards": ClassVar[str]},
        "__module__": __name__,
        "name": "mine",
        "rewards": "any",
        "advance": rising_advance,
        "draw": certain_draw,
        "arms": property(lambda _: 2),
        "parameters": lambda _: np.zeros(2),
    }

    def define(**changed):
        fields = {name: value for name, value in (body | changed).items() if value is not None}
        return type("Mine", (Environment,), fields)

    assert define().model_fields["name"].default == "mine"
    with pytest.raises(TypeError, match=message):
        define(**changes)


def test_a_wrong_kernel_is_refused_with_the_expected_parameters():
    def wrong(mean, arm):
        return mean

    with pytest.raises(TypeError, match=r"wrong: parameters \(mean, arm\) given, must be \(mean: float64, arm: int64"):
        kernel(DRAW)(wrong)


def test_environments_are_frozen_and_checked():
    with pytest.raises(ValidationError, match="frozen"):
        Bernoulli(means=(0.1, 0.2)).means = (0.3, 0.4)
    for wrong in ({"means": (0.1,)}, {"means": (0.1, math.nan)}, {"means": (0.1, 2.0)}, {"mean": 1}, {}):
        with pytest.raises(ValidationError):
            Bernoulli(**wrong)


def arrivals(*specs, at=10.0):
    feedback = rows(tuple(spec.build(each, FEEDBACK, "feedback") for each in specs))
    rng = np.random.default_rng(3)
    return np.array([arrival(at, feedback, rng) for _ in range(DRAWS)])


def test_feedback_arrives_when_it_should():
    assert set(arrivals("delayed:steps=7")) == {17}
    assert set(arrivals("batched:size=4")) == {12}
    assert set(arrivals("batched:size=5")) == {10}
    assert set(arrivals("delayed:steps=1", "batched:size=5")) == {15}
    lost = np.isinf(arrivals("missing:probability=.3")).mean()
    assert abs(lost - 0.3) < 4 * math.sqrt(0.21 / DRAWS)
    waited = arrivals("delayed:steps=5,distribution=exponential") - 10
    assert (waited == np.floor(waited)).all()
    assert abs((waited >= 5).mean() - math.exp(-1)) < 4 * math.sqrt(0.25 / DRAWS)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.one_of(st.integers(0, 20), st.none()), max_size=60))
def test_pending_rewards_come_out_in_order(operations):
    entries, order, waiting, expected = np.zeros((2, FIELDS)), np.arange(2), 0, []
    for number, due in enumerate(operations):
        if due is None:
            if not expected:
                continue
            row = pop(entries, order, waiting)
            waiting -= 1
            assert (entries[row, DUE], entries[row, DECIDED]) == min(expected)
            expected.remove(min(expected))
        else:
            if waiting == len(order):
                entries, order = grown(entries, order)
            entries[order[waiting], [DUE, DECIDED]] = due, number
            push(entries, order, waiting)
            waiting += 1
            expected.append((due, number))
        assert sorted(order) == list(range(len(order)))
