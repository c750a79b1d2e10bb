"""Poisson rates against statsmodels and scipy."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.rates import confint_poisson, confint_poisson_2indep
from statsmodels.stats.rates import test_poisson_2indep as two_rates
from strategies import LARGER, alphas, alternatives

from bandit.statistics import rates
from bandit.statistics.comparison import Refused
from bandit.statistics.rates import Rate

rate = st.builds(Rate, st.integers(0, 200), st.floats(0.5, 50))
with_events = st.builds(Rate, st.integers(1, 200), st.floats(0.5, 50))


@given(with_events, with_events, alternatives)
def test_p_values(treatment, control, alternative):
    arms = (treatment.events, treatment.exposure, control.events, control.exposure)
    for test, method in ((rates.exact, "exact-cond"), (rates.score, "score")):
        ours = test(treatment, control, alternative=alternative).p_value
        theirs = two_rates(*arms, method=method, alternative=LARGER[alternative]).pvalue
        assert ours == pytest.approx(min(1.0, theirs), rel=1e-7, abs=1e-300)


@given(rate, rate, alphas)
def test_differences(treatment, control, alpha):
    arms = (treatment.events, treatment.exposure, control.events, control.exposure)
    for test, method in ((rates.exact, "exact-c"), (rates.score, "score")):
        ours = test(treatment, control, alpha=alpha)
        theirs = confint_poisson_2indep(*arms, "mover", "diff", alpha, method)
        assert ours.interval == pytest.approx(theirs, rel=1e-8, abs=1e-10)
        assert ours.effect == pytest.approx(treatment.value - control.value)
        for one, end in (("greater", 0), ("less", 1)):
            sided = test(treatment, control, alpha=alpha / 2, alternative=one).interval
            assert sided[end] == pytest.approx(ours.interval[end], rel=1e-9)
            assert math.isinf(sided[1 - end])


@given(rate, alphas)
def test_one_rate(one, alpha):
    for method, name in (("exact", "exact-c"), ("score", "score")):
        expected = confint_poisson(one.events, one.exposure, name, alpha)
        assert rates.interval(one, method, alpha=alpha) == pytest.approx(expected, rel=1e-8, abs=1e-10)


@settings(deadline=None)
@given(with_events, with_events, st.sampled_from([0.01, 0.05, 0.2]))
def test_ratios(treatment, control, alpha):
    arms = (treatment.events, treatment.exposure, control.events, control.exposure)
    lower, upper = rates.ratio(treatment, control, "exact", alpha=alpha)
    # At each end of the exact interval the one-sided exact test has half of alpha.
    shares = [end * treatment.exposure / (end * treatment.exposure + control.exposure) for end in (lower, upper)]
    total = int(treatment.events + control.events)
    assert stats.binom.sf(treatment.events - 1, total, shares[0]) == pytest.approx(alpha / 2, rel=1e-6)
    assert stats.binom.cdf(treatment.events, total, shares[1]) == pytest.approx(alpha / 2, rel=1e-6)
    for end in rates.ratio(treatment, control, "score", alpha=alpha):
        assert two_rates(*arms, value=end, method="score").pvalue == pytest.approx(alpha, rel=1e-6)
    relative = rates.exact(treatment, control, alpha=alpha).relative_interval
    assert relative == pytest.approx((lower - 1, upper - 1))


def test_edges():
    none, some = Rate(0, 10), Rate(3, 20)
    for test in (rates.exact, rates.score):
        nothing = test(none, Rate(0, 20))
        assert (nothing.p_value, nothing.effect, nothing.relative_effect) == (1.0, 0.0, None)
        assert nothing.interval[0] < 0.0 < nothing.interval[1]
        assert test(none, some).relative_interval[0] == -1.0
        assert test(some, none).relative_interval is None
        large = test(Rate(10**12, 1.0), Rate(10**12 + 3 * 10**6, 1.0))
        assert large.p_value == pytest.approx(0.0339, abs=1e-4)
        assert test(Rate(5000, 1.0), Rate(0, 1.0)).p_value == 0.0
    assert rates.ratio(some, none)[1] == math.inf
    assert rates.ratio(none, Rate(0, 1)) == (0.0, math.inf)
    assert any("disagree" in warning for warning in rates.exact(Rate(3, 10), Rate(0, 20)).warnings)


def test_refusals():
    with pytest.raises(Refused, match="not whole numbers; use score"):
        rates.exact(Rate(1.5, 1), Rate(2, 1))
    for events, exposure, message in ((-1, 1, "events: -1"), (1, 0, "exposure: 0"), (math.nan, 1, "events: nan")):
        with pytest.raises(ValueError, match=message):
            Rate(events, exposure)
