"""Who takes part, and who is given what."""

from collections import Counter

import pytest
from experiments import define, started
from hypothesis import given
from hypothesis import strategies as st

from bandit import Engine, InvalidInput, NotFound, Reweight, StoredExperiment, WrongState
from bandit.assignment import share
from bandit.gate import Gate

UNITS = [f"user-{n}" for n in range(400)]
GERMAN = {"attribute": "country", "operator": "equals", "value": "DE"}


def split(engine, key="copy", **rest):
    return started(engine, key, type="ab_test", **rest)


def reasons(engine, key="copy", units=UNITS):
    return {unit: engine.choose(key, unit).reason for unit in units}


def taking_part(engine, key="copy", units=UNITS):
    return {unit for unit, reason in reasons(engine, key, units).items() if reason in ("hashed", "sticky")}


def test_who_takes_no_part_is_served_the_control_and_nothing_is_logged(engine):
    split(engine, targeting=GERMAN, variants=("short", "long"))
    decision = engine.choose("copy", "ann", attributes={"country": "US"}, idempotency_key="once")
    assert decision == ("", "copy", "short", {}, 1.0, 0, "not_targeted", ())
    assert engine.choose("copy", "ann").reason == "not_targeted"
    assert engine.choose("copy").reason == "not_targeted"
    assert sum(variant.decisions for variant in engine.results("copy").variants) == 0
    with pytest.raises((InvalidInput, NotFound)):
        engine.reward(decision.id, 1.0)
    assert engine.choose("copy", "ann", attributes={"country": "DE"}).reason == "hashed"


def test_the_control_is_the_variant_that_is_marked_as_one(engine):
    variants = [{"key": "a"}, {"key": "b", "is_control": True, "config": {"text": "Pay"}}]
    engine.create({"key": "x", "variants": variants, "metrics": [{"key": "m"}], "targeting": GERMAN})
    engine.start("x")
    assert engine.choose("x", "ann")[2:4] == ("b", {"text": "Pay"})


def test_targeting_may_change_while_an_experiment_runs(engine):
    split(engine, targeting=GERMAN)
    assert engine.choose("copy", "ann").reason == "not_targeted"
    engine.update("copy", {"targeting": {"not": GERMAN}})
    assert engine.choose("copy", "ann", attributes={"country": "US"}).reason == "hashed"
    engine.update("copy", {"targeting": None})
    assert engine.choose("copy", "bob").reason == "hashed"


def test_traffic_that_grows_only_adds_units_and_moves_none(engine):
    split(engine, traffic=0)
    before: dict[str, str] = {}
    for traffic in (0, 10, 30, 100):
        engine.update("copy", {"traffic": traffic})
        decisions = {unit: engine.choose("copy", unit) for unit in UNITS}
        now = {unit: decision.variant for unit, decision in decisions.items() if decision.id}
        assert before.items() <= now.items()
        assert {decision.reason for decision in decisions.values() if not decision.id} <= {"not_in_traffic"}
        assert abs(len(now) - 4 * traffic) < 40
        before = now
    assert len(before) == len(UNITS)
    assert engine.choose("copy").reason == "drawn"  # of all units, whether named or not
    engine.update("copy", {"traffic": 99})
    assert engine.choose("copy").reason == "not_in_traffic"


@given(st.floats(0.0, 100.0), st.floats(0.0, 100.0), st.floats(1.0, 1e6), st.floats(0.0, 1e6), st.floats(0.0, 1e6))
def test_a_share_of_traffic_never_falls_as_percentage_and_time_grow(one, other, ramp, early, late):
    def traffic(percent, now):
        experiment = define(type="ab_test", traffic=percent, ramp=ramp)
        return Gate(StoredExperiment(**dict(experiment), started_at=0.0)).traffic(now)

    low, high = sorted((one, other))
    early, late = sorted((early, late))
    assert 0.0 <= traffic(low, early) <= traffic(high, early) <= traffic(high, late) <= 1.0


def test_a_ramp_grows_in_a_straight_line_from_the_start(engine, clock):
    split(engine, traffic=50, ramp="100s")
    assert taking_part(engine) == set()
    shares = {unit: share("copy/traffic", unit) for unit in UNITS}
    for seconds, traffic in ((25, 0.125), (50, 0.25), (100, 0.5), (1000, 0.5)):
        clock.now = 1_800_000_000.0 + seconds
        assert taking_part(engine) == {unit for unit in UNITS if shares[unit] < traffic}


