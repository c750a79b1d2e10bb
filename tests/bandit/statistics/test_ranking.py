"""Probabilities of being best and expected losses against closed forms and scipy's adaptive quadrature."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from bandit.statistics import ranking
from bandit.statistics.posteriors import Beta, Gamma
from bandit.statistics.ranking import best, expected_losses
from bandit.statistics.student import Student


def powers(low, high):
    return st.floats(low, high).map(lambda exponent: 10**exponent)


def exceeds(c, d, a, b):
    """P(Beta(c, d) > Beta(a, b)) for whole c, as a finite sum."""
    i = np.arange(c)
    terms = special.betaln(a + i, b + d) - np.log(d + i) - special.betaln(1 + i, d) - special.betaln(a, b)
    return np.exp(terms).sum()


def loss_of(chosen, other):
    """E[max(0, other - chosen)] for Beta posteriors: x times a Beta density is a Beta density."""
    (c, d), (a, b) = chosen, other
    return a / (a + b) * exceeds(a + 1, b, c, d) - c / (c + d) * exceeds(a, b, c + 1, d)


def test_reference():
    """The first digits as published with the project; all of them from a sum of 40 digits."""
    first, second = expected_losses([Beta(121, 881), Beta(151, 851)])
    assert (first, second) == pytest.approx((3.0084297616e-2, 1.4417785522e-4), rel=1e-8)
    assert first == pytest.approx(0.03008429761559087464855855643756861, abs=1e-14)
    assert second == pytest.approx(0.0001441778551118327323908917669099, abs=1e-14)
    np.testing.assert_allclose(best([Beta(121, 881), Beta(151, 851)]), [0.0249321632, 0.9750678368], atol=6e-11)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 300), st.integers(1, 300))
def test_two_betas_in_closed_form(a, b, c, d):
    losses = expected_losses([Beta(a, b), Beta(c, d)])
    assert losses == pytest.approx([loss_of((a, b), (c, d)), loss_of((c, d), (a, b))], abs=1e-11)
    decrease = expected_losses([Beta(b, a), Beta(d, c)], "decrease")
    assert decrease == pytest.approx(losses, abs=1e-13)
    np.testing.assert_allclose(best([Beta(b, a), Beta(d, c)], "decrease"), best([Beta(a, b), Beta(c, d)]), atol=1e-13)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.floats(-3, 3), powers(-6, 6), powers(-6, 6))
def test_two_normals_in_closed_form(difference, first, second):
    sd = np.hypot(first, second)
    z = difference / sd
    loss = sd * stats.norm.pdf(z) - difference * stats.norm.sf(z)
    losses = expected_losses([Student(difference, first), Student(0.0, second)])
    assert losses == pytest.approx([loss, loss + difference], abs=1e-10 * sd)
    losses = expected_losses([Student(difference, first), Student(0.0, second)], "decrease")
    assert losses == pytest.approx([loss + difference, loss], abs=1e-10 * sd)


def by_quadrature(distributions, arm, sign):
    """P(best) and loss of one variant, integrated piece by piece between quantiles of all."""
    others = [one for place, one in enumerate(distributions) if place != arm]
    levels = np.array([1e-15, 1e-12, 1e-9, 1e-7, 1e-5, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.2, 0.35, 0.5])
    points = np.concatenate([quantile(levels) for one in distributions for quantile in (one.ppf, one.isf)])

    def beaten(x):
        return np.prod([one.cdf(x) if sign > 0 else one.sf(x) for one in others], axis=0)

    def lost(x):
        own = distributions[arm].cdf(x) if sign > 0 else distributions[arm].sf(x)
        return own * (1 - beaten(x))

    share = loss = 0.0
    for left, right in itertools.pairwise(np.unique(points)):
        share += integrate.fixed_quad(lambda x: distributions[arm].pdf(x) * beaten(x), left, right, n=30)[0]
        loss += integrate.fixed_quad(lost, left, right, n=30)[0]
    return share, loss


@pytest.mark.parametrize("goal", ["increase", "decrease"])
@pytest.mark.parametrize(
    ("posteriors", "distributions"),
    [
        (
            [Beta(3, 40), Beta(5, 300), Beta(1, 1)],
            [stats.beta(3, 40), stats.beta(5, 300), stats.beta(1, 1)],
        ),
        (
            [Gamma(3, 10), Gamma(500, 1000), Gamma(1, 1)],
            [stats.gamma(3, scale=0.1), stats.gamma(500, scale=1e-3), stats.gamma(1)],
        ),
        (
            [Student(0, 1, 6), Student(0.5, 0.1, 30), Student(-1, 2, 9)],
            [stats.t(6, 0, 1), stats.t(30, 0.5, 0.1), stats.t(9, -1, 2)],
        ),
    ],
)
def test_three_of_mixed_widths(posteriors, distributions, goal):
    sign = 1 if goal == "increase" else -1
    expected = [by_quadrature(distributions, arm, sign) for arm in range(3)]
    np.testing.assert_allclose(best(posteriors, goal), [share for share, _ in expected], atol=2e-9)
    np.testing.assert_allclose(expected_losses(posteriors, goal), [loss for _, loss in expected], atol=1e-8)


@pytest.mark.parametrize("arms", [2, 10, 100])
def test_losses_differ_as_the_means_do(arms):
    """The loss of one less that of another is the difference of the means: what all have in common cancels."""
    rng = np.random.default_rng(arms)
    trials = 10 ** rng.uniform(0, 12, arms)
    rates = rng.uniform(0.04, 0.06, arms)
    families = [
        [Beta(1 + n * p, 1 + n * (1 - p)) for n, p in zip(trials, rates, strict=True)],
        [Gamma(1 + n * p, 1 + n) for n, p in zip(trials, rates, strict=True)],
        [Student(p, 1 / np.sqrt(n), n + 2) for n, p in zip(trials, rates, strict=True)],
    ]
    for posteriors in families:
        for goal, sign in (("increase", 1.0), ("decrease", -1.0)):
            losses = np.array(expected_losses(posteriors, goal))
            means = sign * np.array([one.mean for one in posteriors])
            scale = max(one.variance for one in posteriors) ** 0.5
            scale = min(scale, 1.0)
            np.testing.assert_allclose(losses - losses[0], means[0] - means, atol=1e-9 * scale)
            assert (losses >= 0).all()
            assert best(posteriors, goal).sum() == pytest.approx(1, abs=1e-13)


def test_few_degrees_of_freedom():
    losses = expected_losses([Student(0, 1, 2), Student(0.1, 0.5, 3)])
    assert losses[0] - losses[1] == pytest.approx(0.1, abs=1e-10)
    # E|T| / 2 of the difference, by scipy, with both tails.
    expected = integrate.quad(
        lambda x: stats.t.cdf(x, 2) * stats.t.sf(x, 3, 0.1, 0.5), -np.inf, np.inf, epsabs=1e-12, limit=500
    )[0]
    assert losses[0] == pytest.approx(expected, abs=1e-8)


def test_without_a_mean_there_is_no_loss():
    posteriors = [Student(0, 1, 1), Student(1, 1, 5)]
    assert expected_losses(posteriors) == [None, None]
    assert best(posteriors).sum() == pytest.approx(1)


def test_cauchy_in_closed_form():
    """The difference of two standard Cauchy variables is one of width 2."""
    assert best([Student(1, 1, 1), Student(0, 1, 1)])[0] == pytest.approx(stats.cauchy.cdf(1, 0, 2), abs=1e-9)


def test_the_panels_give_what_the_policies_do():
    posteriors = [Beta(11, 91), Beta(21, 83), Beta(31, 91), Beta(51, 81)]
    expected = [1.611863334e-7, 8.048292560e-4, 1.142867156e-2, 0.9877663380]
    np.testing.assert_allclose(best(posteriors), expected, rtol=4e-10, atol=1e-15)
    np.testing.assert_allclose(ranking._integrated(posteriors, "increase"), best(posteriors), atol=1e-15)


@pytest.mark.parametrize("posterior", [Beta(0.05, 0.05), Beta(1e12, 1), Gamma(0.3, 7), Student(5, 2, 3), Student(5, 0)])
@pytest.mark.parametrize("arms", [1, 2, 100])
def test_identical_variants_share_evenly(posterior, arms):
    np.testing.assert_allclose(best([posterior] * arms), 1 / arms, rtol=1e-9)
    losses = expected_losses([posterior] * arms)
    assert losses == pytest.approx([losses[0]] * arms, abs=1e-12)
    if arms == 1 or posterior.variance == 0:
        assert losses[0] == pytest.approx(0, abs=1e-12)


def test_points_among_others():
    posteriors = [Student(0, 0, 5), Student(0, 0, 3), Student(-1, 0, 3), Student(0, 1, 3)]
    np.testing.assert_allclose(best(posteriors), [0.25, 0.25, 0, 0.5], atol=1e-12)
    mean_of_positive = integrate.quad(lambda x: stats.t.sf(x, 3), 0, np.inf)[0]
    assert expected_losses(posteriors) == pytest.approx(
        [mean_of_positive] * 2 + [mean_of_positive + 1, mean_of_positive]
    )


@pytest.mark.parametrize(("posteriors", "named"), [([Beta(1, 1), Gamma(1, 1)], "Beta, Gamma"), ([], "none")])
def test_one_family(posteriors, named):
    for function in (best, expected_losses):
        with pytest.raises(TypeError, match=f"posteriors: {named} given, must be of one family"):
            function(posteriors)
