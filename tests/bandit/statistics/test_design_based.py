"""Design-based sequences against sums by hand, and against the formula of confidence sequences."""

import math

import numpy as np
import pytest

from bandit.statistics import confidence_sequences, design_based, score_sequence
from bandit.statistics.comparison import Refused
from bandit.statistics.epochs import Epochs
from bandit.statistics.pair import pair

SIZES = (30, 1, 50, 20)


def drawn(seed=2, sizes=SIZES, effect=0.5):
    rng = np.random.default_rng(seed)
    share = 0.1 + 0.8 * rng.random(len(sizes))
    epoch = np.repeat(np.arange(len(sizes)), sizes)
    arm = (rng.random(epoch.size) < share[epoch]).astype(int)
    value = rng.normal(effect * arm, 1.0 + arm)
    chance = np.stack([1 - share, share], axis=1)
    sums = np.zeros((3, len(sizes), 2))
    for power in range(3):
        np.add.at(sums[power], (epoch, arm), value**power)
    return epoch, arm, value, Epochs(*sums, chance, 0.05)


def test_uniform_weights_are_scores_trial_by_trial():
    epoch, arm, value, epochs = drawn()
    chosen = pair("x", epochs, 1, 0)
    m, e = chosen.predictions[epoch], chosen.probabilities[epoch]
    hit = np.stack([arm == 1, arm == 0], axis=1)
    scores = (m + hit * (value[:, None] - m) / e) @ [1.0, -1.0]
    found = score_sequence.sequence(chosen, "uniform")
    ends = np.cumsum(SIZES)
    np.testing.assert_allclose(found.total, [scores[:end].sum() for end in ends])
    np.testing.assert_allclose(found.deviation, [scores[:end].std() for end in ends])
    rho = design_based.mixture(chosen, 100.0, 0.05, "uniform")
    assert rho == confidence_sequences.best_rho(100.0, 0.05)
    result = design_based.unchecked(epochs, 1, 0, planned=100.0, weights="uniform")
    standardised = scores.sum() / scores.std()
    assert result.statistic == pytest.approx(confidence_sequences.log_likelihood_ratio(standardised, 101.0, rho))
    half = confidence_sequences.boundary(101.0, rho, 0.05) * scores.std() / 101
    assert result.interval == pytest.approx((scores.mean() - half, scores.mean() + half))


def test_information_weights_have_the_variance_of_their_sum():
    epoch, arm, value, epochs = drawn()
    chosen = pair("x", epochs, 1, 0)
    found = score_sequence.sequence(chosen)
    for look in range(1, len(SIZES)):
        until = epoch <= look
        own = [value[until & (arm == one)] for one in (1, 0)]
        means, variances = [each.mean() for each in own], [each.var(ddof=1) for each in own]
        pooled = sum(((each - each.mean()) ** 2).sum() for each in own) / (until.sum() - 2)
        expected = 0.0
        for place in range(look + 1):
            e, w = chosen.probabilities[place], chosen.information[place]
            wrong = chosen.predictions[place] - means
            one = (np.array(variances) / e + wrong**2 * (1 / e - 1)).sum() + 2 * wrong.prod()
            expected += SIZES[place] * w * w * one
        assert found.variance[look] * found.deviation[look] ** 2 == pytest.approx(expected)
        assert found.deviation[look] ** 2 == pytest.approx(pooled)
    evidence = found.log_evidence(0.1, 3.0)[-1]
    standardised = (found.total[-1] - 0.1 * found.weight[-1]) / found.deviation[-1]
    assert not found.usable.any()
    assert evidence == 0.0
    unchecked = score_sequence.sequence(chosen, checked=False).log_evidence(0.1, 3.0)[-1]
    assert unchecked == pytest.approx(confidence_sequences.log_likelihood_ratio(standardised, found.variance[-1], 3.0))


def test_an_even_split_is_the_confidence_sequence_of_two_samples():
    rng = np.random.default_rng(1)
    n = 20_000.0
    epochs = Epochs.of_conversions(
        np.array([[n, n]]), np.array([[rng.binomial(n, 0.3), rng.binomial(n, 0.32)]]), np.full((1, 2), 0.5), floor=0.5
    )
    found = design_based.compare(epochs, 1, 0, planned=2 * n)
    samples = [confidence_sequences.Sample.of_sums(n, epochs.totals[0, arm], epochs.totals[0, arm]) for arm in (1, 0)]
    expected = confidence_sequences.compare(*samples, planned=2 * n)
    assert found.effect == pytest.approx(expected.effect, rel=1e-3)
    assert found.interval == pytest.approx(expected.interval, rel=1e-3)
    assert found.p_value == pytest.approx(expected.p_value, rel=2e-2)


def test_p_values_only_fall():
    _, _, _, epochs = drawn(sizes=(400,) * 12, effect=0.3)
    found = [design_based.compare(epochs.first(look), 1, 0).p_value for look in range(3, 13)]
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.01
    mirrored = design_based.compare(epochs, 0, 1)
    assert mirrored.p_value == pytest.approx(found[-1])


def test_it_refuses_by_name():
    _, _, _, epochs = drawn()
    with pytest.raises(Refused, match="trials by now, fewer than 50; use more trials"):
        design_based.compare(epochs, 1, 0)
    conversions = Epochs.of_conversions(epochs.trials, 0.0 * epochs.trials, epochs.probabilities, floor=0.05)
    with pytest.raises(Refused, match="fewer than 20; use wagers"):
        design_based.compare(conversions, 1, 0)
    with pytest.raises(Refused, match="neither arm vary"):
        design_based.unchecked(conversions, 1, 0)
    with pytest.raises(Refused, match="without a floor"):
        design_based.compare(Epochs(epochs.trials, epochs.totals, epochs.squares, epochs.probabilities, 0.0), 1, 0)
    with pytest.raises(ValueError, match="0 given, must be above 0"):
        design_based.unchecked(epochs, 1, 0, planned=0.0)
    assert math.isfinite(design_based.unchecked(epochs, 1, 0).effect)
