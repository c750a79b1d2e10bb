"""What data that were collected by epochs must be."""

import numpy as np
import pytest

from bandit.statistics.epochs import Epochs

TRIALS = np.array([[6.0, 4.0], [9.0, 1.0]])
SUCCESSES = np.array([[3.0, 2.0], [4.0, 1.0]])
CHANCE = np.array([[0.5, 0.5], [0.9, 0.1]])


def conversions(**more):
    given = {"trials": TRIALS, "successes": SUCCESSES, "probabilities": CHANCE, "floor": 0.05} | more
    return Epochs.of_conversions(**given)


def test_what_they_say_of_themselves():
    epochs = conversions()
    assert epochs.arms == 2
    assert epochs.binary
    assert epochs.moved
    assert not epochs.first(1).moved
    assert epochs.first(1).trials.tolist() == [[6.0, 4.0]]
    assert not Epochs(TRIALS, SUCCESSES, SUCCESSES, CHANCE, 0.0).binary
    assert not Epochs(TRIALS, SUCCESSES, SUCCESSES / 2, CHANCE, 0.0, (0.0, 1.0)).binary
    assert not Epochs(TRIALS, SUCCESSES, SUCCESSES, CHANCE, 0.0, (0.0, 1.0), origin=1.0).binary


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"trials": TRIALS[:1]}, "totals: shape"),
        ({"trials": TRIALS * np.nan}, "trials: must be finite"),
        ({"trials": -TRIALS}, "must be 0 or more"),
        ({"probabilities": CHANCE / 2}, "sum to 1 in every epoch"),
        ({"probabilities": np.array([[1.0, 0.0], [0.9, 0.1]]), "floor": 0.0}, "0 given for an arm that was drawn"),
        ({"floor": 0.2}, "floor: 0.2 given, must lie from 0 to the least probability, 0.1"),
        ({"floor": -0.1}, "floor: -0.1 given"),
        ({"successes": TRIALS + 1.0}, "outside of the bounds 0 and 1"),
    ],
)
def test_what_is_impossible_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        conversions(**given)


def test_bounds_and_arms_are_checked():
    with pytest.raises(ValueError, match="bounds: 1 and 0 given"):
        Epochs(TRIALS, SUCCESSES, SUCCESSES, CHANCE, 0.0, (1.0, 0.0))
    with pytest.raises(ValueError, match="1 arms given"):
        Epochs(TRIALS[:, :1], SUCCESSES[:, :1], SUCCESSES[:, :1], np.ones((2, 1)), 0.0)