def test_layers_exclude(engine):
    for key, lower, upper in (("one", 0.0, 0.4), ("two", 0.4, 0.7), ("three", 0.7, 1.0)):
        split(engine, key, layer={"key": "checkout", "lower": lower, "upper": upper})
    split(engine, "elsewhere", layer={"key": "search", "lower": 0.0, "upper": 0.5})
    one, two, three = (taking_part(engine, key) for key in ("one", "two", "three"))
    assert one | two | three == set(UNITS)
    assert len(one) + len(two) + len(three) == len(UNITS)
    assert 0.3 < len(one) / len(UNITS) < 0.5
    elsewhere = taking_part(engine, "elsewhere")
    assert 0.35 < len(one & elsewhere) / len(one) < 0.65  # another layer is independent
    assert engine.choose("one").reason == "not_in_layer"


def test_overlapping_slices_are_refused_by_name(engine):
    split(engine, "one", layer={"key": "checkout", "lower": 0.0, "upper": 0.5})
    engine.create(define("two", type="ab_test", layer={"key": "checkout", "lower": 0.4, "upper": 1.0}))
    engine.create(define("of-sessions", layer={"key": "checkout", "lower": 0.5}, unit_kind="session"))
    with pytest.raises(WrongState, match=r"layer: \[0.4, 1\) of layer 'checkout' overlaps \[0, 0.5\), which 'one' has"):
        engine.start("two")
    with pytest.raises(WrongState, match="'one' assigns units of kind 'user' in layer 'checkout', not 'session'"):
        engine.start("of-sessions")
    engine.pause("one")  # its units are still its own
    with pytest.raises(WrongState) as refused:
        engine.start("two")
    assert [error.field for error in refused.value.errors] == ["layer"]
    with pytest.raises(WrongState, match="layer"):
        engine.update("one", {"layer": {"key": "checkout", "upper": 0.3}})
    engine.complete("one")
    assert engine.start("two").status == "running"


def test_the_global_holdout_is_kept_out_of_every_experiment(engine):
    split(engine, "one")
    split(engine, "two", traffic=50)
    before = taking_part(engine, "two")
    engine.settings.update({"holdout": 0.2})
    held = {unit for unit, reason in reasons(engine, "one").items() if reason == "held_out"}
    assert held == {unit for unit in UNITS if share("holdout", unit) < 0.2}
    assert taking_part(engine, "two") == before - held
    assert engine.choose("one").reason == "drawn"  # without a unit, none is kept out
    engine.settings.reset("holdout")
    assert taking_part(engine, "two") == before


def test_the_global_switch_serves_the_control_everywhere(engine):
    split(engine, forced={"qa": "short"})
    engine.create(define("draft"))
    engine.settings.update({"enable_experiments": False})
    assert [engine.choose("copy", unit)[2:] for unit in ("ann", "qa")] == [
        ("control", {}, 1.0, 0, "experiments_off", ())
    ] * 2
    with pytest.raises(WrongState, match="draft"):
        engine.choose("draft")


def test_cohorts(engine):
    engine.cohorts.create({"key": "vip", "units": ["ann"], "condition": GERMAN})
    split(engine, targeting={"operator": "in_cohort", "value": "vip"})
    assert engine.choose("copy", "ann").reason == "hashed"
    assert engine.choose("copy", "bob").reason == "not_targeted"
    assert engine.choose("copy", "bob", attributes={"country": "DE"}).reason == "hashed"
    engine.cohorts.update("vip", {"units": ["eve"], "condition": None})
    assert {unit: engine.choose("copy", unit).id != "" for unit in ("ann", "bob", "eve")} == {
        "ann": False,
        "bob": False,
        "eve": True,
    }
    with pytest.raises(WrongState, match="cohort 'vip' is named by experiment 'copy'"):
        engine.cohorts.remove("vip")


def test_a_cohort_is_removed_when_nothing_names_it_any_more(tmp_path):
    """Whichever process was told of what names it, and whether that was read back from the store or not."""
    naming = {"operator": "in_cohort", "value": "vip"}
    rule = {"name": "vip", "when": {"not": naming}, "variant": "on"}
    flag = {"key": "switch", "type": "boolean", "variants": {"on": True}}
    with Engine(tmp_path / "d.db") as one, Engine(tmp_path / "d.db") as other:
        one.cohorts.create({"key": "vip", "units": ["ann"]})
        one.create(define("draft", segments=[{"when": naming, "weights": {"short": 1}}], type="ab_test"))
        split(one, targeting={"any": [GERMAN, naming]})
        other.flags.create({**flag, "environments": {"staging": {"rules": [rule]}}})
        for engine in (one, other):
            with pytest.raises(WrongState, match=r"named by flag 'switch', experiment 'draft', experiment 'copy'$"):
                engine.cohorts.remove("vip")
        other.flags.update("switch", {"environments": {}})
        one.update("copy", {"targeting": GERMAN})
        with pytest.raises(WrongState, match=r"named by experiment 'draft'$"):
            other.cohorts.remove("vip")
        one.archive("draft")
        other.cohorts.remove("vip")
        assert one.cohorts.list() == []
        assert one.update("draft", {"name": "of what was"}).name == "of what was"


