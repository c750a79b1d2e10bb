"""How arms are drawn, and when rewards are known."""

import numpy as np
import pytest

from bandit.statistics.mechanism import Calendar, Mechanism
from policies import LinUCB, ThompsonBeta


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"policy": LinUCB()}, "lin_ucb reads a context"),
        ({"policy": ThompsonBeta(half_life=5.0)}, "thompson_beta forgets"),
        ({"base": (1.0,)}, "two or more"),
        ({"base": (0.5, 0.6)}, "sum to 1"),
        ({"floor": 0.6}, "floor: 0.6 given, must lie from 0 to 1 / 2 arms"),
        ({"holdout": 1.5}, "holdout: 1.5 given"),
    ],
)
def test_what_cannot_be_replayed(given, message):
    with pytest.raises(ValueError, match=message):
        Mechanism(**{"policy": ThompsonBeta(), "base": (0.5, 0.5)} | given)


def test_the_least_probability():
    assert Mechanism(ThompsonBeta(), (0.2, 0.8), floor=0.1, holdout=0.5).least == pytest.approx(0.15)
    assert Mechanism.even(ThompsonBeta(), 4, 0.02).base == (0.25,) * 4


def test_a_calendar():
    calendar = Calendar.immediate(np.array([2, 0, 3]))
    assert calendar.ends.tolist() == [2, 2, 5]
    assert calendar.known.tolist() == [1, 1, 3, 3, 3]
    assert calendar.epochs.tolist() == [0, 0, 2, 2, 2]
    late = Calendar(np.array([2, 4]), np.array([9, 1, 2, 2]))
    assert late.order.tolist() == [1, 2, 3, 0]
