"""The scan for a shift against simulation and closed forms."""

import numpy as np
import pytest
from scipy import special, stats

from bandit.statistics.change_point import change_point, scan_p_value, sudden_shift
from bandit.statistics.timeline import Timeline


def line(estimates, variance=1.0):
    return Timeline(np.arange(len(estimates)), np.array(estimates, float), np.full(len(estimates), variance))


@pytest.mark.parametrize("greatest", [0.5, 1.5, 2.5, 3.2])
@pytest.mark.parametrize("share", [np.arange(1, 8) / 8, np.arange(1, 60) / 60, np.array([0.05, 0.4, 0.41, 0.9])])
def test_the_scan_by_simulation(greatest, share):
    rng = np.random.default_rng(0)
    steps = np.diff(np.concatenate([[0], share, [1]]))
    path = np.cumsum(rng.normal(size=(40_000, steps.size)) * np.sqrt(steps), axis=1)
    bridge = (path[:, :-1] - path[:, -1:] * share) / np.sqrt(share * (1 - share))
    expected = (np.abs(bridge).max(axis=1) >= greatest).mean()
    error = max(np.sqrt(expected * (1 - expected) / 40_000), 1e-4)
    assert abs(scan_p_value(greatest, share) - expected) < 4 * error


def test_one_moment_and_two():
    assert scan_p_value(1.7, np.array([0.3])) == pytest.approx(2 * stats.norm.sf(1.7), abs=1e-12)
    correlation = np.sqrt(0.3 * 0.4 / (0.6 * 0.7))
    both = stats.multivariate_normal(cov=[[1, correlation], [correlation, 1]])
    inside = both.cdf([1.7, 1.7], lower_limit=[-1.7, -1.7])
    assert scan_p_value(1.7, np.array([0.3, 0.6])) == pytest.approx(1 - inside, abs=1e-7)


def test_far_out_and_many_moments():
    share = np.arange(1, 400) / 400
    assert scan_p_value(0.0, share) == 1.0
    assert scan_p_value(6.5, share) == pytest.approx(2 * 399 * special.ndtr(-6.5))
    assert scan_p_value(40.0, share) == 0.0
    assert scan_p_value(5.99, share[::40]) == pytest.approx(scan_p_value(6.01, share[::40]), rel=0.2)
    assert scan_p_value(3.0, np.array([0.5, 0.5 + 1e-9])) == pytest.approx(2 * special.ndtr(-3.0))


@pytest.mark.parametrize(("buckets", "least"), [(5, 5), (14, 5), (60, 5)])
def test_without_a_shift_it_errs_as_often_as_it_says(buckets, least):
    rng = np.random.default_rng(buckets)
    found = [change_point(line(rng.normal(3, 2, buckets), 4.0)).p_value < 0.05 for _ in range(400)]
    assert least <= sum(found) <= 30


def test_days_that_vary_more_than_their_units():
    """Three times the standard deviation that the variances say."""
    rng = np.random.default_rng(9)
    for buckets in (6, 14, 28):
        found = [change_point(line(rng.normal(0, 3, buckets))) for _ in range(400)]
        assert sum(one.p_value < 0.05 for one in found) <= 32
        assert sum(one.p_value < 0.005 for one in found) <= 6
    assert np.mean([one.noise for one in found]) == pytest.approx(9, rel=0.1)


def test_a_shift_is_found_where_it_is():
    rng = np.random.default_rng(1)
    estimates = np.concatenate([rng.normal(10, 1, 12), rng.normal(14, 1, 9)])
    found = change_point(line(estimates))
    assert found.at == 12
    assert (found.before, found.after) == pytest.approx((10, 14), abs=0.7)
    assert found.p_value < 1e-6
    assert found.statistic > 0
    finding = sudden_shift("the mean of control", line(estimates))
    assert (finding.kind, finding.severity) == ("sudden_shift", "warning")
    assert finding.message.startswith("At 12, the mean of control went from ")


def test_many_buckets_are_merged():
    rng = np.random.default_rng(4)
    estimates = np.concatenate([rng.normal(0, 1, 500), rng.normal(0.5, 1, 450)])
    found = change_point(line(estimates))
    assert found.at == pytest.approx(500, abs=30)
    assert found.at % 10 == 0
    assert found.p_value < 1e-4


def test_weights():
    """Two buckets with most of the information decide where."""
    timeline = Timeline(np.arange(4), np.array([0.0, 0.0, 1.0, 5.0]), np.array([0.01, 0.01, 0.01, 100.0]))
    found = change_point(timeline)
    assert found.at == 2
    weights = 1 / (found.noise * timeline.variances)
    error = np.sqrt(1 / weights[:2].sum() + 1 / weights[2:].sum())
    assert found.statistic == pytest.approx((found.after - found.before) / error)


def test_nothing_to_report():
    assert change_point(line([1, 2])) is None
    assert sudden_shift("it", line([1, 2])) is None
    assert sudden_shift("it", line([1, 1, 1, 1])) is None
    assert change_point(line([1, 1, 1, 1])).p_value == 1.0
