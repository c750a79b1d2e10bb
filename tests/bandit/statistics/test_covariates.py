"""CUPED against the published example, the analysis of covariance and tea-tasting."""

import numpy as np
import pyarrow as pa
import pytest
import statsmodels.api as sm
import tea_tasting
from hypothesis import given, settings
from strategies import seeds

from bandit.statistics.comparison import Refused
from bandit.statistics.covariates import cuped
from bandit.statistics.joint import JointSample
from bandit.statistics.means import welch

CONTROL = {"y": (10, 12, 9, 15, 11, 14, 8, 13), "x": (9, 11, 10, 14, 10, 13, 8, 12)}
TREATMENT = {"y": (12, 13, 10, 17, 13, 15, 10, 15), "x": (10, 11, 9, 15, 11, 12, 9, 13)}


def drawn(random, size, effect=0.0):
    x, z = random.normal(3, 1, size), random.gamma(2, 1000, size)
    return {"y": x + z / 2000 + random.normal(effect, 1, size), "x": x, "z": z}


def test_published():
    result = cuped(JointSample.of(TREATMENT), JointSample.of(CONTROL), "y", ["x"])
    assert result.coefficients[0] == pytest.approx(1.1993637328, abs=5e-11)
    assert result.effect == pytest.approx(1.1752386002, abs=5e-11)
    assert result.effect / result.statistic == pytest.approx(0.3027473331, abs=5e-11)
    plain = welch(JointSample.of(TREATMENT).sample("y"), JointSample.of(CONTROL).sample("y"))
    before, after = plain.effect / plain.statistic, result.effect / result.statistic
    assert result.variance_reduction == pytest.approx(1 - (after / before) ** 2)


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_it_is_the_ancova_coefficient_where_the_covariates_are_balanced(seed):
    random = np.random.default_rng(seed)
    control = drawn(random, 40)
    treatment = {**drawn(random, 40, 0.5), **{name: random.permutation(control[name]) for name in "xz"}}
    ours = cuped(JointSample.of(treatment), JointSample.of(control), "y", ["x", "z"])
    rows = {name: np.concatenate((control[name], treatment[name])) for name in "yxz"}
    design = np.column_stack([np.ones(80), np.repeat([0, 1], 40), rows["x"], rows["z"]])
    theirs = sm.OLS(rows["y"], design).fit()
    assert ours.effect == pytest.approx(theirs.params[1], rel=1e-9)
    # Correlated within the arms and with each other as they are in all units together.
    assert ours.coefficients == pytest.approx(np.linalg.lstsq(design[:, [0, 2, 3]], rows["y"])[0][1:], rel=1e-7)


def test_it_is_near_the_ancova_coefficient_in_any_case():
    random = np.random.default_rng(3)
    control, treatment = drawn(random, 4000), drawn(random, 5000, 0.2)
    ours = cuped(JointSample.of(treatment), JointSample.of(control), "y", ["x", "z"])
    rows = {name: np.concatenate((control[name], treatment[name])) for name in "yxz"}
    design = np.column_stack([np.ones(9000), np.repeat([0, 1], (4000, 5000)), rows["x"], rows["z"]])
    theirs = sm.OLS(rows["y"], design).fit(cov_type="HC2")
    assert ours.effect == pytest.approx(theirs.params[1], rel=2e-3)
    assert ours.effect / ours.statistic == pytest.approx(theirs.bse[1], rel=2e-3)
    assert ours.variance_reduction == pytest.approx(0.6, abs=0.03)  # 1.5 of 2.5


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_against_tea_tasting(seed):
    random = np.random.default_rng(seed)
    arms = []
    for size in (50, 70):
        before, sessions = random.poisson(4, size) + 1.0, random.poisson(3, size) + 1.0
        clicked = random.binomial(before.astype(int), 0.3) * 1.0
        arms.append({"n": clicked + random.poisson(0.5 * sessions), "d": sessions, "m": clicked, "e": before})
    rows = {name: np.concatenate([arm[name] for arm in arms]) for name in "ndme"}
    frame = pa.table({**rows, "variant": np.repeat([0, 1], (50, 70))})
    theirs = tea_tasting.Experiment(
        mean=tea_tasting.Mean("n", "m"), ratio=tea_tasting.RatioOfMeans("n", "d", "m", "e")
    ).analyze(frame)
    control, treatment = map(JointSample.of, arms)
    for name, measure, covariate in (("mean", "n", "m"), ("ratio", ("n", "d"), ("m", "e"))):
        ours = cuped(treatment, control, measure, [covariate])
        assert ours.effect == pytest.approx(theirs[name].effect_size)
        assert ours.p_value == pytest.approx(theirs[name].pvalue)
        assert ours.interval == pytest.approx((theirs[name].effect_size_ci_lower, theirs[name].effect_size_ci_upper))
        assert ours.relative_effect == pytest.approx(theirs[name].rel_effect_size)


def test_useless_covariates():
    random = np.random.default_rng(4)
    arms = [JointSample.of({**drawn(random, 50), "one": np.ones(50)}) for _ in range(2)]
    plain = welch(*(arm.sample("y") for arm in arms))
    constant = cuped(*arms, "y", ["one"])
    assert (constant.effect, constant.p_value) == pytest.approx((plain.effect, plain.p_value))
    assert (constant.coefficients, constant.variance_reduction) == ((0.0,), 0.0)
    # The same covariate twice does what it does once.
    assert cuped(*arms, "y", ["x", "x"]).interval == pytest.approx(cuped(*arms, "y", ["x"]).interval)


def test_a_covariate_that_the_experiment_moved():
    random = np.random.default_rng(5)
    arms = [JointSample.of(drawn(random, 500)) for _ in range(2)]
    assert not cuped(*arms, "y", ["x", "z"]).warnings
    moved = JointSample(arms[0].names, arms[0].count, arms[0].mean + np.array([0, 1, 0]), arms[0].covariance)
    assert "x differs between the arms" in cuped(moved, arms[1], "y", ["x", "z"]).warnings[0]


def test_refusals():
    arms = JointSample.of(TREATMENT), JointSample.of(CONTROL)
    with pytest.raises(ValueError, match="covariates: none given"):
        cuped(*arms, "y", [])
    with pytest.raises(ValueError, match="'q' given"):
        cuped(*arms, "y", ["q"])
    with pytest.raises(Refused, match="fewer than 10 units for each covariate; use welch"):
        cuped(*arms, "y", ["x", "x"])
    with pytest.raises(Refused, match="the values of neither arm vary"):
        cuped(*arms, "y", ["y"])
    with pytest.raises(Refused, match="one has 1"):
        cuped(arms[0], JointSample.of({"y": [1], "x": [2]}), "y", ["x"])
