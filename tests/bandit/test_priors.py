"""Priors of past experiments, against scipy's beta-binomial and negative binomial distributions."""

import numpy as np
import pytest
from scipy import optimize, stats

from bandit import Engine, InvalidInput, priors
from policies import ThompsonBeta, ThompsonGamma


def past(count, draw, seed):
    rng = np.random.default_rng(seed)
    return [(float(n), float(draw(rng, n))) for n in rng.integers(200, 2000, count)]


def test_the_prior_is_the_one_that_the_rates_were_drawn_from():
    arms = past(3000, lambda rng, n: rng.binomial(n, rng.beta(4, 76)), 1)
    assert priors.beta(arms) == pytest.approx((4, 76), rel=0.08)
    arms = past(3000, lambda rng, n: rng.poisson(n * rng.gamma(3, 1 / 6)), 2)
    assert priors.gamma(arms) == pytest.approx((3, 6), rel=0.08)


def test_nothing_makes_the_past_more_likely():
    arms = past(12, lambda rng, n: rng.binomial(n, rng.beta(2, 18)), 3)
    n, s = np.array(arms).T
    found = priors.beta(arms)
    best = optimize.minimize(
        lambda x: -stats.betabinom.logpmf(s, n, *np.exp(x)).sum(), np.zeros(2), method="Nelder-Mead"
    )
    assert found == pytest.approx(np.exp(best.x), rel=1e-2)
    arms = past(12, lambda rng, n: rng.poisson(n * rng.gamma(2, 1 / 4)), 4)
    n, s = np.array(arms).T
    best = optimize.minimize(
        lambda x: -stats.nbinom.logpmf(s, np.exp(x[0]), 1 / (1 + n / np.exp(x[1]))).sum(),
        np.zeros(2),
        method="Nelder-Mead",
    )
    assert priors.gamma(arms) == pytest.approx(np.exp(best.x), rel=1e-2)


def test_variants_that_do_not_differ_make_no_certainty():
    successes, failures = priors.beta([(1000.0, 100.0)] * 8)
    assert successes + failures == pytest.approx(1000.0)
    assert successes / (successes + failures) == pytest.approx(0.1, rel=1e-2)


@pytest.mark.parametrize("arms", [[(50.0, 0.0)] * 5, [(50.0, 50.0)] * 5, [(1.0, 0.0)] * 3 + [(1.0, 1.0)]])
def test_the_ends_have_a_prior(arms):
    successes, failures = priors.beta(arms)
    assert min(successes, failures) > 0.0
    shape, rate = priors.gamma(arms)
    assert min(shape, rate) > 0.0


def played(engine, key, metric, values, *, over=True):
    engine.create({"key": key, "variants": [{"key": "a"}, {"key": "b"}], "metrics": [metric], "sticky": False})
    engine.start(key)
    for value in values:
        engine.reward(engine.choose(key).id, value)
    if over:
        engine.complete(key)


def test_an_engine_learns_from_what_is_over():
    with Engine(seed=1) as engine:
        rng = np.random.default_rng(5)
        for number in range(3):
            played(engine, f"c{number}", {"key": "buy"}, rng.binomial(1, 0.1, 200).astype(float))
            played(engine, f"n{number}", {"key": "clicks", "type": "count"}, rng.poisson(2.0, 50).astype(float))
        played(engine, "on", {"key": "buy"}, [1.0] * 200, over=False)
        prior = engine.prior("buy")
        assert isinstance(prior, ThompsonBeta)
        assert prior.prior_successes / (prior.prior_successes + prior.prior_failures) == pytest.approx(0.1, abs=0.03)
        assert isinstance(engine.prior("clicks"), ThompsonGamma)
        engine.create(
            {"key": "next", "variants": [{"key": "a"}, {"key": "b"}], "metrics": [{"key": "buy"}], "policy": prior}
        )
        assert engine.get("next").policy == prior


def test_too_little_is_said_to_be_too_little():
    with Engine(seed=1) as engine:
        played(engine, "once", {"key": "buy"}, [0.0, 1.0])
        with pytest.raises(InvalidInput, match="needs 4 variants"):
            engine.prior("buy")
        with pytest.raises(InvalidInput, match="there are 0"):
            engine.prior("buy", owner="somebody")


def test_another_kind_of_metric_has_none():
    with Engine(seed=1) as engine:
        for number in range(4):
            played(engine, f"m{number}", {"key": "euros", "type": "continuous"}, [1.0, 2.0, 3.0] * 5)
        with pytest.raises(InvalidInput, match="continuous"):
            engine.prior("euros")
