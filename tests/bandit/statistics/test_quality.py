"""Findings about assignment, rewards and size."""

import json

import pytest
from scipy import stats

from bandit.statistics import quality, sample_ratio
from bandit.statistics.finding import p_text, percent


def numbers_are_json(finding):
    json.dumps(dict(finding.numbers), allow_nan=False)
    return True


def test_a_sample_ratio():
    found = quality.sample_ratio(["control", "short"], sample_ratio.fixed([821_588, 815_482], [1, 1]))
    assert (found.kind, found.severity) == ("sample_ratio", "critical")
    assert "control has 821,588 units for 818,535, short has 815,482 units for 818,535 expected" in found.message
    assert found.numbers["p_value"] == pytest.approx(1.8218e-6, abs=1e-10)
    assert numbers_are_json(found)
    assert quality.sample_ratio(["control", "short"], sample_ratio.fixed([505, 495], [1, 1])) is None


def test_an_impossible_unit():
    found = quality.sample_ratio(["a", "b", "c"], sample_ratio.fixed([500, 500, 1], [1, 1, 0]))
    assert found.numbers["statistic"] is None
    assert numbers_are_json(found)


def test_units_in_two_variants():
    assert quality.crossed(1000, 0) is None
    assert quality.crossed(0, 0) is None
    assert quality.crossed(1000, 9).severity == "warning"
    found = quality.crossed(1000, 10)
    assert found.severity == "critical"
    assert "10 of 1,000 units (1.0%) were given more than one variant." in found.message


def test_missing_rewards():
    keys = ["control", "short"]
    assert quality.missing_rewards(keys, [1000, 1000], [950, 945]) is None
    many = quality.missing_rewards(keys, [1000, 1000], [700, 710])
    assert many.severity == "warning"
    assert "30% of the trials have no reward (control 30%, short 29%)." in many.message
    differ = quality.missing_rewards(keys, [1000, 1000], [980, 900])
    assert differ.severity == "critical"
    expected = stats.chi2_contingency([[20, 980], [100, 900]], correction=False).pvalue
    assert differ.numbers["p_value"] == pytest.approx(expected, rel=1e-6)
    assert (differ.numbers["share_control"], differ.numbers["share_short"]) == (0.02, 0.1)
    assert numbers_are_json(differ)


def test_missing_rewards_of_few():
    assert quality.missing_rewards(["a", "b"], [0, 0], [0, 0]) is None
    assert quality.missing_rewards(["a", "b"], [10, 0], [10, 0]) is None
    assert quality.missing_rewards(["a", "b"], [10, 0], [0, 0]).numbers["share"] == 1.0
    assert quality.missing_rewards(["a", "b"], [1e12, 1e12], [1e12, 1e12]) is None


def test_size():
    assert quality.too_few_units(["a", "b"], [1000, 1000]) is None
    found = quality.too_few_units(["a", "b"], [1000, 999])
    assert (found.severity, found.message) == ("info", "Fewer than 1,000 units a variant: b has 999.")
    assert quality.too_few_days(7) is None
    assert quality.too_few_days(2.5).message == "The experiment has run for 2.5 days of 7."
    assert quality.too_few_days(2.5, least=2) is None


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0%"), (1, "100%"), (0.123, "12%"), (0.0123, "1.2%"), (0.0004, "0.04%"), (-0.5, "-50%")]
)
def test_percent(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(("p_value", "text"), [(0.0496, "p = 0.05"), (0.0123, "p = 0.012"), (0, "p < 0.0001")])
def test_p_text(p_value, text):
    assert p_text(p_value) == text