def test_a_cohort_that_another_process_changes(tmp_path):
    with Engine(tmp_path / "d.db") as one, Engine(tmp_path / "d.db") as other:
        one.cohorts.create({"key": "vip", "units": ["ann"]})
        split(one, targeting={"operator": "in_cohort", "value": "vip"})
        assert [engine.choose("copy", "ann").id != "" for engine in (one, other)] == [True, True]
        other.cohorts.update("vip", {"units": ["bob"]})
        assert [engine.choose("copy", "ann").id != "" for engine in (one, other)] == [False, False]


def test_an_unknown_cohort_is_refused_where_it_is_named(engine):
    naming = {"operator": "in_cohort", "value": "nobody"}
    with pytest.raises(InvalidInput) as refused:
        engine.create(define(targeting={"any": [GERMAN, {"not": naming}]}))
    assert [tuple(error) for error in refused.value.errors] == [
        ("targeting.any[1].not.value", "cohort 'nobody' is unknown")
    ]
    split(engine)
    with pytest.raises(InvalidInput, match=r"segments\[0\].when.value: cohort 'nobody' is unknown"):
        engine.update("copy", {"segments": [{"when": naming, "weights": {"short": 1}}]})
    assert engine.get("copy").segments == []


def test_forced_units_are_served_their_variant_and_never_count(engine, clock):
    engine.create(
        {
            "key": "copy",
            "variants": [{"key": "control"}, {"key": "short"}, {"key": "next", "weight": 0}],
            "metrics": [{"key": "purchase", "window": "60s", "missing": 0.0}],
            "targeting": GERMAN,
            "forced": {"qa": "short", "qa-2": "next"},
        }
    )
    engine.start("copy")
    for unit, variant in (("qa", "short"), ("qa-2", "next")):
        decision = engine.choose("copy", unit)
        assert decision[2:] == (variant, {}, 1.0, 1, "forced", ())
        assert engine.activate(decision.id) == "activated"
        assert engine.reward(decision.id, 1.0) == "applied"
        assert engine.retract(decision.id) == "retracted"
        assert engine.reward(decision.id, 1.0) == "applied"
    clock.now += 120.0
    results = engine.results("copy")
    assert [(variant.decisions, variant.units) for variant in results.variants] == [(0, 0)] * 3
    assert [variant.metrics["purchase"].count for variant in results.variants] == [0.0] * 3
    engine.update("copy", {"forced": {}})
    assert engine.choose("copy", "qa").reason == "not_targeted"
    assert engine.choose("copy", "qa", attributes={"country": "DE"}).reason in ("drawn", "hashed")


def test_a_forced_decision_is_repeated_by_its_idempotency_key(engine):
    split(engine, forced={"qa": "short"})
    first = engine.choose("copy", "qa", idempotency_key="once")
    assert engine.choose("copy", "qa", idempotency_key="once") == first


def test_what_is_forced_must_be_eligible(engine):
    split(engine, forced={"qa": "short"})
    assert engine.choose("copy", "qa", eligible=["control"]).variant == "control"
    with pytest.raises(InvalidInput, match=r"eligible\[0\]"):
        engine.choose("copy", "qa", eligible=["shrt"])


def test_a_unit_keeps_its_variant_for_a_time(engine, clock):
    started(engine, sticky_for="1h", reweight=Reweight(floor=0.5))
    first = engine.choose("copy", "ann")
    clock.now += 3599.0
    assert engine.choose("copy", "ann")[2:] == (first.variant, {}, 0.5, first.epoch, "sticky", ())
    clock.now += 1.0
    again = engine.choose("copy", "ann")
    assert again.reason == "drawn"
    seen = {again.variant}
    for _ in range(30):
        assert engine.choose("copy", "ann").variant == again.variant
        clock.now += 3600.0
        again = engine.choose("copy", "ann")
        seen.add(again.variant)
    assert seen == {"control", "short"}
    assert sum(variant.units for variant in engine.results("copy").variants) == 32


