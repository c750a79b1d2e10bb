"""The flags of an engine: seen by every process at once, decided by experiments, and off when they are to be."""

import threading

import pytest
from experiments import started, sums

from bandit import Engine, InvalidInput, StoreUnusable

SWITCH = {"key": "switch", "type": "boolean", "variants": {"on": True, "off": False}, "default_variant": "off"}
ON = [{"name": "all", "variant": "on"}]


@pytest.fixture
def switch(engine):
    return engine.flags.create(SWITCH)


@pytest.fixture
def backed(engine):
    """A flag behind which is an experiment."""
    started(engine, "x", variants=("on", "off"))
    return engine.flags.create({**SWITCH, "key": "backed", "experiment": "x"})


def decisions(engine, key="x"):
    return sum(variant.decisions for variant in engine.results(key).variants)


def test_a_flag_gives_its_value(engine, switch):
    assert engine.evaluate("switch") == ("switch", False, "off", "STATIC", {}, None, None)
    engine.flags.update("switch", {"rules": ON})
    assert engine.evaluate("switch", "u")[1:5] == (True, "on", "TARGETING_MATCH", {"rule": "all"})
    engine.flags.update("switch", {"enabled": False})
    assert engine.evaluate("switch", "u")[1:4] == (False, "off", "DISABLED")


def test_the_default_of_the_code_is_given_where_there_is_no_other(engine, switch):
    engine.flags.update("switch", {"default_variant": None})
    assert engine.evaluate("switch", default=7)[1:4] == (7, None, "STATIC")
    assert engine.evaluate("nope", default=7)[1:6] == (7, None, "ERROR", {}, "FLAG_NOT_FOUND")


@pytest.mark.parametrize(
    ("unit", "attributes", "message"),
    [
        ("", None, "unit: must be a text of 1 to 256 characters, given ''"),
        ("u" * 257, None, "unit: must be a text"),
        (7, None, "unit: must be a text of 1 to 256 characters, given 7"),
        ("\ud800", None, "half a character"),
        ("u", [1], r"attributes: must be a mapping, given \[1\]"),
    ],
)
def test_a_context_that_is_none_is_an_error(engine, switch, unit, attributes, message):
    engine.flags.update("switch", {"rules": [{"name": "half", "split": {"on": 50, "off": 50}}]})
    found = engine.evaluate("switch", unit, attributes, "mine")
    assert (found.value, found.reason, found.error_code) == ("mine", "ERROR", "INVALID_CONTEXT")
    with pytest.raises(InvalidInput, match=message):
        engine.evaluate_all(unit, attributes)


def test_schedules_follow_the_clock(engine, clock, switch):
    day = 86_400.0
    engine.flags.update("switch", {"rules": [{**ON[0], "start_at": clock.now + day}], "end_at": clock.now + 2 * day})
    seen = []
    for _ in range(3):
        seen.append(engine.evaluate("switch").reason)
        clock.now += day
    assert seen == ["DEFAULT", "TARGETING_MATCH", "DISABLED"]


def test_flags_are_switched_off_all_at_once(engine, switch, backed):
    engine.flags.update("switch", {"rules": ON})
    engine.settings.update({"enable_feature_flags": False})
    for found in (*engine.evaluate_all("u"), engine.evaluate("switch", "u"), engine.evaluate("backed", "u")):
        assert (found.value, found.reason, found.metadata) == (False, "DISABLED", {"disabled": "flags_off"})
    engine.settings.reset("enable_feature_flags")
    assert engine.evaluate("switch").value is True


def test_an_environment_has_rules_of_its_own(engine, switch):
    engine.flags.update("switch", {"environments": {"staging": {"rules": ON}, "test": {"enabled": False}}})
    seen = {}
    for name in ("staging", "test", "production"):
        engine.settings.update({"environment": name})
        seen[name] = engine.evaluate("switch").reason
    assert seen == {"staging": "TARGETING_MATCH", "test": "DISABLED", "production": "STATIC"}


def test_a_cohort_is_looked_up_when_it_changes(engine, switch):
    cohorts = engine.cohorts
    cohorts.create({"key": "beta", "units": ["u"]})
    condition = {"operator": "in_cohort", "value": "beta"}
    engine.flags.update("switch", {"rules": [{"name": "beta", "when": condition, "variant": "on"}]})
    assert [engine.evaluate("switch", unit).value for unit in "uv"] == [True, False]
    cohorts.update("beta", {"units": ["v"]})
    assert [engine.evaluate("switch", unit).value for unit in "uv"] == [False, True]


