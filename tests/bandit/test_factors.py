"""Factors make the variants of an experiment, and their effects are those that a simulation put there."""

import itertools
import random

import pandas
import pytest
from pydantic import ValidationError
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from bandit import Experiment, InvalidInput, WrongState

COLOUR = {"key": "colour", "levels": ["red", "blue"]}
SIZE = {"key": "size", "levels": ["s", {"key": "l", "config": {"px": 30}}, "xl"]}
PRICE = {"key": "price", "levels": ["low", "high"]}


def define(factors=(COLOUR, SIZE), **rest):
    metrics = rest.pop("metrics", [{"key": "buy"}])
    return {"key": "grid", "type": "ab_test", "factors": list(factors), "metrics": metrics, **rest}


def test_levels_make_the_variants():
    experiment = Experiment.model_validate(define())
    assert [variant.key for variant in experiment.variants] == [
        "red-s",
        "red-l",
        "red-xl",
        "blue-s",
        "blue-l",
        "blue-xl",
    ]
    assert experiment.variants[4].config == {"colour": "blue", "px": 30}
    assert experiment.variants[4].levels == {"colour": "blue", "size": "l"}
    assert [variant.key for variant in experiment.variants if variant.is_control] == ["red-s"]
    assert Experiment.model_validate_json(experiment.model_dump_json()) == experiment


def test_a_fraction_tries_a_part_and_the_control():
    factors = [COLOUR, PRICE, {"key": "text", "levels": ["short", "long"]}]
    experiment = Experiment.model_validate(define(factors, fraction={"resolution": 3}))
    assert [variant.key for variant in experiment.variants] == [
        "red-low-short",
        "red-high-long",
        "blue-low-long",
        "blue-high-short",
    ]
    named = Experiment.model_validate(define(factors, fraction={"generators": {"text": ["colour", "price"]}}))
    assert named.variants == experiment.variants


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"factors": [COLOUR, COLOUR]}, "factors: key 'colour' is given twice"),
        ({"factors": [{"key": "f", "levels": ["a", "a"]}]}, "levels: a level of 'f' is given twice"),
        ({"factors": [{"key": "f", "levels": ["a"]}]}, "at least 2"),
        (
            {"factors": [COLOUR, {"key": "f", "levels": ["a", {"key": "b", "config": {"colour": 1}}]}]},
            r"factors\[1\].levels\[1\].config: 'colour' is set by 'colour' too",
        ),
        ({"factors": [{"key": str(n), "levels": ["a", "b"]} for n in range(10)]}, "1024 combinations.*take a fraction"),
        (
            {"factors": [{"key": "f", "levels": ["a" * 60, "b"]}, {"key": "g", "levels": ["c" * 60, "d"]}]},
            "100 letters",
        ),
        ({"factors": [], "fraction": {"resolution": 3}}, "fraction: given, but there are no factors"),
        ({"fraction": {"resolution": 3}}, r"factors\[1\].levels: 3 given, must be 2 in a fraction"),
        ({"factors": [COLOUR, PRICE], "fraction": {"resolution": 3}}, "takes all combinations of 2 factors"),
        ({"factors": [COLOUR, PRICE], "fraction": {}}, "exactly one must be given"),
        ({"factors": [COLOUR, PRICE], "fraction": {"generators": {"price": ["colour"]}}}, "always change together"),
        ({"factors": [COLOUR, PRICE], "fraction": {"generators": {"price": ["x"]}}}, "generators.price: 'x' must be"),
        ({"factors": [COLOUR, PRICE], "fraction": {"generators": {"x": ["colour"]}}}, "'x' is not a factor"),
        ({"factors": []}, "variants: missing"),
        ({"factors": [], "variants": [{"key": "a", "levels": {"x": "y"}}, {"key": "b"}]}, "there are no factors"),
        (
            {"variants": [{"key": "a"}, {"key": "b"}]},
            r"variants\[0\].levels: must name a level of each of colour, size",
        ),
        (
            {"factors": [COLOUR], "variants": [{"key": k, "levels": {"colour": "red"}} for k in "ab"]},
            r"variants\[1\].levels: the same as another",
        ),
        (
            {"factors": [COLOUR], "variants": [{"key": k, "levels": {"colour": k}} for k in "ab"]},
            r"variants\[0\].levels.colour: 'a' given, must be one of red, blue",
        ),
    ],
)
def test_what_makes_no_design_is_refused(changes, said):
    with pytest.raises(ValidationError, match=said):
        Experiment.model_validate(define() | changes)


def test_a_drafts_variants_follow_its_factors_and_a_running_ones_stay(engine):
    engine.create(define())
    assert len(engine.update("grid", {"factors": [COLOUR, PRICE]}).variants) == 4
    engine.start("grid")
    with pytest.raises(WrongState, match="factors"):
        engine.update("grid", {"factors": [COLOUR, SIZE]})
    with pytest.raises(WrongState, match="variants"):
        engine.update("grid", {"variants": engine.get("grid").model_dump(mode="json")["variants"][:3]})