def test_each_experiment_assigns_units_of_its_kind(engine):
    split(engine, "of-users")
    split(engine, "of-sessions", unit_kind="session")
    units = {"user": "ann", "session": "s-1"}
    of_user = engine.choose("of-users", units=units)
    assert engine.choose("of-users", "ann").variant == of_user.variant
    assert engine.choose("of-users", units={**units, "session": "s-2"}).reason == "sticky"
    assert engine.choose("of-sessions", units=units).reason == "hashed"
    assert engine.choose("of-sessions", units={**units, "session": "s-2"}).reason == "hashed"
    assert engine.choose("of-sessions", "s-1").reason == "sticky"
    with pytest.raises(InvalidInput, match="units: 'of-sessions' assigns a unit of kind 'session', given 'user'"):
        engine.choose("of-sessions", units={"user": "ann"})
    with pytest.raises(InvalidInput, match="units: give unit or units, not both"):
        engine.choose("of-users", "ann", units=units)


def test_segments_have_weights_of_their_own(engine):
    segments = [
        {"when": GERMAN, "weights": {"short": 1.0}},
        {"when": {"attribute": "age", "operator": "less", "value": 30}, "weights": {"control": 3.0, "short": 1.0}},
    ]
    split(engine, segments=segments)
    german = [engine.choose("copy", f"g{n}", attributes={"country": "DE", "age": 20}) for n in range(50)]
    young = [engine.choose("copy", f"y{n}", attributes={"age": 20}) for n in range(400)]
    others = [engine.choose("copy", f"o{n}") for n in range(400)]
    assert {(each.variant, each.propensity) for each in german} == {("short", 1.0)}
    assert {(each.variant, each.propensity) for each in young} == {("control", 0.75), ("short", 0.25)}
    assert {(each.variant, each.propensity) for each in others} == {("control", 0.5), ("short", 0.5)}
    assert 250 < Counter(each.variant for each in young)["control"] < 350
    for each in [*german, *young, *others]:
        engine.reward(each.id, 1.0)
    assert engine.choose("copy", "y0", attributes={"age": 20}).variant == young[0].variant
    with pytest.raises(InvalidInput, match=r"segments\[0\] gives every variant given weight 0"):
        engine.choose("copy", "g0", attributes={"country": "DE"}, eligible=["control"])
    results = engine.results("copy")
    assert not [finding for finding in results.quality if finding.kind == "sample_ratio"]
    assert [(each.method, each.effect, each.refused) for each in results.comparisons] == [("wagers", 0.0, None)]
    engine.update("copy", {"segments": [{"when": GERMAN, "weights": {"control": 1.0}}]})
    moved = engine.choose("copy", "g0", attributes={"country": "DE"})
    assert (moved.variant, moved.epoch, moved.reason) == ("control", 2, "reassigned")


def test_at_random_units_keep_what_was_drawn(engine):
    split(engine, assignment="random")
    first = {unit: engine.choose("copy", unit) for unit in UNITS[:100]}
    assert {(each.reason, each.propensity) for each in first.values()} == {("drawn", 0.5)}
    engine.update("copy", {"variants": [{"key": "control", "weight": 1}, {"key": "short", "weight": 9}]})
    for unit, decision in first.items():
        assert engine.choose("copy", unit)[2:] == (*decision[2:6], "sticky", ())
    hashed = split(engine, "hashed")
    assert {unit: engine.choose(hashed.key, unit).variant for unit in first} != {
        unit: each.variant for unit, each in first.items()
    }


def test_turns_are_taken_in_permuted_blocks(engine):
    variants = [{"key": "a", "weight": 2}, {"key": "b", "weight": 1}, {"key": "c", "weight": 0}]
    engine.create(
        {"key": "x", "type": "ab_test", "variants": variants, "metrics": [{"key": "m"}], "assignment": "round_robin"}
    )
    engine.start("x")
    decisions = [engine.choose("x", f"u{n}") for n in range(60)]
    assert {each.reason for each in decisions} == {"round_robin"}
    assert {(each.variant, each.propensity) for each in decisions} == {("a", 2 / 3), ("b", 1 / 3)}
    blocks = ["".join(each.variant for each in decisions[at : at + 3]) for at in range(0, 60, 3)]
    assert set(blocks) == {"aab", "aba", "baa"}
    assert engine.choose("x", "u0").reason == "sticky"
    engine.update("x", {"variants": [{"key": "a", "weight": 1}, {"key": "b", "weight": 1}, {"key": "c", "weight": 1}]})
    assert {engine.choose("x", f"v{n}").variant for n in range(3)} == {"a", "b", "c"}


