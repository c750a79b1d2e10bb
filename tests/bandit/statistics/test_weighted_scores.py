"""Weighted scores from sums, against the same worked out trial by trial."""

import numpy as np
import pytest
from collected import drawn, summed

from bandit.statistics.pair import SHRINKAGE, pair
from bandit.statistics.weighted_scores import weighted

TREATMENT, CONTROL = 2, 0


def predicted(epoch, arm, value, which):
    """The predictions of both arms for every trial, by hand."""
    found = np.empty((epoch.size, 2))
    for trial, now in enumerate(epoch):
        before = epoch < now
        both = np.isin(arm, which)
        pooled = value[before & both].mean() if (before & both).any() else None
        for place, one in enumerate(which):
            mine = value[before & (arm == one)]
            if pooled is None:
                found[trial, place] = value[(epoch == now) & both].mean()
            else:
                found[trial, place] = (mine.sum() + SHRINKAGE * pooled) / (mine.size + SHRINKAGE)
    return found


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("weights", ["common", "uniform", "sqrt", "two_point"])
def test_sums_give_what_trials_give(binary, weights):
    epoch, arm, value, chance = drawn(3, binary=binary)
    which = [TREATMENT, CONTROL]
    epochs = summed(epoch, arm, value, chance, bounds=(0.0, 1.0) if binary else None)
    found = weighted(pair("x", epochs, *which), weights, decay=0.4)
    e = chance[epoch][:, which]
    m = predicted(epoch, arm, value, which)
    drew = arm[:, None] == which
    scores = m + drew * (value[:, None] - m) / e
    share = found.shares[epoch]
    assert share.sum(axis=0) == pytest.approx(np.ones(2))
    if weights == "sqrt":
        np.testing.assert_allclose(share, np.sqrt(e) / np.sqrt(e).sum(axis=0))
    np.testing.assert_allclose(found.values, (share * scores).sum(axis=0))
    effect = found.values[0] - found.values[1]
    # The variance given what each trial's probabilities were, if the arms' means and variances were these.
    means, variances = np.array([0.4, 0.7]), np.array([0.3, 0.2])
    own, common = found.covariance(means, variances)
    expected = np.zeros((2, 2))
    for trial in range(epoch.size):
        one = np.zeros((2, 2))
        for place in (0, 1):
            wrong = m[trial] - means
            hit = wrong.copy()
            hit[place] -= wrong[place] / e[trial, place]
            one += e[trial, place] * np.outer(hit, hit)
            one[place, place] += variances[place] / e[trial, place]
            if place == 1:
                one += (1 - e[trial].sum()) * np.outer(wrong, wrong)
        expected += np.outer(share[trial], share[trial]) * one
    np.testing.assert_allclose(own, np.diag(expected))
    assert common == pytest.approx(expected[0, 1])
    if not binary:
        differences = (share * (scores - found.values)) @ [1.0, -1.0]
        assert found.observed_variance == pytest.approx((differences**2).sum())
        assert found.statistic() == pytest.approx(effect / np.sqrt(max(found.observed_variance, _model(found))))


def _model(found):
    own, common = found.covariance(found.pair.means, found.pair.variance[..., None])
    return own.sum() - 2 * common
