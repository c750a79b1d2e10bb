import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, chisquare

from bandit.assignment import share

# Made by an implementation in another language, from the steps in the module's docstring.
GOLDEN = json.loads((Path(__file__).parent / "shares.json").read_text())


@pytest.mark.parametrize("case", GOLDEN, ids=range(len(GOLDEN)))
def test_golden_vectors(case):
    assert share(case["salt"], case["unit"]) == int(case["top53"]) / 2**53


def test_shares_are_uniform():
    counts, _ = np.histogram([share("salt", f"user-{n}") for n in range(20_000)], bins=50, range=(0.0, 1.0))
    assert chisquare(counts).pvalue > 0.001


@pytest.mark.parametrize("other", ["holdout", "copy/traffic", "layer/a", "salt2"])
def test_shares_of_different_salts_are_independent(other):
    pairs = np.array([(share("salt", f"user-{n}"), share(other, f"user-{n}")) for n in range(20_000)])
    table, _, _ = np.histogram2d(pairs[:, 0], pairs[:, 1], bins=10, range=((0.0, 1.0), (0.0, 1.0)))
    assert chi2_contingency(table).pvalue > 0.001


@given(st.text(), st.text())
def test_a_share_is_at_least_zero_and_less_than_one(salt, unit):
    try:
        salt.encode(), unit.encode()
    except UnicodeEncodeError:
        return
    assert 0.0 <= share(salt, unit) < 1.0
