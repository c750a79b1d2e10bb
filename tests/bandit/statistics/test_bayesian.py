"""The Bayesian report."""

import pytest
from scipy import stats

from bandit.statistics.bayesian import beliefs, compare
from bandit.statistics.comparison import Refused
from bandit.statistics.posteriors import Beta
from bandit.statistics.student import Student


def test_beliefs():
    control, treatment = beliefs([Beta(121, 881), Beta(151, 851)])
    assert control.p_beats_control is None
    assert treatment.p_beats_control == pytest.approx(treatment.p_best, abs=1e-12)
    assert treatment.p_best == pytest.approx(0.9750678368, abs=1e-10)
    assert treatment.expected_loss == pytest.approx(1.4417785511e-4, abs=1e-13)
    assert treatment.interval == pytest.approx(stats.beta(151, 851).interval(0.95))
    assert treatment.mean == 151 / 1002


def test_a_decrease_is_the_mirror_image():
    up = beliefs([Beta(5, 95), Beta(9, 91), Beta(7, 60)], control=1)
    down = beliefs([Beta(95, 5), Beta(91, 9), Beta(60, 7)], control=1, goal="decrease")
    for one, other in zip(up, down, strict=True):
        assert one.p_best == pytest.approx(other.p_best)
        assert one.expected_loss == pytest.approx(other.expected_loss)
        assert one.p_beats_control == (other.p_beats_control and pytest.approx(other.p_beats_control))
        assert one.interval == pytest.approx((1 - other.interval[1], 1 - other.interval[0]))


def test_a_hundred_variants():
    found = beliefs([Beta(1 + i, 1000 - i) for i in range(100)])
    assert sum(one.p_best for one in found) == pytest.approx(1)
    assert found[99].p_best == max(one.p_best for one in found)
    assert found[99].expected_loss == min(one.expected_loss for one in found)


def test_nothing_becomes_nan():
    found = beliefs([Student(0, 1, 1), Student(1, 1, 3)])
    assert (found[0].mean, found[0].expected_loss, found[1].expected_loss) == (None, None, None)


def test_compare():
    found = compare(Beta(151, 851), Beta(121, 881))
    assert found.effect == pytest.approx(30 / 1002)
    assert found.relative_effect == pytest.approx(30 / 121)
    # Less than 2.5% below zero, so that zero is just outside.
    assert 0 < found.interval[0] < 1e-4
    assert (found.method, found.p_value) == ("bayesian", None)
    mirrored = compare(Beta(121, 881), Beta(151, 851))
    assert mirrored.interval == pytest.approx((-found.interval[1], -found.interval[0]), abs=1e-12)


def test_refusals():
    with pytest.raises(Refused, match="no mean"):
        compare(Student(0, 1, 1), Student(1, 1, 3))
    with pytest.raises(ValueError, match="alpha: 0 given"):
        compare(Beta(1, 1), Beta(1, 1), alpha=0)
