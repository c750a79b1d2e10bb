"""What a flag gives, and why: the order of what decides, and the arithmetic of splits."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandit.assignment import marks_of, rendezvous, share
from bandit.evaluation import CompiledFlag
from bandit.flag import Flag, FlagEnvironment
from bandit.matcher import compiled

UNITS = [f"user-{number}" for number in range(10_000)]
OFF = {"disabled": "not_enabled"}
MATCH = "TARGETING_MATCH"
DUTCH = {"attribute": "country", "operator": "equals", "value": "NL"}


def compile_flag(*, environment=None, on=True, **fields):
    given = {"key": "f", "type": "string", "variants": {key: key.upper() for key in "abc"}, "default_variant": "a"}
    flag = Flag.model_validate({**given, **fields})
    here = environment and FlagEnvironment.model_validate(environment)
    return CompiledFlag(flag, here, lambda condition: compiled(condition, {}), on=on)


def evaluate(flag, unit="u", now=1000.0, others=None, **attributes):
    return flag.evaluate(attributes, unit, now, (others or {}).get)


def variants(flag, units=UNITS):
    return [evaluate(flag, unit).variant for unit in units]


def rule(name, variant="b", **more):
    return {"name": name, "variant": variant, **more}


@pytest.mark.parametrize(
    ("fields", "variant", "reason", "metadata"),
    [
        ({}, "a", "STATIC", {}),
        ({"default_variant": None}, None, "STATIC", {}),
        ({"rules": [rule("dutch", when=DUTCH)]}, "b", MATCH, {"rule": "dutch"}),
        ({"rules": [rule("others", when={"not": DUTCH})]}, "a", "DEFAULT", {}),
        ({"rules": [rule("all")]}, "b", MATCH, {"rule": "all"}),
        (
            {"rules": [rule("late", priority=2), rule("soon", "c", priority=1)]},
            "c",
            "TARGETING_MATCH",
            {"rule": "soon"},
        ),
        ({"rules": [rule("one"), rule("two", "c")]}, "b", MATCH, {"rule": "one"}),
        ({"rules": [{"name": "s", "split": {"b": 0, "c": 100}}]}, "c", "SPLIT", {"rule": "s"}),
        ({"rules": [rule("none", percentage=0), rule("rest", "c")]}, "c", MATCH, {"rule": "rest"}),
        ({"rules": [rule("before", end_at=1000.0)]}, "a", "DEFAULT", {}),
        ({"rules": [rule("from", start_at=1000.0)]}, "b", MATCH, {"rule": "from"}),
        ({"start_at": 1000.0, "end_at": 1001.0}, "a", "DEFAULT", {}),
        ({"start_at": 1000.5, "rules": [rule("all")]}, "a", "DISABLED", {"disabled": "not_scheduled"}),
        ({"end_at": 1000.0, "rules": [rule("all")]}, "a", "DISABLED", {"disabled": "not_scheduled"}),
        (
            {"enabled": False, "rules": [rule("all")], "overrides": {"u": "c"}},
            "a",
            "DISABLED",
            {"disabled": "not_enabled"},
        ),
        ({"enabled": False, "default_variant": None}, None, "DISABLED", OFF),
        ({"on": False, "rules": [rule("all")]}, "a", "DISABLED", {"disabled": "flags_off"}),
        ({"on": False, "start_at": 2000.0}, "a", "DISABLED", {"disabled": "flags_off"}),
        ({"overrides": {"u": "c"}, "rules": [rule("all")]}, "c", MATCH, {"override": True}),
        ({"overrides": {"v": "c"}}, "a", "DEFAULT", {}),
        ({"environment": {"enabled": False}}, "a", "DISABLED", OFF),
        ({"environment": {"enabled": True}, "enabled": False}, "a", "STATIC", {}),
        ({"environment": {"default_variant": "b"}}, "b", "STATIC", {}),
        ({"environment": {"rules": []}, "rules": [rule("all")]}, "a", "STATIC", {}),
        (
            {"environment": {"rules": [rule("here", "c")]}, "rules": [rule("all")]},
            "c",
            "TARGETING_MATCH",
            {"rule": "here"},
        ),
    ],
)
def test_what_decides_and_why(fields, variant, reason, metadata):
    found = evaluate(compile_flag(**fields), country="NL")
    assert (found.variant, found.reason, found.metadata) == (variant, reason, metadata)
    assert found.value == (variant and variant.upper())


def test_an_experiment_decides_last():
    flag = compile_flag(experiment="x", overrides={"v": "c"}, rules=[rule("dutch", when=DUTCH)])
    assert evaluate(flag) is None
    assert evaluate(flag, country="NL").variant == "b"
    assert evaluate(flag, "v").variant == "c"
    assert flag.decided("c", {"epoch": 3}) == ("f", "C", "c", "SPLIT", {"epoch": 3}, None, None)
    assert flag.decided("new", {}) == ("f", "A", "a", "DEFAULT", {"unknown_variant": "new"}, None, None)


@pytest.mark.parametrize("more", [{"split": {"b": 50, "c": 50}}, {"variant": "b", "percentage": 50}])
def test_a_split_needs_a_unit_where_it_is_reached(more):
    flag = compile_flag(rules=[{"name": "part", "when": DUTCH, **more}])
    assert evaluate(flag, None).reason == "DEFAULT"
    found = evaluate(flag, None, country="NL")
    assert (found.reason, found.error_code) == ("ERROR", "TARGETING_KEY_MISSING")
    assert "'part'" in found.error_details


def test_prerequisites_must_serve_their_variant():
    flag = compile_flag(prerequisites=[{"flag": "p", "variant": "b"}], rules=[rule("all", "c")])
    unmet = ("a", "DEFAULT", {"prerequisite": "p"})
    for other, expected in (
        (compile_flag(key="p", rules=[rule("dutch", when=DUTCH)]), ("c", MATCH, {"rule": "all"})),
        (compile_flag(key="p"), unmet),
        (compile_flag(key="p", enabled=False, rules=[rule("all")]), unmet),
        (compile_flag(key="p", default_variant="b"), ("c", MATCH, {"rule": "all"})),
        (compile_flag(key="p", default_variant="b", enabled=False), unmet),
        (compile_flag(key="p", experiment="x"), unmet),
        (None, unmet),
    ):
        found = evaluate(flag, others={"p": other} if other else {}, country="NL")
        assert (found.variant, found.reason, found.metadata) == expected


def test_prerequisites_that_share_theirs_are_asked_once():
    asked = []
    others = {}
    for depth in range(18):
        needed = [{"flag": f"{depth - 1}{side}", "variant": "a"} for side in "lr"] if depth else []
        for side in "lr":
            others[f"{depth}{side}"] = compile_flag(key=f"{depth}{side}", prerequisites=needed)

    def find(key):
        asked.append(key)
        return others[key]

    assert others["17l"].evaluate({}, "u", 0.0, find).variant == "a"
    assert sorted(asked) == sorted(key for key in others if not key.startswith("17"))


def test_a_split_is_the_published_hash():
    flag = compile_flag(rules=[{"name": "s", "split": {"a": 20, "b": 30, "c": 50}}, rule("never")])
    marks, weights = marks_of("abc"), np.array([20.0, 30.0, 50.0])
    expected = ["abc"[rendezvous("flag/f/s", unit, marks, weights)] for unit in UNITS[:500]]
    assert variants(flag, UNITS[:500]) == expected
    part = compile_flag(rules=[rule("p", percentage=30)])
    inside = [share("flag/f/p/percentage", unit) < 0.3 for unit in UNITS[:500]]
    assert [variant == "b" for variant in variants(part, UNITS[:500])] == inside


def test_splits_and_percentages_are_exact_shares():
    served = variants(compile_flag(rules=[{"name": "s", "split": {"a": 20, "b": 30, "c": 50}}]))
    for key, part in (("a", 0.2), ("b", 0.3), ("c", 0.5)):
        off = served.count(key) - part * len(UNITS)
        assert abs(off) < 4 * math.sqrt(part * (1 - part) * len(UNITS))
    served = variants(compile_flag(rules=[rule("p", percentage=12.5)]))
    assert abs(served.count("b") - len(UNITS) / 8) < 4 * math.sqrt(len(UNITS) / 8 * 7 / 8)


def test_splits_of_different_rules_and_flags_are_independent():
    half = {"a": 50, "b": 50}
    one, other = ({"rules": [{"name": name, "split": half}]} for name in ("one", "other"))
    first = variants(compile_flag(**one))
    for second in (variants(compile_flag(**other)), variants(compile_flag(key="g", **one))):
        same = sum(x == y for x, y in zip(first, second, strict=True))
        assert abs(same - len(UNITS) / 2) < 4 * math.sqrt(len(UNITS) / 4)
    assert variants(compile_flag(key="g", salt="f", **one)) == first


weights = st.lists(st.integers(0, 100), min_size=3, max_size=3).filter(any)


def served_by(shares, units):
    total = sum(shares)
    split = {key: 100.0 * share / total for key, share in zip("abc", shares, strict=True)}
    return variants(compile_flag(rules=[{"name": "s", "split": split}]), units)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(before=weights, after=weights)
def test_a_unit_moves_only_to_what_has_grown_beside_what_it_had(before, after):
    units = UNITS[:300]
    for old, new in zip(served_by(before, units), served_by(after, units), strict=True):
        x, y = "abc".index(old), "abc".index(new)
        assert old == new or after[y] * before[x] > before[y] * after[x]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(before=weights.filter(all), more=st.integers(1, 500))
def test_a_variant_that_grows_only_takes(before, more):
    """No split could move fewer."""
    units = UNITS[:300]
    after = [before[0] + more, *before[1:]]
    for old, new in zip(served_by(before, units), served_by(after, units), strict=True):
        assert new in (old, "a")


def test_a_percentage_that_grows_only_adds_units():
    flags = [compile_flag(rules=[rule("p", percentage=part)]) for part in (1, 5, 25, 100)]
    inside = [{unit for unit in UNITS if evaluate(flag, unit).variant == "b"} for flag in flags]
    assert inside[0] < inside[1] < inside[2] < inside[3] == set(UNITS)
