import json
import math

import numpy as np
import pytest
from experiments import started, sums
from hypothesis import given
from hypothesis import strategies as st

from bandit import Engine, InvalidInput, Metric, NotFound, WrongState


def one(engine, **metric):
    """The id of a decision for an experiment with one metric."""
    started(engine, metrics=[Metric(key="m", **metric)])
    return engine.choose("copy").id


@pytest.mark.parametrize(
    ("aggregation", "values", "statuses", "outcome"),
    [
        ("first", [2, 5, 1], ["applied", "superseded", "superseded"], 2),
        ("last", [2, 5, 1], ["applied", "applied", "applied"], 1),
        ("sum", [2, 5, 1], ["applied", "applied", "applied"], 8),
        ("max", [2, 5, 1], ["applied", "applied", "superseded"], 5),
        ("count", [2, 5, 1], ["applied", "applied", "applied"], 3),
    ],
)
def test_aggregation(engine, aggregation, values, statuses, outcome):
    decision = one(engine, type="continuous", aggregation=aggregation)
    assert [engine.reward(decision, value) for value in values] == statuses
    assert list(sums(engine).values()) == [(1, outcome)]


def test_a_key_counts_once(engine):
    decision = one(engine, type="continuous", aggregation="sum")
    assert engine.reward(decision, 2, idempotency_key="a") == "applied"
    assert engine.reward(decision, 2, idempotency_key="a") == "duplicate"
    assert engine.reward(decision, 3, idempotency_key="b") == "applied"
    assert list(sums(engine).values()) == [(1, 5)]


def test_a_key_is_one_decisions_and_one_metrics(engine):
    started(engine, metrics=[Metric(key="m", primary=True), Metric(key="n")])
    first, second = engine.choose("copy").id, engine.choose("copy").id
    statuses = [
        engine.reward(decision, 1, metric, idempotency_key="k") for decision in (first, second) for metric in "mn"
    ]
    assert statuses == ["applied"] * 4


def test_a_correction_replaces(engine):
    decision = one(engine)
    engine.reward(decision, 1)
    engine.reward(decision, 0)
    assert list(sums(engine).values()) == [(1, 0)]


def test_a_retraction_takes_back_and_may_be_repeated(engine):
    decision = one(engine, type="continuous", aggregation="sum")
    engine.reward(decision, 2)
    engine.reward(decision, 3)
    assert engine.retract(decision) == "retracted"
    assert engine.retract(decision) == "retracted"
    assert sums(engine) == {}
    assert engine.reward(decision, 7) == "applied"
    assert list(sums(engine).values()) == [(1, 7)]


@pytest.mark.parametrize(("late", "status", "expected"), [("refuse", "late", []), ("correct", "applied", [(1, 1)])])
def test_late_rewards(engine, clock, late, status, expected):
    decision = one(engine, window="1h", late=late)
    clock.now += 3601
    assert engine.reward(decision, 1) == status
    assert list(sums(engine).values()) == expected


def test_the_windows_last_moment_is_not_late(engine, clock):
    decision = one(engine, window="1h")
    clock.now += 3600
    assert engine.reward(decision, 1) == "applied"


def test_a_default_is_taken_when_the_window_closes(engine, clock):
    decision = one(engine, window="1h", missing=0.0, late="correct")
    assert sums(engine) == {}
    clock.now += 3599
    assert sums(engine) == {}
    clock.now += 2
    assert list(sums(engine).values()) == [(1, 0)]
    assert engine.reward(decision, 1) == "applied"
    assert list(sums(engine).values()) == [(1, 1)]
    engine.retract(decision)
    assert list(sums(engine).values()) == [(1, 0)]


def test_a_reward_in_time_keeps_the_default_away(engine, clock):
    decision = one(engine, window="1h", missing=0.0)
    engine.reward(decision, 1)
    clock.now += 7200
    assert list(sums(engine).values()) == [(1, 1)]
    assert engine.reward(decision, 0) == "late"


