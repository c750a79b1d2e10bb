"""Bets against limits: beside sequences that were written before, and simulated at the limit itself."""

import math

import numpy as np
import pytest

from bandit.statistics import beta_binomial
from bandit.statistics.limits import Line, beyond, interval
from bandit.statistics.sample import Sample

ALPHA = 0.05
GOAL = math.log(1.0 / ALPHA)
TREATMENT, CONTROL = Sample(2000.0, 0.12, 0.12 * 0.88), Sample(1500.0, 0.10, 0.09)


@pytest.mark.parametrize("sample", [TREATMENT, CONTROL, Sample(100.0, 0.0, 0.0), Sample(30.0, 1.0, 0.0)])
def test_one_rate_is_that_of_the_beta_binomial_sequence(sample):
    def rejected(limit, side):
        return beyond(sample, None, Line(0.0, limit), side, binary=True) >= GOAL

    assert interval(rejected, sample.mean, 0.0, 1.0) == pytest.approx(beta_binomial.interval(sample), abs=1e-9)
    won = beta_binomial.bets(sample).log_wealth(0.4)
    side = "above" if sample.mean > 0.4 else "below"
    assert beyond(sample, None, Line(0.0, 0.4), side, binary=True) == pytest.approx(max(0.0, won), abs=1e-9)


def test_two_rates_are_those_of_the_beta_binomial_comparison():
    known = beta_binomial.compare(TREATMENT, CONTROL, alpha=ALPHA)

    def absolute(limit, side):
        return beyond(TREATMENT, CONTROL, Line(1.0, limit), side, binary=True) >= GOAL

    def relative(limit, side):
        return beyond(TREATMENT, CONTROL, Line(1.0 + limit, 0.0), side, binary=True) >= GOAL

    assert interval(absolute, known.effect, -1.0, 1.0) == pytest.approx(known.interval, abs=1e-8)
    found = interval(relative, known.relative_effect, -1.0, math.inf)
    assert found == pytest.approx(known.relative_interval, abs=1e-7)


@pytest.mark.parametrize("binary", [True, False])
def test_nothing_is_won_without_data_or_on_the_right_side(binary):
    nothing = Sample(0.0, math.nan, math.nan)
    line = Line(1.0, 0.05)
    for treatment, control in ((nothing, CONTROL), (TREATMENT, nothing), (nothing, nothing), (TREATMENT, CONTROL)):
        assert beyond(treatment, control, line, "above", binary=binary) == 0.0
    assert beyond(Sample(500.0, 3.0, 0.0), None, Line(0.0, 9.0), "below", binary=False) == 0.0


def ever(rates, lines, draw, *, binary, first, looks, runs):
    """The share of runs in which a limit was ever rejected; every look is taken."""
    rng = np.random.default_rng(8)
    tripped = 0
    for _ in range(runs):
        sums = [np.cumsum([values, values**2], axis=1) for values in (draw(rng, rate, max(looks)) for rate in rates)]
        for n in looks:
            if n < first:
                continue
            samples = [Sample.of_sums(float(n), *each[:, n - 1].tolist()) for each in sums]
            control = samples[1] if len(samples) > 1 else None
            if beyond(samples[0], control, lines, "above", binary=binary) >= GOAL:
                tripped += 1
                break
    return tripped / runs


def bernoulli(rng, rate, size):
    return (rng.random(size) < rate).astype(float)


def exponential(rng, mean, size):
    return rng.exponential(mean, size)


EVERY = range(1, 1001)
MANY = sorted({round(1.03**k) for k in range(1, 300) if 1.03**k < 3000})


@pytest.mark.parametrize(
    ("rates", "line", "draw", "first", "looks"),
    [
        ((0.05,), Line(0.0, 0.05), bernoulli, 1, EVERY),
        ((0.3,), Line(0.0, 0.3), bernoulli, 1, EVERY),
        ((0.15, 0.1), Line(1.0, 0.05), bernoulli, 1, MANY),
        ((0.15, 0.1), Line(1.5, 0.0), bernoulli, 1, MANY),
        ((200.0,), Line(0.0, 200.0), exponential, 100, EVERY),
        ((240.0, 200.0), Line(1.2, 0.0), exponential, 100, MANY),
    ],
)
def test_at_the_limit_a_whole_run_trips_with_no_more_than_alpha(rates, line, draw, first, looks):
    runs = 200
    share = ever(rates, line, draw, binary=draw is bernoulli, first=first, looks=looks, runs=runs)
    assert share <= ALPHA + 2.0 * math.sqrt(ALPHA * (1.0 - ALPHA) / runs)


@pytest.mark.parametrize(
    ("rates", "line", "draw"),
    [
        ((0.10,), Line(0.0, 0.05), bernoulli),
        ((0.25, 0.1), Line(1.0, 0.05), bernoulli),
        ((250.0,), Line(0.0, 200.0), exponential),
        ((300.0, 200.0), Line(1.2, 0.0), exponential),
    ],
)
def test_beyond_the_limit_nearly_every_run_trips(rates, line, draw):
    share = ever(rates, line, draw, binary=draw is bernoulli, first=100, looks=[*MANY, 3000], runs=40)
    assert share >= 0.9
