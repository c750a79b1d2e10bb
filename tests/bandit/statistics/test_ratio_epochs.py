"""Ratios on data of a bandit against the trials themselves; how often they err is in `tests/simulations`."""

import numpy as np
import pytest

from bandit.statistics import aipw, design_based
from bandit.statistics.comparison import Refused
from bandit.statistics.epochs import Epochs
from bandit.statistics.ratio_epochs import RatioEpochs, at_any_look, compare, linear

SIZES = (300, 200, 500, 1, 400)


def trials(seed, arms=3, shift=0.0):
    """Epoch, arm, numerator and denominator of each trial, and the probabilities of each epoch."""
    rng = np.random.default_rng(seed)
    chance = 0.05 + (1 - arms * 0.05) * rng.dirichlet(np.ones(arms), len(SIZES))
    epoch = np.repeat(np.arange(len(SIZES)), SIZES)
    arm = np.array([rng.choice(arms, p=chance[each]) for each in epoch])
    below = 1.0 + rng.poisson(2 + arm) + shift
    above = rng.binomial((below - shift).astype(int), 0.2 + 0.05 * arm) * 1.0
    return epoch, arm, above, below, chance


def summed(epoch, arm, above, below, chance):
    parts = (np.ones(arm.size), above, below, above**2, below**2, above * below)
    sums = np.zeros((6, *chance.shape))
    for place, part in enumerate(parts):
        np.add.at(sums[place], (epoch, arm), part)
    return RatioEpochs(*sums, probabilities=chance, floor=0.05)


def test_the_sums_are_those_of_one_number_for_each_trial():
    epoch, arm, above, below, chance = trials(1)
    data = summed(epoch, arm, above, below, chance)
    found = linear("x", data, 2, 0).epochs
    for place in (2, 0):
        # What each trial has is a line through numerator and denominator; the sums say which.
        mine = arm == place
        sums = np.array([[part[mine & (epoch == each)].sum() for part in (above, below)] for each in range(len(SIZES))])
        columns = np.column_stack([sums, found.trials[:, place]])
        (a, b, c), *_ = np.linalg.lstsq(columns, found.totals[:, place])
        value = a * above + b * below + c
        for each in range(len(SIZES)):
            chosen = value[mine & (epoch == each)]
            assert found.totals[each, place] == pytest.approx(chosen.sum(), abs=1e-9)
            assert found.squares[each, place] == pytest.approx((chosen**2).sum(), abs=1e-9)
    ratios = [above[arm == place].sum() / below[arm == place].sum() for place in (2, 0)]
    means = [(found.totals[:, place].sum() / found.trials[:, place].sum()) + found.origin for place in (2, 0)]
    assert means == pytest.approx(ratios, abs=0.01)
    assert (found.totals[:, 1] == 0.0).all()


def test_where_weights_never_moved_it_is_the_delta_method():
    rng = np.random.default_rng(2)
    arm = rng.integers(0, 2, 20_000)
    below = 1.0 + rng.poisson(2 + arm)
    above = rng.binomial(below.astype(int), 0.2) * 1.0
    data = summed(np.repeat([0, 1], 10_000), arm, above, below, np.full((2, 2), 0.5))
    found = compare(data, 1, 0)
    variance = 0.0
    ratios = []
    for place in (1, 0):
        a, b = above[arm == place], below[arm == place]
        ratios.append(a.sum() / b.sum())
        variance += ((a - ratios[-1] * b) / b.mean()).var(ddof=1) / a.size
    assert found.method == "delta_aipw"
    assert found.effect == pytest.approx(ratios[0] - ratios[1], abs=0.15 * variance**0.5)
    assert found.interval[1] - found.effect == pytest.approx(1.96 * variance**0.5, rel=0.02)
    assert found.relative_effect == pytest.approx(ratios[0] / ratios[1] - 1, abs=0.01)


def test_a_denominator_that_is_always_one_leaves_the_mean():
    epoch, arm, above, _, chance = trials(3)
    data = summed(epoch, arm, above, np.ones(arm.size), chance)
    plain = Epochs(data.trials, data.above, data.above_squares, chance, 0.05)
    ours, theirs = compare(data, 2, 0), aipw.compare(plain, 2, 0)
    error = (theirs.interval[1] - theirs.effect) / 1.96
    assert ours.effect == pytest.approx(theirs.effect, abs=0.1 * error)
    assert ours.interval[1] - ours.effect == pytest.approx(1.96 * error, rel=0.02)
    ours, theirs = at_any_look(data, 2, 0), design_based.compare(plain, 2, 0)
    assert ours.method == "delta_design_based"
    assert ours.interval == pytest.approx(theirs.interval, abs=0.1 * (theirs.interval[1] - theirs.interval[0]))


def test_the_unit_of_the_metrics_does_not_matter():
    epoch, arm, above, below, chance = trials(4)
    one = compare(summed(epoch, arm, above, below, chance), 1, 0)
    other = compare(summed(epoch, arm, 1e6 * above, 1e3 * below, chance), 1, 0)
    assert other.effect == pytest.approx(1e3 * one.effect)
    assert other.p_value == pytest.approx(one.p_value)


def test_many_experiments_at_once_are_each_alone():
    several = [summed(*trials(seed)) for seed in (5, 6)]
    arrays = {
        name: np.stack([getattr(each, name) for each in several])
        for name in ("trials", "above", "below", "above_squares", "below_squares", "products", "probabilities")
    }
    both = linear("x", RatioEpochs(**arrays, floor=0.05), 1, 0)
    for place, each in enumerate(several):
        alone = linear("x", each, 1, 0)
        assert both.distance[place] == pytest.approx(alone.distance)
        shifted = alone.epochs.totals[:, 1] + alone.epochs.origin * alone.epochs.trials[:, 1]
        assert both.epochs.totals[place, :, 1] == pytest.approx(shifted)


def test_refusals():
    epoch, arm, above, below, chance = trials(7, shift=-3.0)
    with pytest.raises(Refused, match="a mean denominator lies less than 5 standard errors from zero"):
        compare(summed(epoch, arm, above, below - below.mean(), chance), 1, 0)
    with pytest.raises(Refused, match="a mean denominator"):
        compare(summed(epoch, arm, above, 0.0 * below, chance), 1, 0)
    few = summed(*(part[:60] for part in trials(8)[:4]), trials(8)[4])
    with pytest.raises(Refused, match=r"delta_aipw is not valid here.*fewer than 30; use it with more trials"):
        compare(few, 1, 0)
    with pytest.raises(Refused, match="delta_design_based is not valid here"):
        at_any_look(few, 1, 0)
