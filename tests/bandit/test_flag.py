"""What makes a flag, and what is refused by name."""

import json

import pytest

from bandit import InvalidInput, NotFound, WrongState, documents
from bandit.flag import Flag
from bandit.prerequisites import FLAG

SWITCH = {"key": "switch", "type": "boolean", "variants": {"on": True, "off": False}, "default_variant": "off"}


def switch(**changes):
    return {**SWITCH, **changes}


def ruled(**rule):
    return switch(rules=[{"name": "first", **rule}])


def test_a_flag_survives_json():
    rules = [
        {"name": "staff", "when": {"attribute": "mail", "operator": "ends_with", "value": "@x.org"}, "variant": "on"},
        {"name": "rest", "priority": 2, "split": {"on": 25, "off": 75}, "percentage": 50, "start_at": 5.0},
    ]
    flag = Flag.model_validate(switch(rules=rules, overrides={"u": "on"}, environments={"test": {"enabled": False}}))
    assert Flag.model_validate_json(flag.model_dump_json()) == flag
    assert flag.rules[1].split == {"on": 25.0, "off": 75.0}
    assert flag.salt == "switch"


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("boolean", [True, False], [1, "true", None]),
        ("string", ["", "é"], [True, None, ["a"]]),
        ("integer", [0, -7, 2**53 - 1], [True, 1.0, "1", 2**53]),
        ("number", [0.5, 1, -3], [True, "1", None, float("inf")]),
        ("object", [{}, {"a": [None, 1.5]}, [1, "b"]], [1, "x", None, {"a": float("nan")}]),
    ],
)
def test_values_fit_the_type(engine, kind, good, bad):
    for number, value in enumerate(good):
        engine.flags.create({"key": f"f{number}", "type": kind, "variants": {"a": value}})
    for value in bad:
        with pytest.raises(InvalidInput, match=r"variants\.a"):
            engine.flags.create({"key": "bad", "type": kind, "variants": {"a": value}})
    assert len(engine.flags.list()) == len(good)


def test_a_number_is_written_as_a_float(engine):
    engine.flags.create({"key": "f", "type": "number", "variants": {"a": 1}})
    assert json.dumps(engine.flags.get("f").variants) == '{"a": 1.0}'


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (switch(key="a b"), "key: String should match"),
        (switch(variants={}), "variants: Dictionary should have at least 1 item"),
        (switch(variants={"a b": True}), "variants.a b"),
        (switch(default_variant="maybe"), "default_variant: 'maybe' is not a variant; there are 'on', 'off'"),
        (switch(overrides={"u": "maybe"}), "overrides.u: 'maybe' is not a variant"),
        (switch(surprise=1), "surprise: Extra inputs"),
        (switch(start_at=5.0, end_at=5.0), r"end_at: must be after start_at \(5\), given 5"),
        (ruled(), "variant, split: give one of the two"),
        (ruled(variant="on", split={"on": 100}), "variant, split: give one of the two"),
        (ruled(variant="maybe"), r"rules\[0\].variant: 'maybe' is not a variant"),
        (ruled(split={"maybe": 100}), r"rules\[0\].split: 'maybe' is not a variant"),
        (ruled(split={"on": -1, "off": 101}), r"rules\[0\].split.off"),
        (ruled(split={"on": -1, "off": 50}), r"split.on: must be 0 or more, given -1"),
        (ruled(split={"on": 0, "off": 0}), "split: must sum to 100, given 0"),
        (ruled(split={"on": 25, "off": 74}), "split: must sum to 100, given 99"),
        (ruled(split={}), "split: must sum to 100, given 0"),
        (ruled(variant="on", percentage=101), "rules.*percentage"),
        (ruled(variant="on", when={"attribute": "a", "operator": "resembles", "value": 1}), "unknown operator"),
        (
            switch(rules=[{"name": "a", "variant": "on"}, {"name": "a", "variant": "off"}]),
            r"rules\[0\].name: 'a' is given twice",
        ),
        (
            switch(environments={"test": {"default_variant": "maybe"}}),
            "environments.test.default_variant: 'maybe' is not a variant",
        ),
        (
            switch(environments={"test": {"rules": [{"name": "a", "variant": "maybe"}]}}),
            r"environments.test.rules\[0\].variant: 'maybe' is not a variant",
        ),
        (switch(prerequisites=[{"flag": "none", "variant": "on"}]), r"prerequisites\[0\].flag: 'none' is not a flag"),
        (switch(experiment="none"), "experiment: 'none' is not an experiment"),
    ],
)
def test_what_is_wrong_is_named(engine, given, message):
    with pytest.raises(InvalidInput, match=message):
        engine.flags.create(given)
    assert engine.flags.list() == []


