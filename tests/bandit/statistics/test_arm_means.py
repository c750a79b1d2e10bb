import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandit.statistics.arm_means import ArmMeans

trials = st.lists(st.tuples(st.integers(0, 2), st.floats(-10, 10)), max_size=20)


@given(trials, st.integers(0, 20))
def test_every_prediction_is_the_mean_of_what_came_before(log, cut):
    action, reward = np.array([arm for arm, _ in log], np.int64), np.array([earned for _, earned in log], float)
    made, model = [], ArmMeans.none(3, first=2.5)
    for part in (slice(0, cut), slice(cut, None)):
        predictions, model = model.predict(action[part], reward[part])
        made.append(predictions)
    for trial, row in enumerate(np.vstack(made)):
        before = log[:trial]
        pooled = sum(earned for _, earned in before) / trial if before else 2.5
        for arm in range(3):
            earned = [each for logged, each in before if logged == arm]
            assert row[arm] == pytest.approx(sum(earned) / len(earned) if earned else pooled, abs=1e-9)
    assert model.counts.sum() == len(log)
