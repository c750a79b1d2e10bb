from collections import Counter

import numpy as np
import pytest
from experiments import define, started
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import chisquare

from bandit import ChooseRequest, Engine, InvalidInput, Metric, NotFound, Reweight, WrongState
from bandit.decision import plain
from policies import POLICIES


def test_a_decision_has_all_that_its_caller_needs(engine):
    engine.create(
        {
            "key": "copy",
            "variants": [{"key": "a", "config": {"text": "Buy"}}, {"key": "b", "config": {"text": "Pay"}}],
            "metrics": [{"key": "m"}],
        }
    )
    engine.start("copy")
    decision = engine.choose("copy", unit="user-1", context={"hour": 9}, attributes={"country": "NL"})
    assert decision.experiment == "copy"
    assert decision.config == {"text": {"a": "Buy", "b": "Pay"}[decision.variant]}
    assert (decision.propensity, decision.epoch, decision.reason) == (0.5, 1, "drawn")


def test_units_keep_their_variant_whatever_is_learnt(engine):
    started(engine, reweight=Reweight(budget=1.0))
    first = {f"u{n}": engine.choose("copy", f"u{n}") for n in range(50)}
    for decision in first.values():
        engine.reward(decision.id, float(decision.variant == "short"))
    for unit, decision in first.items():
        again = engine.choose("copy", unit)
        assert (again.variant, again.propensity, again.epoch) == (decision.variant, decision.propensity, decision.epoch)
        assert again.reason == "sticky"
        assert again.id > decision.id


def test_the_next_choice_uses_an_acknowledged_reward(engine):
    started(engine, sticky=False)
    for _ in range(30):
        before = engine.choose("copy")
        engine.reward(before.id, float(before.variant == "short"))
        assert engine.choose("copy").epoch == before.epoch + 1
    weights = {variant.key: variant.weight for variant in engine.results("copy").variants}
    assert weights["short"] > 0.9
    assert sum(weights.values()) == pytest.approx(1.0)


def test_every_holds_the_weights(engine, clock):
    started(engine, sticky=False, reweight=Reweight(every=60.0))
    for _ in range(10):
        decision = engine.choose("copy")
        engine.reward(decision.id, 1)
        assert decision.epoch == 1
    clock.now += 61
    assert engine.choose("copy").epoch == 2
    assert engine.results("copy").reweighting.model_dump() == {"every": 60.0, "reason": "configured"}


def test_a_budget_that_is_spent_sets_the_cadence(engine):
    started(engine, sticky=False, reweight=Reweight(budget=1e-6))
    running = engine._memory.experiments["copy"]
    engine.reward(engine.choose("copy").id, 1)
    running.cadence.spend(5.0)
    before = engine.choose("copy").epoch
    engine.reward(engine.choose("copy").id, 1)
    assert engine.choose("copy").epoch == before
    reweighting = engine.results("copy").reweighting
    assert reweighting.reason == "budget"
    assert reweighting.every == pytest.approx(5e6)


def test_eligible_arms(engine):
    started(engine, variants=("a", "b", "c"), sticky=False, policy=POLICIES["ucb1"]())
    for _ in range(20):
        decision = engine.choose("copy", eligible=["a", "c"])
        assert decision.variant in "ac"
        assert decision.propensity == pytest.approx(0.5) or decision.propensity in (0.01, 0.99)
        engine.reward(decision.id, float(decision.variant == "a"))
    assert engine.choose("copy", eligible=["b"]).propensity == 1.0


@pytest.mark.parametrize(
    ("eligible", "message"),
    [
        (["x"], r"eligible\[0\]: 'x' is not a variant of 'copy': 'control', 'short'"),
        ([], "eligible"),
        (["control", 3], r"eligible\[1\]"),
    ],
)
def test_wrong_eligible_arms(engine, eligible, message):
    started(engine)
    with pytest.raises(InvalidInput, match=message):
        engine.choose("copy", eligible=eligible)


def test_a_unit_whose_variant_is_not_eligible_is_reassigned_for_that_call(engine):
    started(engine)
    first = engine.choose("copy", "u")
    other = "short" if first.variant == "control" else "control"
    second = engine.choose("copy", "u", eligible=[other])
    assert (second.variant, second.reason, second.propensity) == (other, "reassigned", 1.0)
    assert engine.choose("copy", "u").variant == first.variant


def test_a_variant_of_weight_zero_is_never_served(engine):
    engine.create(
        {
            "key": "copy",
            "variants": [{"key": "a"}, {"key": "off", "weight": 0}],
            "metrics": [{"key": "m"}],
        }
    )
    engine.start("copy")
    assert {engine.choose("copy", f"u{n}").variant for n in range(50)} == {"a"}
    with pytest.raises(InvalidInput, match="weight 0"):
        engine.choose("copy", eligible=["off"])


def test_an_idempotency_key_gets_the_same_decision(engine):
    started(engine, sticky=False)
    first = engine.choose("copy", "u", idempotency_key="k")
    assert all(engine.choose("copy", "u", idempotency_key="k") == first for _ in range(5))
    assert engine.choose("copy", "u", idempotency_key="l") != first
    assert sum(variant.decisions for variant in engine.results("copy").variants) == 2