def test_processes_see_what_others_change_at_once(tmp_path):
    with Engine(tmp_path / "x.db") as one, Engine(tmp_path / "x.db") as other:
        assert other.evaluate("switch").error_code == "FLAG_NOT_FOUND"
        one.flags.create(SWITCH)
        one.flags.create({**SWITCH, "key": "second"})
        assert other.evaluate("switch").value is False
        for wanted in (True, False, True):
            one.flags.update("switch", {"default_variant": "on" if wanted else "off"})
            assert other.evaluate("switch").value is wanted
            assert [found.value for found in other.evaluate_all()] == [False, wanted]
        one.settings.update({"enable_feature_flags": False})
        assert other.evaluate("switch").reason == "DISABLED"
        one.flags.remove("switch")
        assert other.evaluate("switch").error_code == "FLAG_NOT_FOUND"
        assert other.evaluate("second").reason == "DISABLED"


def test_threads_never_see_an_older_flag_after_a_newer(tmp_path):
    """Each change is seen by every thread that asks once it is made, while others ask all the time."""
    with Engine(tmp_path / "x.db") as one, Engine(tmp_path / "x.db") as other:
        one.flags.create({"key": "count", "type": "integer", "variants": {"n": 0}, "default_variant": "n"})
        made, wrong, done = [0], [], threading.Event()

        def ask():
            while not done.is_set():
                least = made[0]
                value = other.evaluate("count").value
                if value < least:
                    wrong.append((value, least))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(1, 60):
            one.flags.update("count", {"variants": {"n": number}})
            made[0] = number
        done.set()
        for thread in threads:
            thread.join()
        assert wrong == []


def test_only_what_changed_is_read_and_compiled_again(tmp_path):
    with Engine(tmp_path / "x.db") as one, Engine(tmp_path / "x.db") as other:
        for number in range(3):
            one.flags.create({**SWITCH, "key": f"f{number}"})
        other.evaluate_all()
        before = {key: other._flags._moment.find(key) for key in ("f0", "f1", "f2")}
        one.flags.update("f1", {"rules": ON})
        one.flags.remove("f2")
        assert [found.value for found in other.evaluate_all()] == [False, True]
        after = other._flags._moment
        assert after.find("f0") is before["f0"]
        assert after.find("f1") is not before["f1"]


def test_a_closed_engine_evaluates_nothing(tmp_path):
    engine = Engine(tmp_path / "x.db")
    engine.flags.create(SWITCH)
    engine.evaluate("switch")
    engine.close()
    with pytest.raises(StoreUnusable, match="this engine is closed"):
        engine.evaluate("switch")


def test_evaluation_needs_neither_lock_nor_store(engine, switch):
    """Another thread may sit on the journal, and in memory and alone nothing is asked of the store either."""
    engine.evaluate("switch")
    entered, leave = threading.Event(), threading.Event()
    asked_to_leave = []

    def sit(memory, now):
        entered.set()
        asked_to_leave.append(leave.wait(10))

    sitting = threading.Thread(target=engine._journal.run, args=(sit,))
    sitting.start()
    entered.wait(10)
    try:
        assert engine.evaluate("switch").value is False
        assert len(engine.evaluate_all()) == 1
    finally:
        leave.set()
        sitting.join()
    assert asked_to_leave == [True]


def test_an_experiment_decides_and_it_counts(engine, backed):
    found = engine.evaluate("backed", "u", {"country": "NL"})
    assert (found.reason, found.value) == ("SPLIT", found.variant == "on")
    told = dict(found.metadata)
    assert told.pop("decision_id")
    assert told == {"experiment": "x", "decision_reason": "drawn", "propensity": 0.5, "epoch": 1}
    again = engine.evaluate("backed", "u")
    assert (again.variant, again.metadata["decision_reason"]) == (found.variant, "sticky")
    assert decisions(engine) == 2
    engine.reward(found.metadata["decision_id"], 1.0)
    assert sums(engine, "x") == {found.variant: (1, 1.0)}


def test_a_decision_waits_where_it_is_to(engine, backed):
    found = engine.evaluate("backed", "u", defer=True)
    assert found.metadata["deferred"] is True
    assert decisions(engine) == 0
    engine.flags.update("backed", {"defer": True})
    assert engine.evaluate("backed", "u").variant == found.variant
    assert decisions(engine) == 0
    assert engine.evaluate("backed", "v", defer=False).variant
    assert decisions(engine) == 1


