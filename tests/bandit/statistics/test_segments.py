"""Comparisons by segment."""

import numpy as np
import pytest
from statsmodels.stats.meta_analysis import combine_effects

from bandit.statistics import means, multiplicity
from bandit.statistics.comparison import Refused
from bandit.statistics.sample import Sample
from bandit.statistics.segments import by_segment, heterogeneity


def segments(rng, effects, size=200):
    return {
        f"s{place}": (Sample.of(rng.normal(effect, 1, size)), Sample.of(rng.normal(0, 1, size)))
        for place, effect in enumerate(effects)
    }


@pytest.mark.parametrize("adjust", [multiplicity.holm, multiplicity.benjamini_hochberg])
def test_corrected(adjust):
    kept = segments(np.random.default_rng(0), [0.3, 0.1, 0.0, 0.0])
    kept["tiny"] = (Sample.of([1.0]), Sample.of([2.0]))
    found = by_segment(kept, means.welch, adjust)
    assert [one.key for one in found] == ["s0", "s1", "s2", "s3", "tiny"]
    raw = [means.welch(*kept[one.key]).p_value for one in found[:4]]
    np.testing.assert_allclose([one.p_value for one in found[:4]], adjust(raw))
    assert [one.comparison.p_value for one in found[:4]] == raw
    assert (found[4].comparison, found[4].p_value) == (None, None)
    assert "the treatment has 1" in found[4].refused


def test_none_and_all_refused():
    assert by_segment({}, means.welch, multiplicity.holm) == []
    (found,) = by_segment({"a": (Sample.of([1.0]), Sample.of([]))}, means.welch, multiplicity.holm)
    assert found.refused is not None


def test_heterogeneity():
    kept = segments(np.random.default_rng(1), [0.0, 0.2, 0.5])
    found = heterogeneity(kept)
    effects = np.array([t.mean - c.mean for t, c in kept.values()])
    variances = np.array([t.standard_error**2 + c.standard_error**2 for t, c in kept.values()])
    expected = combine_effects(effects, variances)
    assert found.statistic == pytest.approx(expected.q)
    assert found.share == pytest.approx(expected.i2)
    assert found.p_value == pytest.approx(expected.test_homogeneity().pvalue)
    assert found.degrees == 2


def test_the_same_effect_everywhere():
    rng = np.random.default_rng(2)
    rejected = sum(heterogeneity(segments(rng, [0.3] * 4)).p_value < 0.05 for _ in range(400))
    assert 8 <= rejected <= 34
    same = (Sample(100, 1, 1), Sample(100, 0, 1))
    assert heterogeneity({"a": same, "b": same}).share == 0


def test_too_few_segments():
    with pytest.raises(Refused, match="it needs 2 segments with values, there are 1"):
        heterogeneity({"a": (Sample(9, 1, 1), Sample(9, 1, 1)), "b": (Sample.of([1.0]), Sample(9, 1, 1))})
