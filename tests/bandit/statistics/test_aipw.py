"""The test of weighted scores: its interval, its refusals, its extremes."""

import numpy as np
import pytest
from collected import drawn, summed
from scipy import stats

from bandit.statistics import aipw
from bandit.statistics.comparison import Refused
from bandit.statistics.epochs import Epochs
from bandit.statistics.pair import pair
from bandit.statistics.weighted_scores import weighted


def test_one_even_epoch_is_the_pooled_z_test():
    trials, successes = np.array([[400.0, 400.0]]), np.array([[40.0, 62.0]])
    epochs = Epochs.of_conversions(trials, successes, np.array([[0.5, 0.5]]), floor=0.5)
    found = aipw.compare(epochs, 1, 0)
    table = [[40, 360], [62, 338]]
    assert found.p_value == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue, rel=2e-2)
    assert found.effect == pytest.approx(22 / 400)
    assert found.relative_effect == pytest.approx(22 / 40, rel=1e-6)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize("binary", [True, False])
def test_the_interval_has_what_the_test_does_not_reject(binary, alternative):
    sizes = (300, 300, 300)
    epochs = summed(*drawn(8, binary=binary, sizes=sizes), bounds=(0.0, 1.0) if binary else None)
    found = aipw.compare(epochs, 1, 0, alternative=alternative, alpha=0.1)
    chosen = weighted(pair("x", epochs, 1, 0))
    limit = stats.norm.ppf(1 - 0.1 / (2 if alternative == "two-sided" else 1))
    for end, sign in zip(found.interval, (1, -1), strict=True):
        if np.isfinite(end):
            assert chosen.statistic(end) == pytest.approx(sign * limit, rel=1e-6)
    assert found.interval[0] < found.effect < found.interval[1]
    swapped = {"two-sided": "two-sided", "greater": "less", "less": "greater"}[alternative]
    mirrored = aipw.compare(epochs, 0, 1, alternative=swapped, alpha=0.1)
    assert mirrored.p_value == pytest.approx(found.p_value)
    assert mirrored.interval == pytest.approx((-found.interval[1], -found.interval[0]))


def test_a_metric_with_an_origin():
    epoch, arm, value, chance = drawn(8, binary=False, sizes=(300, 300))
    plain = aipw.compare(summed(epoch, arm, value + 100.0, chance), 1, 0)
    about = aipw.compare(summed(epoch, arm, value, chance, origin=100.0), 1, 0)
    assert about.effect == pytest.approx(plain.effect)
    assert about.relative_effect == pytest.approx(plain.relative_effect)
    assert about.relative_interval == pytest.approx(plain.relative_interval, rel=1e-6)
    assert about.p_value == pytest.approx(plain.p_value)


def test_it_refuses_by_name():
    epoch, arm, value, chance = drawn(3, binary=True)
    with pytest.raises(Refused, match=r"floor of 0.05 expects .* fewer than 5; use rerandomisation or wagers"):
        aipw.compare(summed(epoch, arm, value, chance, bounds=(0.0, 1.0)), 1, 0)
    with pytest.raises(Refused, match=r"expects .* trials by now, fewer than 30; use rerandomisation, which is exact"):
        aipw.compare(summed(epoch, arm, value, chance), 1, 0)
    with pytest.raises(Refused, match="without a floor"):
        aipw.compare(summed(epoch, arm, value, chance, floor=0.0), 1, 0)
    assert aipw.unchecked(summed(epoch, arm, value, chance, floor=0.0), 1, 0).p_value is not None
    with pytest.raises(Refused, match="neither arm vary"):
        aipw.unchecked(summed(epoch, arm, np.ones_like(value), chance), 1, 0)
    with pytest.raises(ValueError, match="weights: 'best' given"):
        aipw.unchecked(summed(epoch, arm, value, chance), 1, 0, weights="best")
    with pytest.raises(ValueError, match="decay: 1 given"):
        aipw.unchecked(summed(epoch, arm, value, chance), 1, 0, weights="two_point", decay=1.0)


def test_it_is_refused_by_what_does_not_depend_on_the_draws():
    """Other draws of the same outcomes, and so another effect, are refused or not all the same."""
    trials, successes = np.array([[900.0, 100.0]]), np.array([[90.0, 10.0]])
    chance = np.array([[0.9, 0.1]])
    same = Epochs.of_conversions(trials, successes, chance, floor=0.1)
    other = Epochs.of_conversions(trials, np.array([[100.0, 0.0]]), chance, floor=0.1)
    assert pair("x", same, 1, 0).expected == pair("x", other, 1, 0).expected == pytest.approx(10.0)


def test_no_success_all_successes_and_an_arm_that_joined_later():
    trials, chance = np.array([[5e3, 5e3], [9e3, 1e3]]), np.array([[0.5, 0.5], [0.9, 0.1]])
    for share in (0.0, 1.0):
        found = aipw.unchecked(Epochs.of_conversions(trials, share * trials, chance, floor=0.1), 1, 0)
        assert (found.effect, found.p_value) == (pytest.approx(0.0), 1.0)
        assert found.interval[0] <= 0.0 <= found.interval[1]
    joined = Epochs.of_conversions(
        np.array([[1000.0, 0.0], [500.0, 500.0]]),
        np.array([[900.0, 0.0], [100.0, 150.0]]),
        np.array([[1.0, 0.0], [0.5, 0.5]]),
        floor=0.05,
    )
    assert aipw.compare(joined, 1, 0).effect == pytest.approx(0.1)
    with pytest.raises(Refused, match="no epoch in which both arms"):
        aipw.compare(joined.first(1), 1, 0)
    with pytest.raises(ValueError, match="treatment: 2 given, must be 0 to 1"):
        aipw.compare(joined, 2, 0)
    with pytest.raises(ValueError, match="0 given for both"):
        aipw.compare(joined, 0, 0)


def test_enormous_numbers():
    scale = 1e12
    epochs = Epochs.of_conversions(
        np.array([[scale, scale], [1.9 * scale, 0.1 * scale]]),
        np.array([[0.1 * scale, 0.11 * scale], [0.19 * scale, 0.011 * scale]]),
        np.array([[0.5, 0.5], [0.95, 0.05]]),
        floor=0.05,
    )
    found = aipw.compare(epochs, 1, 0)
    assert found.effect == pytest.approx(0.01)
    assert found.p_value == 0.0
    assert np.isfinite(found.statistic)


def test_an_interval_that_ends_at_almost_nothing():
    trials, totals = np.array([[3.2e11, 2.8e11]]), np.array([[0.42, 0.48]])
    epochs = Epochs.of_conversions(trials, totals, np.array([[0.5, 0.5]]), floor=0.0)
    found = aipw.unchecked(epochs, 1, 0)
    assert found.interval[0] < found.effect < found.interval[1] < 1e-10