def test_all_at_once_nothing_counts(engine, backed, switch):
    first = engine.evaluate_all("u")
    assert [found.key for found in first] == ["backed", "switch"]
    assert engine.evaluate_all("u") == first
    assert decisions(engine) == 0
    assert engine.evaluate("backed", "u").variant == first[0].variant
    assert engine.evaluate_all("u")[0].variant == first[0].variant
    assert decisions(engine) == 1


def test_all_at_once_a_unit_keeps_what_it_has(engine, backed):
    for number in range(20):
        had = engine.evaluate("backed", f"u{number}")
        found = engine.evaluate_all(f"u{number}")[0]
        assert (found.variant, found.metadata["decision_id"]) == (had.variant, had.metadata["decision_id"])
    assert decisions(engine) == 20


def test_all_at_once_tells_when_the_weights_change(engine, backed):
    before = engine.evaluate_all("u")
    engine.update("x", {"variants": [{"key": "on", "weight": 3}, {"key": "off"}]})
    after = engine.evaluate_all("u")
    assert after != before
    assert after[0].variant == before[0].variant
    assert after[0].metadata["current_epoch"] == before[0].metadata["current_epoch"] + 1


def test_all_at_once_without_seats_values_last_as_long_as_the_epoch(engine):
    started(engine, "x", variants=("on", "off"), sticky=False)
    engine.flags.create({**SWITCH, "experiment": "x"})
    first = engine.evaluate_all("u", {"page": 1})
    assert engine.evaluate_all("u", {"page": 1}) == first
    ids = {engine.evaluate_all(unit, {"page": page})[0].metadata["decision_id"] for unit in "uv" for page in (1, 2)}
    assert len(ids) == 4
    assert decisions(engine) == 0
    assert engine.evaluate("switch").reason == "SPLIT"
    assert engine.evaluate_all()[0].error_code == "TARGETING_KEY_MISSING"


def test_what_cannot_be_decided_is_the_default(engine, backed):
    assert engine.evaluate("backed", default=3)[1:6:4] == (3, "TARGETING_KEY_MISSING")
    assert engine.evaluate("backed", "u", {"a": {1, 2}}).error_code == "INVALID_CONTEXT"
    assert engine.evaluate_all("u", {"a": {1, 2}})[0].error_code == "INVALID_CONTEXT"
    engine.pause("x")
    for found in (engine.evaluate("backed", "u"), *engine.evaluate_all("u")):
        assert (found.value, found.variant, found.reason) == (False, "off", "DEFAULT")
        assert found.metadata == {"experiment": "x", "undecided": "experiment 'x' is paused: resume it first"}


def test_a_policy_reads_its_features_from_the_attributes(engine):
    started(engine, "x", variants=("on", "off"), features=[{"key": "hour", "lower": 0, "upper": 23}])
    engine.flags.create({**SWITCH, "experiment": "x"})
    assert engine.evaluate("switch", "u", {"hour": 9, "country": "NL"}).reason == "SPLIT"
    found = engine.evaluate("switch", "v", {"country": "NL"})
    assert found.error_code == "INVALID_CONTEXT"
    assert "hour" in found.error_details
    assert engine.evaluate_all("w", {"hour": 9})[0].reason == "SPLIT"


@pytest.mark.parametrize(
    ("more", "variant", "reason"),
    [
        ({"forced": {"u": "off"}}, "off", "forced"),
        ({"type": "shadow", "policy": None}, "on", "control"),
    ],
)
def test_all_at_once_is_the_same_again_whatever_the_experiment(engine, more, variant, reason):
    started(engine, "x", variants=("on", "off"), **more)
    engine.flags.create({**SWITCH, "experiment": "x"})
    first = engine.evaluate_all("u")
    assert (first[0].variant, first[0].metadata["decision_reason"]) == (variant, reason)
    assert engine.evaluate_all("u") == first
    assert decisions(engine) == 0


def test_a_unit_that_takes_no_part_gets_the_default(engine):
    condition = {"attribute": "country", "operator": "equals", "value": "NL"}
    started(engine, "x", variants=("on", "off"), targeting=condition)
    engine.flags.create({**SWITCH, "experiment": "x"})
    for found in (engine.evaluate("switch", "u", {"country": "DE"}), *engine.evaluate_all("u", {"country": "DE"})):
        assert (found.variant, found.reason, found.metadata["decision_reason"]) == ("off", "DEFAULT", "not_targeted")
    assert engine.evaluate("switch", "u", {"country": "NL"}).reason == "SPLIT"
