"""Exact tests against scipy, and tables counted out."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import stats
from strategies import alternatives, proportions

from bandit.statistics import exact
from bandit.statistics.comparison import Refused
from bandit.statistics.proportion import Proportion


def counted(treatment, control, order):
    """The greatest probability, over common rates, of a table at least as extreme, by a fine grid."""
    x, y = np.mgrid[: int(treatment.trials) + 1, : int(control.trials) + 1]
    extreme = order(x, y) >= order(np.array(treatment.successes), np.array(control.successes)) - 1e-9
    return max(
        (
            np.outer(stats.binom.pmf(x[:, 0], treatment.trials, p), stats.binom.pmf(y[0], control.trials, p)) * extreme
        ).sum()
        for p in np.linspace(0.0005, 0.9995, 1000)
    )


def test_a_large_table_in_whole_numbers():
    result = exact.fisher(Proportion(150, 1000), Proportion(120, 1000))
    ways = [math.comb(1000, count) * math.comb(1000, 270 - count) for count in range(271)]
    assert result.p_value == pytest.approx(
        sum(way for way in ways if way <= ways[150]) / math.comb(2000, 270), rel=1e-12
    )
    assert result.p_value == pytest.approx(0.0575958509, abs=5e-11)
    assert any("disagree" in warning for warning in result.warnings)


@given(proportions(), proportions(), alternatives)
def test_fisher(treatment, control, alternative):
    ours = exact.fisher(treatment, control, alternative=alternative).p_value
    if alternative != "two-sided":
        both, trials = treatment.successes + control.successes, treatment.trials + control.trials
        law = stats.hypergeom(trials, both, treatment.trials)
        tail = law.sf(treatment.successes - 1) if alternative == "greater" else law.cdf(treatment.successes)
        assert ours == pytest.approx(min(1.0, tail), rel=1e-8)
    table = [[treatment.successes, control.successes], [treatment.failures, control.failures]]
    assert ours == pytest.approx(min(1.0, stats.fisher_exact(table, alternative).pvalue))


def test_barnard_counted_out():
    treatment, control = Proportion(7, 15), Proportion(2, 17)

    def order(x, y):
        pooled = (x + y) / 32
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (x / 15 - y / 17) / np.sqrt(pooled * (1 - pooled) * (1 / 15 + 1 / 17))
        return np.nan_to_num(z)

    assert exact.barnard(treatment, control, alternative="greater").p_value == pytest.approx(
        counted(treatment, control, order), rel=1e-3
    )
    assert exact.barnard(treatment, control).p_value == pytest.approx(
        counted(treatment, control, lambda x, y: np.abs(order(x, y))), rel=1e-3
    )


def test_boschloo_counted_out():
    treatment, control = Proportion(7, 15), Proportion(2, 17)

    def order(x, y):
        return -stats.hypergeom.sf(x - 1, 32, x + y, 15)

    one = exact.boschloo(treatment, control, alternative="greater").p_value
    assert one == pytest.approx(counted(treatment, control, order), rel=1e-3)
    assert exact.boschloo(treatment, control).p_value == pytest.approx(2 * one)


@settings(max_examples=25, deadline=None)
@given(proportions(25), proportions(25))
def test_boschloo_is_never_less_powerful_than_fisher(treatment, control):
    for alternative in ("greater", "less"):
        boschloo = exact.boschloo(treatment, control, alternative=alternative).p_value
        assert boschloo <= exact.fisher(treatment, control, alternative=alternative).p_value + 1e-6


@pytest.mark.parametrize("test", [exact.fisher, exact.barnard, exact.boschloo])
def test_edges(test):
    for successes in (0, 10):
        assert test(Proportion(successes, 10), Proportion(successes, 10)).p_value == 1.0
    assert 0.0 < test(Proportion(1, 1), Proportion(0, 1)).p_value <= 1.0
    with pytest.raises(Refused, match="has no trials"):
        test(Proportion(0, 0), Proportion(1, 2))
    with pytest.raises(Refused, match="not whole numbers; use pooled_z"):
        test(Proportion(0.5, 3), Proportion(1, 2))
    with pytest.raises(Refused, match="pooled_z"):
        test(Proportion(5e11, 1e12), Proportion(5e11, 1e12))


def test_a_p_value_too_small_for_a_float():
    assert exact.fisher(Proportion(0, 5000), Proportion(5000, 5000)).p_value == 0.0
