"""Simulated experiments are those of the policy, whoever computes them."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bandit.statistics.mechanism import Mechanism
from policies import Fixed, ThompsonBeta
from simulations.collection import Collection, collect, one


def test_blocks_and_threads_change_nothing():
    collection = Collection(Mechanism.even(ThompsonBeta(), 2, 0.05), (20,) * 5, np.array([[0.3, 0.5]]))
    with ThreadPoolExecutor(2) as threads:
        found = collect(collection, 130, 3, threads)
    assert found.trials.shape == (130, 5, 2)
    assert (found.trials.sum(axis=-1) == 20).all()
    alone = collection.play(3, 110, 130)
    np.testing.assert_array_equal(found.totals[110:], alone.totals)
    np.testing.assert_array_equal(one(found, 115).probabilities, alone.probabilities[5])
    assert found.floor == alone.floor == 0.05
    # The better arm is drawn more and more often, and the first epoch evenly.
    share = found.probabilities[..., 1].mean(axis=0)
    assert share[0] == pytest.approx(0.5)
    assert (np.diff(share) > 0).all()


def test_rates_may_change_from_epoch_to_epoch():
    means = np.array([[0.1, 0.2], [0.8, 0.9]])
    collection = Collection(Mechanism.even(Fixed(), 2), (4000, 4000), means)
    found = collection.play(1, 0, 3)
    np.testing.assert_allclose((found.totals / found.trials).mean(axis=0), means, atol=0.02)
    assert collection.trials == 8000