def test_states(engine):
    with pytest.raises(NotFound, match="'copy' is unknown"):
        engine.choose("copy")
    engine.create(define())
    with pytest.raises(WrongState, match="'copy' is draft: start it first"):
        engine.choose("copy")
    engine.start("copy")
    engine.choose("copy")
    engine.pause("copy")
    with pytest.raises(WrongState, match="paused: resume it first"):
        engine.choose("copy")
    engine.resume("copy")
    engine.choose("copy")
    engine.stop("copy", "enough")
    with pytest.raises(WrongState, match="stopped"):
        engine.choose("copy")


@pytest.mark.parametrize(
    "arguments",
    [
        {"unit": ""},
        {"unit": "u" * 257},
        {"unit": 7},
        {"unit": "\ud800"},
        {"context": {"deep": [[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]}},
        {"context": {"big": "x" * 20_000}},
        {"context": {"none": object}},
        {"context": {"nan": float("nan")}},
        {"attributes": {"half": "\ud800"}},
        {"attributes": {1: 2}},
        {"attributes": 5},
        {"context": "none"},
        {"units": ["u"]},
        {"eligible": 5},
        {"eligible": "control"},
        {"defer": 1},
        {"idempotency_key": ""},
    ],
    ids=str,
)
def test_wrong_arguments_change_nothing(engine, arguments):
    started(engine)
    with pytest.raises(InvalidInput, match=next(iter(arguments))):
        engine.choose("copy", **arguments)
    assert sum(variant.decisions for variant in engine.results("copy").variants) == 0


def test_a_number_that_is_too_long_to_be_read_again(engine):
    started(engine)
    with pytest.raises(InvalidInput, match="context: cannot be read again as JSON: number out of range"):
        engine.choose("copy", context={"long": 10**5000})


def test_a_batch_answers_each(engine):
    started(engine)
    good, unknown, wrong = engine.choose_batch(
        [
            {"experiment": "copy", "unit": "u"},
            {"experiment": "nothing"},
            {"experiment": "copy", "unit": 3, "colour": "red"},
        ]
    )
    assert good.reason == "drawn"
    assert isinstance(unknown, NotFound)
    assert {error.field for error in wrong.errors} == {"unit", "colour"}
    with pytest.raises(InvalidInput, match="at most 1000"):
        engine.choose_batch([{"experiment": "copy"}] * 1001)


def test_a_fixed_split_is_the_published_hash(engine):
    from bandit.assignment import marks_of, rendezvous

    started(engine, variants=("a", "b", "c"), type="ab_test", salt="2026")
    marks, even = marks_of("abc"), np.ones(3)
    for n in range(100):
        decision = engine.choose("copy", f"u{n}")
        assert decision.variant == "abc"[rendezvous("2026", f"u{n}", marks, even)]
        assert decision.propensity == pytest.approx(1 / 3)
        assert engine.choose("copy", f"u{n}").variant == decision.variant


def test_new_weights_of_a_fixed_split_move_few(engine):
    started(engine, variants=("a", "b"), type="ab_test")
    before = {f"u{n}": engine.choose("copy", f"u{n}").variant for n in range(400)}
    engine.update("copy", {"variants": [{"key": "a", "weight": 1}, {"key": "b", "weight": 3}]})
    after = {unit: engine.choose("copy", unit) for unit in before}
    moved = [unit for unit in before if before[unit] != after[unit].variant]
    assert 60 <= len(moved) <= 140
    assert all(after[unit].variant == "b" and after[unit].reason == "reassigned" for unit in moved)
    assert after[moved[0]].propensity == 0.75


SHAPES = {
    "all": ({}, None),
    "mask": ({}, ["a", "c"]),
    "floor": ({"floor": 0.1}, None),
    "floor and mask": ({"floor": 0.2}, ["b", "d"]),
    "holdout": ({"holdout": 0.4}, None),
    "all three": ({"floor": 0.05, "holdout": 0.3}, ["a", "b", "d"]),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("policy", [name for name in POLICIES if not POLICIES[name].contextual])
def test_drawn_frequencies_are_the_logged_propensities(policy, shape):
    options, eligible = SHAPES[shape]
    counts = POLICIES[policy].rewards == "count"
    metric = Metric(key="m", type="count") if counts else Metric(key="m", type="continuous", lower=0.0, upper=1.0)
    with Engine(seed=11) as engine:
        started(
            engine,
            variants=("a", "b", "c", "d"),
            metrics=[metric],
            policy=POLICIES[policy](),
            reweight=Reweight(every="1h", budget=1.0, **options),
            sticky=False,
        )
        for arm, key in enumerate("abcd"):
            for n in range(6):
                engine.reward(engine.choose("copy", eligible=[key]).id, arm + n % 2 if counts else 0.2 * arm + 0.05 * n)
        engine.update("copy", {"reweight": {**options, "every": "2h", "budget": 1.0}})
        decisions = [engine.choose("copy", eligible=eligible) for _ in range(3000)]
        logged = {}
        for decision in decisions:
            assert logged.setdefault(decision.variant, decision.propensity) == decision.propensity
        assert 1.0 - 20 / 3000 < sum(logged.values()) < 1.0 + 1e-9
        counts = Counter(decision.variant for decision in decisions)
        seen = [key for key in logged if logged[key] * 3000 >= 5]
        observed = np.array([counts[key] for key in seen], float)
        expected = np.array([logged[key] for key in seen])
        if len(seen) > 1:
            assert chisquare(observed, expected / expected.sum() * observed.sum()).pvalue > 0.001
        assert engine.verify() == []


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_a_seed_repeats_the_draws(seed):
    def run():
        with Engine(seed=seed) as engine:
            started(engine, sticky=False)
            return [engine.choose("copy").variant for _ in range(20)]

    assert run() == run()


def test_a_unit_keeps_a_variant_for_each_set_of_eligible_ones(engine):
    started(engine, variants=("a", "b", "c", "d"), reweight=Reweight(budget=1.0))
    for n in range(20):
        unit = f"u{n}"
        first = engine.choose("copy", unit)
        others = [key for key in "abcd" if key != first.variant]
        masked = [engine.choose("copy", unit, eligible=others) for _ in range(4)]
        assert len({decision.variant for decision in masked}) == 1
        assert [decision.reason for decision in masked] == ["reassigned", "sticky", "sticky", "sticky"]
        assert engine.choose("copy", unit).variant == first.variant
        engine.reward(first.id, n % 2)
    assert sum(variant.units for variant in engine.results("copy").variants) == 40


def test_a_variant_taken_out_is_not_served_to_those_who_had_it(engine):
    started(engine, variants=("a", "b", "c"))
    units = [f"u{n}" for n in range(30)]
    had = {unit: engine.choose("copy", unit).variant for unit in units}
    engine.update("copy", {"variants": [{"key": "a", "weight": 0}, {"key": "b"}, {"key": "c"}]})
    for _ in range(2):
        now = {unit: engine.choose("copy", unit).variant for unit in units}
        assert "a" not in now.values()
        assert all(now[unit] == had[unit] for unit in units if had[unit] != "a")
        had = now


def test_an_epochs_distribution_for_a_mask_is_settled_once(engine):
    """Also where what it was drawn from has been forgotten and more has been learnt meanwhile."""
    started(engine, variants=("a", "b", "c"), sticky=False, policy=POLICIES["kl_ucb"](), reweight=Reweight(every="1h"))
    for key, value in (("a", 1), ("b", 0), ("c", 0)):
        engine.reward(engine.choose("copy", eligible=[key]).id, value)
    engine.update("copy", {"reweight": {"every": "2h"}})
    before = engine.choose("copy", eligible=["b", "c"])
    for _ in range(5):
        engine.reward(engine.choose("copy", eligible=["c"]).id, 1)
    engine.pause("copy")
    engine.resume("copy")
    after = [engine.choose("copy", eligible=["b", "c"]) for _ in range(20)]
    assert {decision.epoch for decision in after} == {before.epoch}
    logged = {decision.variant: decision.propensity for decision in [*after, before]}
    assert all(decision.propensity == logged[decision.variant] for decision in [*after, before])


def test_a_keyed_decision_is_answered_after_the_end(engine):
    started(engine)
    first = engine.choose("copy", "u", idempotency_key="k")
    engine.complete("copy")
    assert engine.choose("copy", "u", idempotency_key="k") == first
    with pytest.raises(WrongState, match="'k' was used before, for unit 'u'"):
        engine.choose("copy", "v", idempotency_key="k")


TEXTS = st.one_of(
    st.text(max_size=300),
    st.text(st.characters(), max_size=3),
    st.sampled_from(["a" * 100, "a" * 101, "u" * 256, "u" * 257, "\ud800", "", "ü"]),
    st.none(),
    st.integers(),
)


@given(TEXTS, TEXTS)
def test_what_is_plain_is_what_a_whole_request_allows(experiment, unit):
    short = plain(experiment, unit)
    try:
        whole = ChooseRequest(experiment=experiment, unit=unit)
    except ValidationError:
        assert short is None
        return
    assert short is not None or not (experiment.isascii() and (unit is None or unit.isascii()))
    if short is not None:
        assert {name: getattr(short, name) for name in ChooseRequest.model_fields} == whole.model_dump()


@pytest.mark.parametrize(
    ("experiment", "unit", "field"),
    [("", "u", "experiment"), ("copy", "", "unit"), ("copy", "u" * 257, "unit"), ("copy", 7, "unit"), (7, "u", "exp")],
)
def test_what_is_wrong_is_named(engine, experiment, unit, field):
    started(engine)
    with pytest.raises(InvalidInput, match=field):
        engine.choose(experiment, unit)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, "1", True, None])
@pytest.mark.parametrize("number", ["0123456789abcdef", "nothing", "", 7])
def test_a_wrong_value_is_named_before_a_wrong_decision(engine, value, number):
    with pytest.raises(InvalidInput, match="value"):
        engine.reward(number, value)
