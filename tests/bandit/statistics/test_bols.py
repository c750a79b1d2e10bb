"""Batched ordinary least squares against its formula, and against a test of one batch."""

import numpy as np
import pytest
from scipy import stats

from bandit.statistics import bols
from bandit.statistics.comparison import Refused
from bandit.statistics.epochs import Epochs
from bandit.statistics.pair import pair


def values(seed, sizes, sd=2.0):
    rng = np.random.default_rng(seed)
    drawn = [[rng.normal(0.3 * arm, sd, number) for arm, number in enumerate(batch)] for batch in sizes]
    sums = np.array([[[part.size, part.sum(), (part**2).sum()] for part in batch] for batch in drawn])
    chance = np.array(sizes) / np.sum(sizes, axis=1, keepdims=True)
    return drawn, Epochs(sums[..., 0], sums[..., 1], sums[..., 2], chance, floor=0.05)


def test_it_is_the_formula_of_the_paper():
    sizes = [(60, 40), (80, 120), (20, 280)]
    drawn, epochs = values(1, sizes)
    found = bols.unchecked(epochs, 1, 0)
    within = np.concatenate([part - part.mean() for batch in drawn for part in batch])
    sigma = np.sqrt((within**2).sum() / (within.size - 2 * len(sizes)))
    weights = [np.sqrt(a * b / (a + b)) for a, b in sizes]
    differences = [batch[1].mean() - batch[0].mean() for batch in drawn]
    z = np.dot(weights, differences) / (sigma * np.sqrt(len(sizes)))
    assert found.statistic == pytest.approx(z)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(z)))
    assert found.effect == pytest.approx(np.dot(weights, differences) / np.sum(weights))
    reach = stats.norm.ppf(0.975) * sigma * np.sqrt(len(sizes)) / np.sum(weights)
    assert found.interval == pytest.approx((found.effect - reach, found.effect + reach))
    batches = bols.batches(pair("x", epochs, 1, 0))
    for end, sign in zip(found.interval, (1, -1), strict=True):
        assert batches.statistic(end) == pytest.approx(sign * stats.norm.ppf(0.975))


def test_one_batch_of_conversions_is_the_pooled_z_test():
    trials, successes = np.array([[1000.0, 400.0]]), np.array([[120.0, 66.0]])
    epochs = Epochs.of_conversions(trials, successes, np.array([[0.7, 0.3]]), floor=0.1)
    expected = stats.chi2_contingency([[120, 880], [66, 334]], correction=False).pvalue
    assert bols.compare(epochs, 1, 0).p_value == pytest.approx(expected)
    assert bols.compare(epochs, 1, 0, alternative="greater").p_value == pytest.approx(expected / 2)
    assert bols.compare(epochs, 0, 1, alternative="less").p_value == pytest.approx(expected / 2)


def test_a_batch_without_an_arm_is_left_out():
    _, epochs = values(2, [(60, 40), (50, 50)])
    trials = np.concatenate([epochs.trials, [[70.0, 0.0]]])
    padded = [np.concatenate([array, [[7.0, 0.0]]]) for array in (epochs.totals, epochs.squares)]
    more = Epochs(trials, *padded, np.concatenate([epochs.probabilities, [[0.9, 0.1]]]), floor=0.05)
    found, without = (bols.batches(pair("x", each, 1, 0)) for each in (more, epochs))
    assert found.used == without.used == 2
    assert found.effect == without.effect


def test_small_batches_are_refused():
    trials, chance = np.ones((50, 2)), np.full((50, 2), 0.5)
    tiny = Epochs.of_conversions(trials, trials * np.array([[1.0, 0.0]]), chance, floor=0.5)
    with pytest.raises(Refused, match="a batch, fewer than 5; use aipw, which needs no"):
        bols.compare(tiny, 1, 0)
    with pytest.raises(Refused, match="expects 1 trials a batch"):
        bols.compare(Epochs(trials, trials, trials, chance, 0.5), 1, 0)
    with pytest.raises(Refused, match="without a floor"):
        bols.compare(Epochs(trials, trials, trials, chance, 0.0), 1, 0)
    single = np.tile(np.eye(2), (25, 1))
    with pytest.raises(Refused, match="in no epoch were both arms drawn"):
        bols.unchecked(Epochs.of_conversions(single, single, chance, floor=0.5), 1, 0)
    with pytest.raises(Refused, match="do not vary"):
        bols.unchecked(Epochs.of_conversions(trials, trials, chance, floor=0.5), 1, 0)