def test_turns_are_shared_by_processes(tmp_path):
    with Engine(tmp_path / "d.db") as one, Engine(tmp_path / "d.db") as other:
        split(one, assignment="round_robin", sticky=False)
        taken = [engine.choose("copy").variant for _ in range(10) for engine in (one, other, other)]
        assert all(set(taken[at : at + 2]) == {"control", "short"} for at in range(0, 30, 2))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"forced": {"qa": "shrt"}}, "forced.qa: 'shrt' is not a variant; it has control, short"),
        ({"segments": [{"when": GERMAN, "weights": {"shrt": 1}}]}, r"segments\[0\].weights.shrt: 'shrt' is not a var"),
        ({"segments": [{"when": GERMAN, "weights": {"short": 0}}]}, r"segments\[0\].weights: at least one must be abo"),
        ({"segments": [{"when": GERMAN, "weights": {"short": -1}}]}, r"segments\[0\].weights.short: .* given -1"),
        ({"segments": [{"when": {"operator": "like"}, "weights": {"short": 1}}]}, r"segments\[0\].when.operator: unkn"),
        ({"layer": {"key": "x", "lower": 0.5, "upper": 0.5}}, r"layer.upper: must be above lower \(0.5\), given 0.5"),
        ({"layer": {"key": "x", "lower": -0.1}}, "layer.lower: .* given -0.1"),
        ({"layer": {"key": "x", "upper": 1.1}}, "layer.upper: .* given 1.1"),
        ({"traffic": 101}, "traffic: .* given 101"),
        ({"ramp": 0}, "ramp: .* given 0"),
        ({"sticky": False, "sticky_for": "1d"}, "sticky_for: only sticky units keep a variant"),
        ({"sticky": False, "assignment": "hash"}, "assignment: only sticky units keep a variant"),
        ({"type": "bandit", "assignment": "random"}, "assignment: goes with a fixed split, not with 'thompson_beta'"),
        ({"assignment": "round_robin", "reweight": {"holdout": 0.1}}, "assignment: 'round_robin' goes without"),
        ({"type": "shadow", "assignment": "random"}, "assignment: goes with a fixed split, not with a shadow"),
        ({"type": "shadow", "forced": {"qa": "short"}}, "forced: a shadow experiment serves the control"),
        ({"type": "shadow", "policy": {"name": "ucb1"}}, "policy: a shadow learns nothing, given 'ucb1'"),
    ],
)
def test_bad_input_is_refused_by_name(fields, message):
    variants = [{"key": "control"}, {"key": "short"}]
    with Engine() as engine, pytest.raises(InvalidInput, match=message):
        engine.create({"key": "x", "type": "ab_test", "variants": variants, "metrics": [{"key": "m"}], **fields})


def test_turns_need_whole_weights():
    variants = [{"key": "control", "weight": 0.5}, {"key": "short"}]
    with Engine() as engine, pytest.raises(InvalidInput, match="assignment: 'round_robin' needs weights that are who"):
        engine.create(
            {
                "key": "x",
                "type": "ab_test",
                "variants": variants,
                "metrics": [{"key": "m"}],
                "assignment": "round_robin",
            }
        )


@pytest.mark.parametrize(
    "field", [{"sticky_for": 60.0}, {"unit_kind": "session"}, {"assignment": "random"}, {"layer": {"key": "x"}}]
)
def test_what_a_running_experiment_may_not_change_is_refused_by_name(field):
    with Engine() as engine:
        split(engine)
        (name,) = field
        with pytest.raises(WrongState, match=name):
            engine.update("copy", field)


def test_who_takes_part_is_the_same_after_a_restart(tmp_path, clock):
    path = tmp_path / "d.db"
    with Engine(path, clock=clock) as engine:
        engine.cohorts.create({"key": "vip", "units": UNITS[:200]})
        targeting = {"operator": "in_cohort", "value": "vip"}
        split(engine, targeting=targeting, traffic=50, layer={"key": "x", "upper": 0.5}, sticky_for="1d")
        before = {unit: engine.choose("copy", unit)[2:5] for unit in UNITS}
    with Engine(path, clock=clock) as engine:
        assert {unit: engine.choose("copy", unit)[2:5] for unit in UNITS} == before


def test_validation_finds_cohorts_that_do_not_exist():
    definition = {
        "key": "x",
        "variants": [{"key": "a"}, {"key": "b"}],
        "metrics": [{"key": "m"}],
        "targeting": {"any": [GERMAN, {"operator": "in_cohort", "value": "vip"}]},
    }
    with Engine() as engine:
        found = engine.validate(definition).errors
        assert [(each.field, each.message) for each in found] == [("targeting.any[1].value", "cohort 'vip' is unknown")]
        engine.cohorts.create({"key": "vip"})
        assert engine.validate(definition).errors == []
