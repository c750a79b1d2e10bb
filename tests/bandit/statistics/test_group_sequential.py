"""Peeking, inflation and the analysis after a stop, against published numbers and simulations."""

import math

import numpy as np
import pytest
from scipy import stats

from bandit.statistics import group_sequential
from bandit.statistics.boundaries import lan_demets_obrien_fleming, obrien_fleming, pocock
from bandit.statistics.comparison import Comparison
from bandit.statistics.crossing import crossing, equally_spaced
from bandit.statistics.group_sequential import analyse, inflation_factor, peeking_error

FIVE = equally_spaced(5)


@pytest.mark.parametrize(("looks", "error"), [(1, 0.05), (5, 0.14169), (10, 0.19336), (50, 0.32045)])
def test_peeking(looks, error):
    assert round(peeking_error(looks), 5) == error


# Jennison and Turnbull 2000, tables 2.2 and 2.4, two-sided .05.
@pytest.mark.parametrize(
    ("looks", "power", "of_pocock", "of_obrien_fleming"),
    [
        (2, 0.8, 1.110, 1.008),
        (5, 0.8, 1.229, 1.028),
        (10, 0.8, 1.301, 1.040),
        (2, 0.9, 1.100, 1.007),
        (5, 0.9, 1.207, 1.026),
    ],
)
def test_inflation_factors(looks, power, of_pocock, of_obrien_fleming):
    times = equally_spaced(looks)
    assert round(inflation_factor(pocock(times), 0.05, power), 3) == of_pocock
    assert round(inflation_factor(obrien_fleming(times), 0.05, power), 3) == of_obrien_fleming


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_one_look_inflates_nothing(alternative):
    boundary = pocock((1.0,), 0.05, alternative)
    assert inflation_factor(boundary, 0.05, 0.8) == pytest.approx(1.0, rel=1e-10)
    drift = group_sequential.drift_with_power(boundary, 0.8)
    assert group_sequential.crossing_power(boundary, drift) == pytest.approx(0.8)
    assert (drift < 0.0) == (alternative == "less")


def simulated(drift, count, seed):
    """z at five looks, for many trials."""
    random = np.random.default_rng(seed)
    return np.cumsum(random.standard_normal((count, 5)) * math.sqrt(0.2) + drift * 0.2, axis=1) / np.sqrt(FIVE)


def test_power_and_expected_size_of_simulated_trials():
    boundary, count = lan_demets_obrien_fleming(FIVE), 200_000
    drift = group_sequential.drift_with_power(boundary, 0.8)
    upwards = simulated(drift, count, 3) >= np.array(boundary.upper)
    assert np.mean(upwards.any(axis=1)) == pytest.approx(0.8, abs=4.0 * math.sqrt(0.16 / count) + 1e-5)
    stopped = np.where(upwards.any(axis=1), np.argmax(upwards, axis=1), 4)
    expected = group_sequential.expected_fraction(boundary, drift)
    assert np.mean(np.array(FIVE)[stopped]) == pytest.approx(expected, abs=4.0 * 0.2 / math.sqrt(count) + 1e-5)


@pytest.mark.parametrize("drift", [0.0, 2.5])
def test_the_interval_covers_and_its_middle_is_unbiased(drift):
    """The p-value is uniform without an effect; the interval has its level and the estimate its median with any."""
    boundary, count = pocock(FIVE), 300
    errors = [1.0 / math.sqrt(time) for time in FIVE]
    covered = above = small = 0
    for path in simulated(drift, count, 11):
        crossed = np.abs(path) >= boundary.upper[0]
        look = int(np.argmax(crossed)) if crossed.any() else 4
        found = analyse(boundary, path[: look + 1].tolist(), errors[: look + 1])
        assert (found.p_value <= 0.05) == bool(crossed.any()) == (not found.interval[0] < 0.0 < found.interval[1])
        covered += found.interval[0] <= drift <= found.interval[1]
        above += found.effect > drift
        small += found.p_value <= 0.3
    assert covered / count == pytest.approx(0.95, abs=4.0 * math.sqrt(0.95 * 0.05 / count))
    assert above / count == pytest.approx(0.5, abs=4.0 * 0.5 / math.sqrt(count))
    if drift == 0.0:
        assert small / count == pytest.approx(0.3, abs=4.0 * math.sqrt(0.21 / count))