def test_a_unit_is_one_trial(engine):
    started(engine, metrics=[Metric(key="m", type="continuous")])
    first, second = engine.choose("copy", "u").id, engine.choose("copy", "u").id
    engine.reward(second, 3)
    assert list(sums(engine).values()) == [(1, 3)]
    engine.reward(first, 4)
    assert list(sums(engine).values()) == [(1, 7)]
    engine.retract(second)
    assert list(sums(engine).values()) == [(1, 4)]


def test_a_unit_converts_once(engine):
    started(engine)
    for _ in range(3):
        engine.reward(engine.choose("copy", "u").id, 1)
    assert list(sums(engine).values()) == [(1, 1)]
    (variant,) = [variant for variant in engine.results("copy").variants if variant.decisions]
    assert (variant.decisions, variant.units) == (3, 1)


def test_trial_decision_counts_each(engine):
    started(engine, trial="decision")
    for value in (1, 0, 1):
        engine.reward(engine.choose("copy", "u").id, value)
    assert list(sums(engine).values()) == [(3, 2)]


def test_deferred_decisions_count_when_activated(engine):
    started(engine)
    decision = engine.choose("copy", "u", defer=True)
    assert engine.reward(decision.id, 1) == "applied"
    assert sums(engine) == {}
    assert engine.results("copy").variants[0].decisions == engine.results("copy").variants[1].decisions == 0
    assert engine.activate(decision.id) == "activated"
    assert engine.activate(decision.id) == "activated"
    assert sums(engine) == {decision.variant: (1, 1)}


def test_a_window_opens_with_the_exposure(engine, clock):
    started(engine, metrics=[Metric(key="m", window="1h")])
    decision = engine.choose("copy", "u", defer=True)
    clock.now += 7200
    engine.activate(decision.id)
    clock.now += 3000
    assert engine.reward(decision.id, 1) == "applied"


def test_a_later_exposure_opens_the_trial_of_a_deferred_one(engine):
    started(engine)
    deferred, shown = engine.choose("copy", "u", defer=True), engine.choose("copy", "u")
    assert deferred.variant == shown.variant
    engine.reward(deferred.id, 1)
    assert sums(engine) == {}
    engine.reward(shown.id, 0)
    assert sums(engine) == {shown.variant: (1, 0)}
    engine.activate(deferred.id)
    assert sums(engine) == {shown.variant: (1, 1)}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1, 2, 0.5, 1e308])
def test_conversions_are_0_or_1(engine, value):
    decision = one(engine)
    with pytest.raises(InvalidInput, match="value"):
        engine.reward(decision, value)
    assert sums(engine) == {}


@pytest.mark.parametrize("value", ["1", None, [1], b"1"])
def test_values_are_numbers(engine, value):
    decision = one(engine)
    with pytest.raises(InvalidInput, match="must be a number"):
        engine.reward(decision, value)


@pytest.mark.parametrize(
    ("metric", "value"), [({"type": "count"}, 1.5), ({"type": "count"}, -1), ({"lower": 0}, -1), ({"upper": 5}, 6)]
)
def test_values_out_of_a_metrics_range(engine, metric, value):
    decision = one(engine, **{"type": "continuous", **metric})
    with pytest.raises(InvalidInput, match="value: must be"):
        engine.reward(decision, value)


def test_unknown_decisions_and_metrics(engine):
    decision = one(engine)
    for unknown in ("0" * 16, "nonsense", "f" * 16, decision.upper() + "0"):
        with pytest.raises(NotFound, match="unknown"):
            engine.reward(unknown, 1)
    with pytest.raises(InvalidInput, match=r"metric: 'x' is not a metric of 'copy': 'm'"):
        engine.reward(decision, 1, "x")
    assert sums(engine) == {}