def test_prerequisites_are_of_variants_that_exist(engine):
    engine.flags.create(switch(key="a"))
    with pytest.raises(InvalidInput, match=r"prerequisites\[0\].variant: 'maybe' is not one of 'a': 'on', 'off'"):
        engine.flags.create(switch(key="b", prerequisites=[{"flag": "a", "variant": "maybe"}]))
    engine.flags.create(switch(key="b", prerequisites=[{"flag": "a", "variant": "on"}]))
    with pytest.raises(InvalidInput, match="variants: 'on' is missing, and flag 'b' needs it"):
        engine.flags.update("a", {"variants": {"off": False}})
    with pytest.raises(WrongState, match="flag 'a' is a prerequisite of 'b'"):
        engine.flags.remove("a")
    engine.flags.update("b", {"prerequisites": []})
    engine.flags.remove("a")
    with pytest.raises(NotFound):
        engine.flags.get("a")


def needs(*keys):
    return {"prerequisites": [{"flag": key, "variant": "on"} for key in keys]}


def test_a_flag_names_cohorts_that_exist(engine):
    naming = {"name": "vip", "when": {"operator": "in_cohort", "value": "vip"}, "variant": "on"}
    with pytest.raises(InvalidInput, match=r"^rules\[0\].when.value: cohort 'vip' is unknown$"):
        engine.flags.create(switch(key="a", rules=[naming]))
    engine.flags.create(switch(key="a"))
    with pytest.raises(InvalidInput, match=r"environments.test.rules\[0\].when.value: cohort 'vip' is unknown"):
        engine.flags.update("a", {"environments": {"test": {"rules": [naming]}}})


def test_a_flag_whose_cohort_is_gone_can_be_turned_off(engine):
    """Former versions let a cohort go that was still named."""
    naming = {"name": "vip", "when": {"operator": "in_cohort", "value": "vip"}, "variant": "on"}
    engine.manage(lambda memory, by, now: documents.put(memory, FLAG, Flag(**switch(key="a", rules=[naming]))), None)
    assert not engine.flags.update("a", {"enabled": False}).enabled
    new = {"name": "new", "when": {"operator": "in_cohort", "value": "new"}, "variant": "on"}
    with pytest.raises(InvalidInput, match=r"^rules\[1\].when.value: cohort 'new' is unknown$"):
        engine.flags.update("a", {"rules": [naming, new]})


def test_prerequisites_do_not_go_round(engine):
    for key in "abc":
        engine.flags.create(switch(key=key))
    with pytest.raises(InvalidInput, match="prerequisites: go round in a circle: a -> a"):
        engine.flags.update("a", needs("a"))
    engine.flags.update("a", needs("b"))
    engine.flags.update("b", needs("c"))
    with pytest.raises(InvalidInput, match="prerequisites: go round in a circle: c -> a -> b -> c"):
        engine.flags.update("c", needs("a"))
    assert engine.flags.get("c").prerequisites == []


def test_prerequisites_are_not_endless(engine):
    engine.flags.create(switch(key="f0"))
    for number in range(1, 20):
        engine.flags.create(switch(key=f"f{number}", **needs(f"f{number - 1}")))
    for changes in (lambda: engine.flags.create(switch(key="f20", **needs("f19"))), lambda: deepen(engine)):
        with pytest.raises(InvalidInput, match="at most 20 flags that need each other, given f"):
            changes()


def deepen(engine):
    """Lengthens a chain at its lower end."""
    engine.flags.create(switch(key="floor"))
    engine.flags.update("f0", needs("floor"))


def test_a_flag_has_a_value_for_every_variant_of_its_experiment(engine):
    engine.create({"key": "x", "variants": [{"key": "on"}, {"key": "half"}], "metrics": [{"key": "m"}]})
    with pytest.raises(InvalidInput, match="variants: the experiment 'x' has 'half', and the flag has no such value"):
        engine.flags.create(switch(experiment="x"))
    engine.flags.create(switch(key="plain"))
    engine.flags.create(switch(key="needing", **needs("plain")))
    three = {"on": True, "off": False, "half": True}
    with pytest.raises(InvalidInput, match="experiment: flag 'needing' needs this one"):
        engine.flags.update("plain", {"experiment": "x", "variants": three})
    engine.flags.create(switch(key="backed", experiment="x", variants=three))
    with pytest.raises(InvalidInput, match="'backed' is decided by an experiment"):
        engine.flags.update("needing", needs("backed"))


def test_every_change_is_in_the_audit_log(engine):
    engine.flags.create(SWITCH)
    engine.flags.update("switch", {"enabled": False})
    engine.flags.remove("switch")
    with engine.reading() as reader:
        lines = [(line.action, line.detail) for _, line in reader.changes("flag", "switch", 1 << 62, 10)]
    assert lines == [("remove", ""), ("update", '{"enabled": [true, false]}'), ("create", "")]