def test_a_stop_at_the_first_look_is_a_z_test():
    found = analyse(pocock(FIVE), [3.0], [0.5])
    assert found.p_value == pytest.approx(2.0 * stats.norm.sf(3.0), rel=1e-9)
    assert found.effect == pytest.approx(1.5)
    half = 0.5 * stats.norm.ppf(0.975)
    assert found.interval == pytest.approx((1.5 - half, 1.5 + half))


def test_an_earlier_crossing_is_more_extreme_than_any_later_one():
    boundary = obrien_fleming(FIVE)
    found = analyse(boundary, [0.0, -30.0], [1.0, 1.0])
    assert found.p_value == pytest.approx(2.0 * crossing(boundary).lower[0])
    assert analyse(boundary, [-37.0], [1.0]).p_value == pytest.approx(2.0 * stats.norm.cdf(-37.0))


def test_before_the_end_the_interval_is_the_repeated_one():
    boundary = obrien_fleming(FIVE)
    found = analyse(boundary, [1.0, 2.0], [0.3, 0.2])
    assert found == Comparison(
        "group_sequential",
        0.4,
        (pytest.approx((2.0 - boundary.upper[1]) * 0.2), pytest.approx((2.0 + boundary.upper[1]) * 0.2)),
        None,
        2.0,
        warnings=found.warnings,
    )
    assert "not crossed" in found.warnings[0]


def test_looks_after_the_crossing_are_not_used():
    boundary = pocock(FIVE)
    stopped, went_on = analyse(boundary, [2.5], [0.4]), analyse(boundary, [2.5, -1.0], [0.4, 0.3])
    assert (went_on.effect, went_on.interval, went_on.p_value) == (stopped.effect, stopped.interval, stopped.p_value)
    assert went_on.warnings == ("looks after the crossing at look 1 are not used",)


def test_one_sided_mirror():
    path, errors = [-0.3, 0.8, 1.1, 2.6], [1.0, 0.8, 0.7, 0.6]
    up = analyse(lan_demets_obrien_fleming(FIVE, 0.025, "greater"), path, errors, 0.025)
    down = analyse(lan_demets_obrien_fleming(FIVE, 0.025, "less"), [-z for z in path], errors, 0.025)
    assert up.interval[1] == math.inf
    assert down.interval[0] == -math.inf
    assert up.interval[0] == pytest.approx(-down.interval[1], rel=1e-8)
    assert up.effect == pytest.approx(-down.effect, rel=1e-8)
    assert up.p_value == pytest.approx(down.p_value, rel=1e-8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: peeking_error(0), "looks: 0 given, must be 1 to 1000"),
        (lambda: peeking_error(5, 0.0), "alpha: 0.0 given, must lie strictly between 0 and 1"),
        (lambda: inflation_factor(pocock(FIVE), 0.05, 0.02), "power: 0.02 given, must lie between the type I error"),
        (lambda: inflation_factor(pocock(FIVE), 0.05, 1.0), "power: 1 given"),
        (lambda: analyse(pocock(FIVE), [], []), "statistics: 0 given, must be 1 to 5"),
        (lambda: analyse(pocock(FIVE), [1.0] * 6, [1.0] * 6), "statistics: 6 given, must be 1 to 5"),
        (lambda: analyse(pocock(FIVE), [1.0], [1.0, 2.0]), "standard_errors: 2 given, must be one for each of 1"),
        (lambda: analyse(pocock(FIVE), [math.nan], [1.0]), r"statistics\[0\]: nan given, must be finite"),
        (lambda: analyse(pocock(FIVE), [1.0], [0.0]), r"standard_errors\[0\]: 0 given, must be above 0"),
    ],
)
def test_wrong_arguments_are_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_boundary_of_a_trial_without_effect_is_crossed_as_often_as_it_may():
    boundary = obrien_fleming(FIVE)
    crossed = np.abs(simulated(0.0, 200_000, 9)) >= np.array(boundary.upper)
    assert np.mean(crossed.any(axis=1)) == pytest.approx(crossing(boundary).probability, abs=0.002)