def fill(engine, rates, count=150, seed=5):
    """Has every variant earn by the levels that it has."""
    random_of = random.Random(seed).random
    variants = {variant.key: variant for variant in engine.get("grid").variants}
    for _ in range(count * len(variants)):
        decision = engine.choose("grid")
        engine.reward(decision.id, float(random_of() < rates(variants[decision.variant].levels)))


def rate(levels):
    """A main effect of colour of .3, none of price, and an interaction."""
    blue, high = levels["colour"] == "blue", levels["price"] == "high"
    return 0.3 + 0.3 * blue + 0.2 * (blue and high) - 0.1 * high


@pytest.fixture
def filled(engine):
    engine.create(define([COLOUR, PRICE], sticky=False))
    engine.start("grid")
    fill(engine, rate)
    return engine


def test_effects_are_those_of_a_linear_model(filled):
    values = {"colour": [], "price": [], "buy": []}
    for variant, result in zip(filled.get("grid").variants, filled.results("grid").variants, strict=True):
        count, total = (round(part) for part in (result.metrics["buy"].count, result.metrics["buy"].sum))
        for place in range(count):
            values["colour"].append(1 if variant.levels["colour"] == "blue" else -1)
            values["price"].append(1 if variant.levels["price"] == "high" else -1)
            values["buy"].append(float(place < total))
    model = ols("buy ~ colour * price", pandas.DataFrame(values)).fit()
    table = anova_lm(model, typ=3)
    found = filled.factorial("grid")
    assert [effect.term for effect in found.effects] == ["colour", "price", "colour:price"]
    for effect in found.effects:
        assert effect.estimate == pytest.approx(2.0 * model.params[effect.term])
        assert effect.p_value == pytest.approx(table.loc[effect.term, "PR(>F)"])
        assert effect.adjusted_p_value >= effect.p_value
        assert effect.interval[0] < effect.estimate < effect.interval[1]
        assert not effect.aliases
    assert found.effects[0].significant
    assert (found.units, found.metric, found.correction, found.refused) == (600, "buy", "holm", None)


def test_a_fraction_names_what_it_mixes(engine):
    factors = [COLOUR, PRICE, {"key": "text", "levels": ["short", "long"]}]
    engine.create(define(factors, sticky=False, fraction={"resolution": 3}, analysis={"sequential": True}))
    engine.start("grid")
    fill(engine, lambda levels: 0.5, count=20)
    found = engine.factorial("grid")
    assert {effect.term: effect.aliases for effect in found.effects} == {
        "colour": ["price:text"],
        "price": ["colour:text"],
        "text": ["colour:price"],
    }
    assert found.mean_aliases == ["colour:price:text"]
    assert any("fraction" in warning for warning in found.warnings)
    assert any("one look" in warning for warning in found.warnings)


def test_weights_that_moved_make_it_invalid(filled):
    filled.rebalance("grid", {"red-low": 3})
    fill(filled, rate, count=10)
    found = filled.factorial("grid")
    assert found.effects == []
    assert "weights have moved" in found.refused


def test_callers_that_restrict_variants_make_it_invalid(filled):
    filled.choose("grid", eligible=["red-low", "blue-low"])
    assert "weights have moved, or callers have restricted" in filled.factorial("grid").refused


def test_without_values_there_is_no_analysis(engine):
    engine.create(define([COLOUR, PRICE]))
    assert "needs two cells" in engine.factorial("grid").refused


def test_ratios_and_experiments_without_factors_have_none(engine):
    metrics = [
        {"key": "buy", "primary": True},
        {"key": "visits", "type": "count"},
        {"key": "share", "type": "ratio", "numerator": "buy", "denominator": "visits"},
    ]
    engine.create(define([COLOUR, PRICE], metrics=metrics))
    assert "numerator" in engine.factorial("grid", "share").refused
    with pytest.raises(InvalidInput, match="'nope' is not a metric"):
        engine.factorial("grid", "nope")
    engine.create({"key": "plain", "variants": [{"key": "a"}, {"key": "b"}], "metrics": [{"key": "m"}]})
    with pytest.raises(InvalidInput, match="'plain' has no factors"):
        engine.factorial("plain")


def test_combinations_that_cannot_be_are_left_out_by_giving_variants():
    cells = list(itertools.product(["red", "blue"], ["s", "l", "xl"]))[:-1]
    variants = [{"key": f"{c}{s}", "levels": {"colour": c, "size": s}} for c, s in cells]
    assert len(Experiment.model_validate(define(variants=variants)).variants) == 5
