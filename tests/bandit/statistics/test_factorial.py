"""Analysis of variance against statsmodels, and the alias structure of textbook fractions."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from hypothesis import given, settings
from statsmodels.stats.anova import anova_lm
from strategies import seeds

from bandit.statistics.comparison import Refused
from bandit.statistics.factorial import anova
from bandit.statistics.sample import Sample

TWO = ("low", "high")


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_unbalanced_against_statsmodels(seed):
    random = np.random.default_rng(seed)
    factors = {"a": TWO, "b": ("p", "q", "r"), "c": TWO}
    rows, cells = [], {}
    for key in product(*factors.values()):
        values = random.normal(
            (key[0] == "high") * 0.5 + (key[1] == "q") * (key[2] == "high"), 1, random.integers(2, 9)
        )
        cells[key] = Sample.of(values)
        rows += [(*key, value) for value in values]
    frame = pd.DataFrame(rows, columns=[*"abc", "y"])
    model = smf.ols("y ~ C(a, Sum) * C(b, Sum) * C(c, Sum)", frame).fit()
    theirs = anova_lm(model, typ=3)
    ours = anova(factors, cells)
    assert [term.name for term in ours.terms] == ["a", "b", "c", "a:b", "a:c", "b:c", "a:b:c"]
    for term in ours.terms:
        row = theirs.loc[":".join(f"C({name}, Sum)" for name in term.name.split(":"))]
        expected = (row["df"], row["sum_sq"], row["F"], row["PR(>F)"])
        assert (term.degrees, term.sum_squares, term.f, term.p_value) == pytest.approx(expected, rel=1e-7)
        assert (term.estimate is None) == (term.degrees > 1)
        assert not term.aliases
    residual = theirs.loc["Residual"]
    assert (ours.residual_degrees, ours.residual_sum_squares) == pytest.approx((residual["df"], residual["sum_sq"]))
    # statsmodels codes the levels by their alphabet, the first as 1 and the last as -1.
    a = ours.terms[0]
    assert a.estimate == pytest.approx(2 * model.params["C(a, Sum)[S.high]"])
    assert a.interval == pytest.approx(tuple(2 * model.conf_int().loc["C(a, Sum)[S.high]"]))


def test_estimates_are_what_they_say():
    means = {("low", "low"): 1.0, ("high", "low"): 3.0, ("low", "high"): 10.0, ("high", "high"): 18.0}
    terms = anova({"a": TWO, "b": TWO}, {key: Sample(50, mean, 1.0) for key, mean in means.items()}).terms
    # a: +2 at the low level of b and +8 at the high one; half of the 6 between them is the interaction.
    assert [term.estimate for term in terms] == pytest.approx([5.0, 12.0, 3.0])


def half_fraction(levels=(-1, 1)):
    return {(a, b, c, a * b * c): Sample(20, 3.0 * a + 0.5 * b * c, 1.0) for a, b, c in product(levels, repeat=3)}


def test_a_half_fraction_of_four_factors():
    # 2^(4-1) with D = ABC, resolution IV: main effects with three-factor, two-factor with each other.
    result = anova(dict.fromkeys("ABCD", (-1, 1)), half_fraction())
    assert {term.name: term.aliases for term in result.terms} == {
        "A": ("B:C:D",),
        "B": ("A:C:D",),
        "C": ("A:B:D",),
        "D": ("A:B:C",),
        "A:B": ("C:D",),
        "A:C": ("B:D",),
        "A:D": ("B:C",),
    }
    assert result.mean_aliases == ("A:B:C:D",)
    estimates = {term.name: term.estimate for term in result.terms}
    assert estimates["A"] == pytest.approx(6.0)
    assert estimates["A:D"] == pytest.approx(1.0)  # what B:C does is seen here
    assert result.residual_degrees == 8 * 19


def test_a_resolution_iii_fraction():
    # 2^(7-4): seven factors in eight cells, each main effect with three two-factor interactions.
    keys = [(a, b, c, a * b, a * c, b * c, a * b * c) for a, b, c in product((-1, 1), repeat=3)]
    result = anova(dict.fromkeys("ABCDEFG", (-1, 1)), {key: Sample(5, key[0], 1.0) for key in keys})
    assert [term.name for term in result.terms] == list("ABCDEFG")
    two = {term.name: [alias for alias in term.aliases if alias.count(":") == 1] for term in result.terms}
    assert two["A"] == ["B:D", "C:E", "F:G"]
    assert all(len(aliases) == 3 for aliases in two.values())


def test_a_latin_square():
    # Three factors of three levels in nine cells: each main effect is mixed with the interaction of the others.
    cells = {(a, b, (a + b) % 3): Sample(10, float(a), 1.0) for a, b in product(range(3), repeat=2)}
    result = anova(dict.fromkeys("ABC", (0, 1, 2)), cells)
    aliases = {term.name: term.aliases for term in result.terms}
    assert list(aliases) == ["A", "B", "C"]
    assert "B:C" in aliases["A"]
    assert "A:C" in aliases["B"]
    assert "A:B" in aliases["C"]


def test_a_plackett_burman_design():
    # Eleven factors are too many here; ten of its columns do: each interaction is spread over the other main effects.
    first = np.array([1, 1, -1, 1, 1, 1, -1, -1, -1, 1, -1])
    rows = [*(np.roll(first, shift) for shift in range(11)), -np.ones(11, int)]
    cells = {tuple(map(int, row[:4])): Sample(4, 0.0, 1.0) for row in rows}
    result = anova(dict.fromkeys("ABCD", (-1, 1)), cells)
    assert {term.name for term in result.terms} >= set("ABCD")


def test_an_empty_cell_is_as_not_tried():
    cells = {key: Sample(10, 1.0 * index, 1.0) for index, key in enumerate(product(TWO, TWO))}
    cells["high", "high"] = Sample(0, 0.0, 0.0)
    result = anova({"a": TWO, "b": TWO}, cells)
    assert {term.name: term.aliases for term in result.terms} == {"a": ("a:b",), "b": ("a:b",)}


def test_refusals():
    one = Sample(5, 1.0, 1.0)
    with pytest.raises(ValueError, match=r"factors\.a: levels"):
        anova({"a": ("x",)}, {("x",): one})
    with pytest.raises(ValueError, match="must have a level of each of a"):
        anova({"a": TWO}, {("low",): one, ("middle",): one})
    with pytest.raises(Refused, match="two cells"):
        anova({"a": TWO}, {("low",): one})
    with pytest.raises(Refused, match="values that vary"):
        anova({"a": TWO}, {("low",): Sample.of([1]), ("high",): Sample.of([2])})
    with pytest.raises(Refused, match="11 factors"):
        anova(dict.fromkeys("abcdefghijk", TWO), {("low",) * 11: one, ("high",) * 11: one})
