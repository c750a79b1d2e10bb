"""Weights of epochs against those of the paper."""

import numpy as np
import pytest
from collected import SIZES, drawn, summed

from bandit.statistics.pair import pair
from bandit.statistics.weighted_scores import weighted


def test_two_point_is_that_of_the_paper_for_single_trials():
    epoch, arm, value, chance = drawn(5, binary=True, sizes=(1,) * 200)
    found = weighted(pair("x", summed(epoch, arm, value, chance, bounds=(0.0, 1.0)), 1, 0), "two_point", decay=0.7)
    e, horizon = chance[:, 1], 200
    t = np.arange(1.0, horizon + 1)
    # Hadad et al. 2021, with the sum over later trials as an integral.
    fading = t**0.3 - (t - 1) ** 0.3
    rate = e / (horizon - t + 1) + (1 - e) * fading / (horizon**0.3 - (t - 1) ** 0.3)
    weight, left = np.empty(horizon), 1.0
    for place in range(horizon):
        weight[place] = np.sqrt(left * rate[place] * e[place])
        left *= 1 - rate[place]
    assert left == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(found.shares[:, 0], weight / weight.sum())


def test_without_decay_two_point_is_sqrt():
    epochs = summed(*drawn(1, binary=True), bounds=(0.0, 1.0))
    both = [weighted(pair("x", epochs, 1, 0), name).shares for name in ("two_point", "sqrt")]
    used = np.array(SIZES) > 0
    np.testing.assert_allclose(both[0][used], both[1][used])


@pytest.mark.parametrize("weights", ["common", "two_point"])
def test_weights_were_decided_before_their_epoch(weights):
    """What later epochs' trials earn, and which arms they get, changes nothing; how many there are may."""
    epoch, arm, value, chance = drawn(2, binary=True, sizes=(50,) * 6)
    other = np.where(epoch >= 3, 1 - value, value), np.where(epoch >= 3, arm[::-1], arm)
    first = weighted(pair("x", summed(epoch, arm, value, chance), 1, 0), weights, decay=0.5).shares
    again = weighted(pair("x", summed(epoch, other[1], other[0], chance), 1, 0), weights, decay=0.5).shares
    np.testing.assert_allclose(first, again)
    # Other probabilities from the fourth epoch on leave the proportions of the first three as they are.
    moved = chance.copy()
    moved[3:] = chance[3:][:, ::-1]
    last = weighted(pair("x", summed(epoch, arm, value, moved), 1, 0), weights, decay=0.5).shares
    np.testing.assert_allclose(first[:3] / first[0], last[:3] / last[0])


def test_common_weights_weigh_both_arms_alike_and_even_epochs_more():
    epoch, arm, value, chance = drawn(2, binary=True, arms=2, sizes=(50,) * 4)
    chance[:] = [[0.5, 0.5], [0.7, 0.3], [0.9, 0.1], [0.95, 0.05]]
    shares = weighted(pair("x", summed(epoch, arm, value, chance), 1, 0)).shares
    np.testing.assert_array_equal(shares[:, 0], shares[:, 1])
    assert (np.diff(shares[:, 0]) < 0).all()