def test_rewards_count_after_the_end_but_not_in_the_archive(engine):
    decision = one(engine)
    engine.complete("copy")
    assert engine.reward(decision, 1) == "applied"
    engine.archive("copy")
    with pytest.raises(WrongState, match="archived"):
        engine.reward(decision, 0)
    with pytest.raises(WrongState, match="archived"):
        engine.retract(decision)
    assert list(sums(engine).values()) == [(1, 1)]


def test_sums_are_exact_far_from_zero(engine):
    started(engine, variants=("a", "b"), metrics=[Metric(key="m", type="continuous", origin=1e8)], sticky=False)
    values = [1e8 + offset for offset in (-1.0, 0.0, 1.0, 2.0)]
    for value in values:
        engine.reward(engine.choose("copy", eligible=["a"]).id, value)
    assert sums(engine) == {"a": (4, sum(values))}
    with engine.reading() as reader:
        ((_, _, (count, total, squares, _)),) = reader.sums(1, 0)
    assert (squares - total * total / count) / (count - 1) == pytest.approx(5 / 3)


def test_an_objective_waits_for_all_of_its_metrics(engine):
    started(
        engine,
        metrics=[Metric(key="quality", type="continuous", primary=True), Metric(key="cost", type="continuous")],
        objective={"quality": 1.0, "cost": -0.5},
    )
    decision = engine.choose("copy", "u").id
    learner = engine._memory.experiments["copy"].learner
    engine.reward(decision, 3, "quality")
    assert learner.state(0.0).sum() == 0.0
    engine.reward(decision, 2, "cost")
    assert learner.state(0.0)[:, :2].max(axis=0).tolist() == [1.0, 2.0]


def test_batches_answer_each_item(engine):
    decision = one(engine)
    answers = engine.reward_batch(
        [
            {"decision_id": decision, "value": 1},
            {"decision_id": "0" * 16, "value": 1},
            {"decision_id": decision, "value": "x"},
        ]
    )
    assert answers[0] == "applied"
    assert isinstance(answers[1], NotFound)
    assert isinstance(answers[2], InvalidInput)
    assert engine.retract_batch([{"decision_id": decision}]) == ["retracted"]
    assert engine.activate_batch([{"decision_id": decision}]) == ["activated"]


def test_thousands_of_windows_close(engine, clock):
    started(engine, metrics=[Metric(key="m", window="1h", missing=0.0)], sticky=False)
    for _ in range(3):
        engine.choose_batch([{"experiment": "copy"}] * 800)
    clock.now += 4000
    assert sum(count for count, _ in sums(engine).values()) == 2400


def test_windows_close_after_a_clock_was_set_back(engine, clock):
    started(engine, metrics=[Metric(key="m", window="10s", missing=0.0)], sticky=False)
    engine.choose("copy")
    clock.now -= 3600
    engine.choose("copy")
    clock.now += 30
    assert sum(count for count, _ in sums(engine).values()) == 1


@pytest.mark.parametrize(
    "arguments", [{"idempotency_key": "\ud800"}, {"idempotency_key": ""}, {"metric": ["a"]}, {"metadata": 5}]
)
def test_wrong_arguments_poison_nothing(engine, arguments):
    decision = one(engine)
    with pytest.raises(InvalidInput, match=next(iter(arguments))):
        engine.reward(decision, 1, **arguments)
    for wrong in (5, None):
        with pytest.raises(InvalidInput, match="decision_id"):
            engine.reward(wrong, 1)
    assert engine.reward(decision, 1) == "applied"
    assert list(sums(engine).values()) == [(1, 1)]


def told(engine):
    """Value, status and metadata of every event."""
    engine._journal.flush()
    with engine.reading() as reader:
        events = [row[4:5] + row[7:] for row in reader.rows("events")]
    return [(value, status, None if metadata is None else json.loads(metadata)) for value, status, metadata in events]


