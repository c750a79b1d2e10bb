"""Adjusted p-values against statsmodels and published examples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from bandit.statistics import multiplicity
from bandit.statistics.multiplicity import ADJUSTMENTS

THEIRS = {
    "bonferroni": "bonferroni",
    "sidak": "sidak",
    "holm": "holm",
    "hochberg": "simes-hochberg",
    "benjamini_hochberg": "fdr_bh",
    "benjamini_yekutieli": "fdr_by",
}
# Benjamini and Hochberg 1995, section 4.
MYOCARDIAL = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528]
MYOCARDIAL += [0.7590, 1.0]
probabilities = st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 1.0, 0.05, 1e-310]))


@given(st.lists(probabilities, min_size=1, max_size=40), st.sampled_from(sorted(ADJUSTMENTS)))
def test_each_is_what_statsmodels_gives(values, name):
    # statsmodels goes through log1p(-1) for a p-value of 1.
    with np.errstate(divide="ignore"):
        theirs = multipletests(values, method=THEIRS[name])[1]
    assert ADJUSTMENTS[name](values) == pytest.approx(theirs, rel=1e-12, abs=1e-300)


@given(st.lists(probabilities, max_size=40), st.sampled_from(sorted(ADJUSTMENTS)), st.randoms())
def test_none_gets_smaller_and_order_does_not_matter(values, name, random):
    adjusted = ADJUSTMENTS[name](values)
    assert adjusted.shape == (len(values),)
    assert np.all(adjusted >= np.array(values) * (1.0 - 1e-12))
    assert np.all(adjusted <= 1.0)
    places = list(range(len(values)))
    random.shuffle(places)
    assert np.array_equal(ADJUSTMENTS[name]([values[place] for place in places]), adjusted[places])


@pytest.mark.parametrize(
    ("name", "rejections"), [("bonferroni", 3), ("holm", 3), ("hochberg", 3), ("benjamini_hochberg", 4)]
)
def test_the_example_of_benjamini_and_hochberg(name, rejections):
    assert np.sum(ADJUSTMENTS[name](MYOCARDIAL) <= 0.05) == rejections


def test_four_p_values():
    values = (0.01, 0.04, 0.03, 0.005)
    assert multiplicity.holm(values) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert multiplicity.benjamini_hochberg(values) == pytest.approx([0.02, 0.04, 0.04, 0.02])


def test_a_hundred_tiny_ones_stay_apart_from_zero():
    assert multiplicity.sidak([1e-300] * 100) == pytest.approx([1e-298] * 100)
    assert multiplicity.sidak([1e-17]) == pytest.approx([1e-17])


@pytest.mark.parametrize("name", sorted(ADJUSTMENTS))
@pytest.mark.parametrize("wrong", [[0.5, -0.1], [0.5, 1.1], [0.5, float("nan")]])
def test_what_is_no_p_value_is_refused(name, wrong):
    with pytest.raises(ValueError, match=r"p_values\[1\]: .* given, must lie between 0 and 1"):
        ADJUSTMENTS[name](wrong)
    with pytest.raises(ValueError, match="2 dimensions given"):
        ADJUSTMENTS[name]([[0.5]])
