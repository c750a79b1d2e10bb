"""Conjugate updates against their definitions and scipy."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bandit.statistics import conjugate
from bandit.statistics.comparison import Refused
from bandit.statistics.conjugate import NormalInverseGamma
from bandit.statistics.posteriors import Beta, Gamma
from bandit.statistics.sample import Sample
from bandit.statistics.student import Student
from policies import ThompsonNormal

NONE = Sample.of([])


def test_counts_are_added_to_the_prior():
    assert conjugate.beta(Sample.of([1, 0, 0, 1]), Beta(2, 3)) == Beta(4, 5)
    assert conjugate.gamma(Sample.of([3, 0, 2]), Gamma(2, 0.5)) == Gamma(7, 3.5)


def test_without_values_there_is_the_prior():
    assert conjugate.beta(NONE) == Beta(1, 1)
    assert conjugate.gamma(NONE) == Gamma(1, 1)
    prior = NormalInverseGamma(3, 2, 1.5, 4)
    assert prior.updated(NONE) == prior


def test_all_and_no_events():
    assert conjugate.beta(Sample.of([1.0] * 5)) == Beta(6, 1)
    assert conjugate.beta(Sample(1e12, 0.0, 0.0)) == Beta(1, 1e12 + 1)
    assert conjugate.beta(Sample(3, 1 + 1e-15, 0.0)) == Beta(4, 1)


def test_the_reference_prior_gives_the_interval_of_a_t_test():
    values = np.random.default_rng(1).normal(5, 2, 12)
    posterior = conjugate.normal(Sample.of(values))
    expected = stats.t.interval(0.95, 11, values.mean(), stats.sem(values))
    assert (posterior.quantile(0.025), posterior.quantile(0.975)) == pytest.approx(expected, rel=1e-12)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=1, max_size=10), st.lists(st.floats(-100, 100), min_size=1, max_size=10))
def test_one_update_or_two(first, second):
    prior = NormalInverseGamma(1.0, 2.0, 3.0, 4.0)
    twice = prior.updated(Sample.of(first)).updated(Sample.of(second))
    once = prior.updated(Sample.of(first + second))
    for name in ("mean", "count", "shape", "rate"):
        assert getattr(twice, name) == pytest.approx(getattr(once, name), rel=1e-9, abs=1e-9)


def test_the_normal_posterior_is_the_product_of_prior_and_likelihood():
    """On a grid of means and variances, by the definition of the prior."""
    prior, values = NormalInverseGamma(0.5, 2.0, 3.0, 1.5), np.array([0.2, 1.1, 0.9, -0.4])
    mean = np.linspace(-3, 4, 1401)[:, None]
    variance = np.exp(np.linspace(-6, 6, 1501))[None, :]
    log = stats.invgamma.logpdf(variance, prior.shape, scale=prior.rate) + np.log(variance)
    log = log + stats.norm.logpdf(mean, prior.mean, np.sqrt(variance / prior.count))
    for value in values:
        log = log + stats.norm.logpdf(value, mean, np.sqrt(variance))
    density = np.exp(log - log.max()).sum(axis=1)
    density /= density.sum() * (mean[1, 0] - mean[0, 0])
    posterior = conjugate.normal(Sample.of(values), prior)
    np.testing.assert_allclose(posterior.density(mean[:, 0]), density, atol=2e-6)


def test_an_empirical_prior_gives_every_variant_a_posterior():
    samples = [Sample.of([1.0, 2.0, 3.0]), NONE, Sample.of([10.0])]
    prior = conjugate.empirical(samples)
    assert (prior.mean, prior.count, prior.shape) == (4.0, 1.0, 1.0)
    assert prior.rate == pytest.approx(np.var([1, 2, 3, 10], ddof=1))
    assert conjugate.normal(NONE, prior) == Student(4.0, math.sqrt(prior.rate), 2.0)


def test_the_empirical_prior_is_that_of_the_policy():
    """With one variant's worth of variance, ThompsonNormal's mean and noise."""
    rng = np.random.default_rng(2)
    values = [rng.normal(0, 1, 400), rng.normal(0.1, 1, 400)]
    samples = [Sample.of(v) for v in values]
    policy = ThompsonNormal()
    state = np.array([[v.size, v.sum(), (v**2).sum(), 0.0] for v in values])
    weights = np.empty(2)
    policy.weights(state, np.empty(0), 800.0, policy.parameters(np.array([0.5, 0.5])), weights)
    prior = conjugate.empirical(samples)
    from bandit.statistics.ranking import best

    np.testing.assert_allclose(best([conjugate.normal(s, prior) for s in samples]), weights, atol=2e-3)


@pytest.mark.parametrize("values", [[], [3.0]])
def test_the_reference_prior_needs_two_values(values):
    with pytest.raises(Refused, match="the sample has fewer than 2 values"):
        conjugate.normal(Sample.of(values))


def test_an_empirical_prior_needs_two_values():
    with pytest.raises(Refused, match="there are 1 values in all"):
        conjugate.empirical([Sample.of([1.0]), NONE])


def test_values_that_are_all_equal_leave_a_point():
    assert conjugate.normal(Sample.of([2.0, 2.0, 2.0])).width == 0.0


def test_means_out_of_range():
    with pytest.raises(ValueError, match=r"sample.mean: 1.5 given, must lie from 0 to 1"):
        conjugate.beta(Sample(2, 1.5, 0))
    with pytest.raises(ValueError, match=r"sample.mean: -1 given, must be 0 or more"):
        conjugate.gamma(Sample(2, -1.0, 0))
