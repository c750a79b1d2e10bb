"""Verdicts of many experiments at once are those of the tests, one by one."""

import numpy as np
import pytest
from scipy.stats import binom

from bandit.statistics import aipw, beta_binomial, bols, design_based, proportions, rerandomisation, wagers
from bandit.statistics.comparison import Refused
from bandit.statistics.mechanism import Mechanism
from bandit.statistics.proportion import Proportion
from bandit.statistics.sample import Sample
from policies import Fixed, ThompsonBeta
from simulations import procedures, verdicts
from simulations.collection import Collection, one
from simulations.procedures import ALWAYS, ONCE
from simulations.verdicts import Experiments, either, joined

NUMBER, EFFECT = 30, 0.15


def collected(policy, floor, sizes=(60,) * 6):
    collection = Collection(Mechanism.even(policy, 2, floor), sizes, np.array([[0.4, 0.4 + EFFECT]]))
    return Experiments(collection.play(5, 0, NUMBER), collection.mechanism, EFFECT, 0.05, 5, 0)


MOVED, SPLIT = collected(ThompsonBeta(), 0.1), collected(Fixed(), 0.5)


def each(run, experiments):
    for place in range(NUMBER):
        try:
            yield run(one(experiments.epochs, place), 1, 0)
        except Refused:
            yield None


@pytest.mark.parametrize(
    ("found", "run"),
    [
        (ONCE["aipw"], aipw.compare),
        (ONCE["aipw_sqrt"], lambda *given: aipw.compare(*given, weights="sqrt")),
        (ONCE["bols"], bols.compare),
        (ONCE["wagers"], wagers.compare),
        (ALWAYS["wagers"], wagers.compare),
        (ALWAYS["design_based"], lambda *given: design_based.compare(*given, planned=360.0)),
    ],
    ids=["aipw", "aipw_sqrt", "bols", "wagers once", "wagers", "design_based"],
)
def test_they_are_those_of_the_test(found, run):
    together, results = found(MOVED), list(each(run, MOVED))
    assert together.refused.tolist() == [result is None for result in results]
    rejected = [result is not None and result.p_value <= 0.05 for result in results]
    assert together.rejected.tolist() == rejected
    if run is not wagers.compare or found is ONCE["wagers"]:
        kept = [result for result in results if result is not None]
        covered = [low <= EFFECT <= high for low, high in (result.interval for result in kept)]
        if found is not ALWAYS["design_based"]:  # which must cover at every look
            assert together.covered[~together.refused].tolist() == covered
    assert together.rejected.any() or together.refused.all()


def test_the_plain_test_is_pooled_z():
    found = ONCE["pooled_z"](SPLIT)
    looks = procedures.plain_z(SPLIT.epochs)
    for place in range(NUMBER):
        trials, successes = (array[place].sum(axis=0) for array in (SPLIT.epochs.trials, SPLIT.epochs.totals))
        expected = proportions.pooled_z(*(Proportion(successes[arm], trials[arm]) for arm in (1, 0)))
        assert looks[place, -1] == pytest.approx(expected.statistic)
        assert found.rejected[place] == (expected.p_value < 0.05)
    peeked = ALWAYS["pooled_z"](SPLIT)
    assert (peeked.rejected >= found.rejected).all()
    first = np.abs(looks) > 1.959964
    np.testing.assert_array_equal(peeked.units[first[:, 0]], 60.0)


def test_sequences_of_a_fixed_split():
    found, certain = ALWAYS["confidence_sequence"](SPLIT), ALWAYS["beta_binomial"](SPLIT)
    assert not found.refused.any()
    assert found.rejected.sum() > certain.rejected.sum() > 0
    for place in range(NUMBER):
        least = 1.0
        for look in range(1, 7):
            epochs = one(SPLIT.epochs, place).first(look)
            trials, successes = epochs.trials.sum(axis=0), epochs.totals.sum(axis=0)
            arms = (Sample.of_sums(trials[arm], successes[arm], successes[arm]) for arm in (1, 0))
            least = min(least, beta_binomial.compare(*arms).p_value)
        assert certain.rejected[place] == (least <= 0.05)


def test_drawn_again_decides_as_the_p_value():
    found = ONCE["rerandomisation"](MOVED)
    chances = []
    for place in range(NUMBER):
        trials = rerandomisation.Trials.of(one(MOVED.epochs, place))
        p_value = rerandomisation.compare(trials, MOVED.mechanism, 1, 0, repetitions=399, seed=place).p_value
        # Of so few repetitions at most one may reach the observed statistic, if p <= .05 is to follow.
        chance = binom.cdf(1, procedures.REPETITIONS, p_value)
        assert found.rejected[place] or chance < 0.99
        assert not found.rejected[place] or chance > 0.01
        chances.append(chance)
    expected = np.array(chances)
    assert abs(found.rejected.sum() - expected.sum()) < 3.0 * np.sqrt((expected * (1.0 - expected)).sum())


def test_parts_are_joined_and_one_stands_in_for_another():
    first, second = ONCE["bols"](MOVED), ONCE["aipw"](MOVED)
    kept = first.refused.copy()
    kept[:5] = True
    doubted = verdicts.Verdicts(first.rejected & ~kept, kept, first.units, first.covered)
    both = either(doubted, second)
    np.testing.assert_array_equal(both.rejected[kept], second.rejected[kept])
    np.testing.assert_array_equal(both.covered[~kept], first.covered[~kept])
    twice = joined([first, second])
    assert twice.rejected.size == 2 * NUMBER
    assert twice.covered.size == 2 * NUMBER