def test_metadata_stay_with_their_event(engine):
    decision = one(engine, type="continuous", aggregation="max")
    engine.reward(decision, 2, idempotency_key="a", metadata={"order": 7})
    assert engine.reward(decision, 2, idempotency_key="a", metadata={"order": 8}) == "duplicate"
    engine.reward(decision, 3, metadata={})
    engine.reward(decision, 1, metadata={"by": ["ann", None]})
    engine.reward(decision, 4)
    assert engine.retract(decision) == "retracted"
    assert engine.reward_batch(
        [{"decision_id": decision, "value": 5, "metadata": {"é": 1.5}}, {"decision_id": decision, "value": 6}]
    ) == ["applied", "applied"]
    assert told(engine) == [
        (2, "applied", {"order": 7}),
        (3, "applied", {}),
        (1, "superseded", {"by": ["ann", None]}),
        (4, "applied", None),
        (None, "retracted", None),
        (5, "applied", {"é": 1.5}),
        (6, "applied", None),
    ]


def test_what_is_tracked_keeps_its_metadata(engine):
    started(engine, metrics=[Metric(key="m", primary=True), Metric(key="n", type="continuous")])
    for key in ("dark", "light"):
        engine.flags.create(
            {"key": key, "type": "string", "variants": {"control": "a", "short": "b"}, "experiment": "copy"}
        )
    engine.evaluate("dark", "u", defer=True)
    assert engine.track("exposure", "u", metadata={"page": 1})[0].status == "activated"
    assert engine.track("n", "u", flag="light", value=2.5, metadata={"page": 2})[0].status == "applied"
    assert told(engine) == [(None, "activated", None), (2.5, "applied", {"page": 2})]


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
WHATEVER = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**100), 2**100)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(metadata=st.dictionaries(TEXTS, WHATEVER, max_size=4))
def test_any_object_of_json_can_be_kept(metadata):
    with Engine() as engine:
        engine.reward(one(engine), 1, metadata=metadata)
        assert [kept for _, _, kept in told(engine)] == [metadata]


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({"text": "x" * (16_384 - 10)}, "must be at most 16384 bytes of JSON"),
        ({"text": "é" * 8187}, "must be at most 16384 bytes of JSON"),
        ({"deep": [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}, "must be nested at most 20 deep"),
        ({"half": "a\ud800"}, "has half a character, which no JSON can hold"),
        ({"list": [{"\udc00": 1}]}, "has half a character, which no JSON can hold"),
        ({"number": math.nan}, "finite number, given nan"),
        ({"list": [-math.inf]}, "finite number, given -inf"),
        ({"bytes": b"b"}, "not a valid JSON value"),
        ({1: 2}, "valid string, given 1"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_metadata_that_are_refused(engine, metadata, why):
    decision = one(engine)
    with pytest.raises(InvalidInput, match=f"^metadata.*{why}"):
        engine.reward(decision, 1, metadata=metadata)
    (answer,) = engine.reward_batch([{"decision_id": decision, "value": 1, "metadata": metadata}])
    assert isinstance(answer, InvalidInput)
    with pytest.raises(InvalidInput, match=f"^metadata.*{why}"):
        engine.track("m", decision_id=decision, metadata=metadata)
    assert told(engine) == []


def test_metadata_as_long_and_as_deep_as_they_may_be(engine):
    longest, deepest = {"text": "x" * (16_384 - 11)}, {"deep": [[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]}
    decision = one(engine)
    for metadata in (longest, deepest):
        assert engine.reward(decision, 1, metadata=metadata) == "applied"
    assert [kept for _, _, kept in told(engine)] == [longest, deepest]


def test_numbers_of_other_libraries(engine):
    decision = one(engine, type="continuous", aggregation="sum")
    for value in (np.int64(1), np.float32(2), np.float64(3), 4):
        assert engine.reward(decision, value) == "applied"
    with pytest.raises(InvalidInput, match="must be a number"):
        engine.reward(decision, 10**400)
    assert list(sums(engine).values()) == [(1, 10)]
