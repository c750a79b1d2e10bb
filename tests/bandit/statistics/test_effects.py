"""Effect sizes against scipy, statsmodels and their definitions."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import gamma
from statsmodels.stats.proportion import proportion_effectsize
from strategies import proportions, values

from bandit.statistics import effects
from bandit.statistics.comparison import Refused
from bandit.statistics.proportion import Proportion
from bandit.statistics.sample import Sample


@given(values(), values())
def test_differences_of_means(treatment, control):
    samples = Sample.of(treatment), Sample.of(control)
    inner = sum(((arm - arm.mean()) ** 2).sum() for arm in (treatment, control))
    degrees = treatment.size + control.size - 2
    d = (treatment.mean() - control.mean()) / math.sqrt(inner / degrees)
    assert effects.cohen_d(*samples).value == pytest.approx(d)
    correction = gamma(degrees / 2) / (math.sqrt(degrees / 2) * gamma((degrees - 1) / 2))
    assert effects.hedges_g(*samples).value == pytest.approx(d * correction)


def test_hedges_g_is_unbiased():
    random = np.random.default_rng(1)
    drawn = [
        effects.hedges_g(Sample.of(random.normal(0.5, 1, 5)), Sample.of(random.normal(0, 1, 5))) for _ in range(9000)
    ]
    g = np.array([effect.value for effect in drawn])
    assert g.mean() == pytest.approx(0.5, abs=4 * g.std() / math.sqrt(len(g)))


@given(proportions(), proportions())
def test_h(treatment, control):
    assert effects.cohen_h(treatment, control).value == pytest.approx(
        proportion_effectsize(treatment.rate, control.rate)
    )


@given(st.lists(proportions(), min_size=2, max_size=6))
def test_v(arms):
    table = np.array([(arm.successes, arm.failures) for arm in arms], int)
    assume(table.sum(axis=0).all())
    v = effects.cramers_v(arms).value
    assert v == pytest.approx(stats.contingency.association(table, "cramer"), abs=1e-7)


@pytest.mark.parametrize(
    ("value", "word"), [(0.0, "negligible"), (0.199, "negligible"), (-0.2, "small"), (0.5, "medium"), (-0.81, "large")]
)
def test_words(value, word):
    # Four values each, of a variance of exactly 1.
    spread = np.array([-1, -1, 1, 1]) * math.sqrt(3) / 2
    effect = effects.cohen_d(Sample.of(spread + value * 1.0000001), Sample.of(spread))
    assert effect.magnitude == word


def test_words_for_association():
    sizes = [effects.cramers_v([Proportion(50 + k, 100), Proportion(50 - k, 100)]) for k in (4, 10, 30, 50)]
    assert [size.magnitude for size in sizes] == ["negligible", "small", "large", "large"]
    assert [size.value for size in sizes] == pytest.approx([0.08, 0.2, 0.6, 1.0])
    assert effects.cohen_h(Proportion(10, 10), Proportion(0, 10)).value == pytest.approx(math.pi)


def test_refusals():
    with pytest.raises(Refused, match="the values of neither arm vary"):
        effects.cohen_d(Sample.of([1, 1]), Sample.of([2, 2]))
    with pytest.raises(Refused, match="the control has 1"):
        effects.hedges_g(Sample.of([1, 2]), Sample.of([2]))
    with pytest.raises(Refused, match="has no trials"):
        effects.cohen_h(Proportion(0, 0), Proportion(1, 2))
    with pytest.raises(Refused, match="two arms or more"):
        effects.cramers_v([Proportion(1, 2)])
