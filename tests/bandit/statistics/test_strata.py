"""Post-stratification against a regression with all interactions."""

import numpy as np
import pytest
import statsmodels.api as sm

from bandit.statistics.comparison import Refused
from bandit.statistics.means import welch
from bandit.statistics.sample import Sample
from bandit.statistics.strata import post_stratified


def drawn(seed, size=300):
    random = np.random.default_rng(seed)
    stratum, arm = random.integers(0, 3, size), random.integers(0, 2, size)
    return stratum, arm, random.normal(3.0 * stratum + 0.5 * arm * (stratum == 1), 1 + 0.3 * stratum)


def by_stratum(stratum, values):
    return {f"s{key}": Sample.of(values[stratum == key]) for key in range(3)}


def test_against_regression():
    stratum, arm, values = drawn(1)
    treatment, control = (by_stratum(stratum[arm == side], values[arm == side]) for side in (1, 0))
    ours = post_stratified(treatment, control)
    centred = np.array([stratum == key for key in (1, 2)], float).T
    centred -= centred.mean(axis=0)
    design = np.column_stack([np.ones(len(arm)), arm, centred, centred * arm[:, None]])
    theirs = sm.OLS(values, design).fit(cov_type="HC2")
    assert ours.effect == pytest.approx(theirs.params[1])
    assert ours.effect / ours.statistic == pytest.approx(theirs.bse[1])
    plain = welch(Sample.of(values[arm == 1]), Sample.of(values[arm == 0]))
    before, after = plain.effect / plain.statistic, ours.effect / ours.statistic
    assert ours.variance_reduction == pytest.approx(1 - (after / before) ** 2)
    assert ours.variance_reduction > 0.5


def test_one_stratum_is_welch():
    arms = [Sample.of(np.random.default_rng(seed).normal(size=30)) for seed in (1, 2)]
    ours, expected = post_stratified({"all": arms[0]}, {"all": arms[1]}), welch(*arms)
    assert (ours.p_value, *ours.interval) == pytest.approx((expected.p_value, *expected.interval))
    assert ours.variance_reduction == pytest.approx(0.0)


def test_given_shares():
    stratum, arm, values = drawn(2)
    treatment, control = (by_stratum(stratum[arm == side], values[arm == side]) for side in (1, 0))
    shares = {"s0": 1, "s1": 2, "s2": 1}
    ours = post_stratified(treatment, control, shares)
    differences = [treatment[key].mean - control[key].mean for key in shares]
    assert ours.effect == pytest.approx(np.average(differences, weights=[1, 2, 1]))
    assert post_stratified(treatment, control, {key: 7 * share for key, share in shares.items()}) == ours


def test_refusals():
    two = Sample.of([1, 2])
    with pytest.raises(Refused, match="stratum 'b' has 0 units in the control, of two needed; use coarser strata"):
        post_stratified({"a": two, "b": two}, {"a": two})
    with pytest.raises(Refused, match="stratum 'b' has 1 units in the treatment"):
        post_stratified({"a": two, "b": Sample.of([1])}, {"a": two, "b": two})
    with pytest.raises(ValueError, match="shares: given for"):
        post_stratified({"a": two}, {"a": two}, {"b": 1})
    with pytest.raises(ValueError, match="must be 0 or more"):
        post_stratified({"a": two}, {"a": two}, {"a": -1})
