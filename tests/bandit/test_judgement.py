"""What results say: the method that is valid for how the data were collected, and the same numbers as scipy's."""

import json
import random

import numpy as np
import pytest
from scipy import stats

from bandit import Engine, InvalidInput
from bandit.evidence import Evidence
from bandit.running import load

RATES = {"a": 0.10, "b": 0.16, "c": 0.10}


@pytest.fixture
def engine(clock):
    with Engine(seed=1, clock=clock) as engine:
        yield engine


def definition(key, **more):
    return {
        "key": key,
        "variants": [{"key": "a", "is_control": True}, {"key": "b"}, {"key": "c"}],
        "metrics": [
            {"key": "buy", "primary": True},
            {"key": "spent", "type": "continuous", "origin": 9.0},
            {"key": "views", "type": "count"},
            {"key": "per_view", "type": "ratio", "numerator": "spent", "denominator": "views"},
        ],
        **more,
    }


def play(engine, clock, key, steps, *, seed=1, rates=RATES, eligible=None, days=10.0):
    """Rewards of some decisions over some days, and the rewards by variant and metric."""
    rng = random.Random(seed)
    seen = {variant: [] for variant in rates}
    for step in range(steps):
        clock.now += days * 86_400.0 / steps
        decision = engine.choose(key, f"{seed}-{step}", eligible=eligible(step) if eligible else None)
        bought, spent, views = float(rng.random() < rates[decision.variant]), rng.gauss(10, 3), rng.randint(1, 5)
        engine.reward(decision.id, bought)
        engine.reward(decision.id, spent, "spent")
        engine.reward(decision.id, views, "views")
        seen[decision.variant].append((bought, spent, views))
    return {variant: np.array(rows) for variant, rows in seen.items()}


def started(engine, key="x", **more):
    engine.create(definition(key, **more))
    engine.start(key)


def by_place(results):
    return {(one.metric, one.variant): one for one in results.comparisons}


def test_a_fixed_split_gets_the_classical_tests(engine, clock):
    started(engine, type="ab_test")
    seen = play(engine, clock, "x", 3000)
    results = engine.results("x")
    found = by_place(results)
    assert results.method == "pooled_z"
    assert results.withheld == ""
    assert all(one.control == "a" for one in results.comparisons)
    for variant in "bc":
        table = [[rows[:, 0].sum(), len(rows) - rows[:, 0].sum()] for rows in (seen[variant], seen["a"])]
        expected = stats.chi2_contingency(table, correction=False).pvalue
        assert found["buy", variant].p_value == pytest.approx(expected)
        welch = stats.ttest_ind(seen[variant][:, 1], seen["a"][:, 1], equal_var=False)
        assert found["spent", variant].p_value == pytest.approx(welch.pvalue)
        # Two treatments: each interval is at half the alpha.
        assert found["spent", variant].interval == pytest.approx(tuple(welch.confidence_interval(0.975)))
        ratio = seen[variant][:, 1].sum() / seen[variant][:, 2].sum() - seen["a"][:, 1].sum() / seen["a"][:, 2].sum()
        assert found["per_view", variant].effect == pytest.approx(ratio)
    assert found["buy", "b"].significant
    assert not found["buy", "c"].significant
    assert results.verdict.decision == "keep_collecting" or results.verdict.variant == "b"


def test_the_ratio_of_sums_has_the_delta_methods_error(engine, clock):
    started(engine, type="ab_test")
    seen = play(engine, clock, "x", 2000)
    one = by_place(engine.results("x"))["per_view", "b"]
    variances, sizes = [], []
    for variant in "ab":
        spent, views = seen[variant][:, 1], seen[variant][:, 2]
        residual = (spent - spent.sum() / views.sum() * views) / views.mean()
        variances.append(residual.var(ddof=1) / len(residual))
        sizes.append(len(residual))
    degrees = sum(variances) ** 2 / sum(v * v / (n - 1) for v, n in zip(variances, sizes, strict=True))
    reach = stats.t.ppf(1 - 0.0125, degrees) * sum(variances) ** 0.5
    assert one.interval == pytest.approx((one.effect - reach, one.effect + reach))


def test_a_clear_winner_is_shipped(engine, clock):
    started(engine, type="ab_test")
    play(engine, clock, "x", 9000, rates={"a": 0.1, "b": 0.2, "c": 0.1})
    verdict = engine.results("x").verdict
    assert (verdict.decision, verdict.variant) == ("ship", "b")
    assert verdict.more_units is None


def test_what_is_worth_having_is_the_metrics_own(engine, clock):
    for key, least in (("x", None), ("y", 5.0)):
        given = definition(key, type="ab_test")
        given["metrics"][0]["minimum_effect"] = least
        engine.create(given)
        engine.start(key)
        play(engine, clock, key, 9000, rates={"a": 0.1, "b": 0.2, "c": 0.1})
    assert engine.results("x").verdict.decision == "ship"
    assert engine.results("y").verdict.decision == "no_difference"


def test_moved_weights_get_an_adaptive_method_and_say_why(engine, clock):
    started(engine, reweight={"floor": 0.1, "every": "6h"})
    play(engine, clock, "x", 3000)
    results = engine.results("x")
    assert results.method == "aipw"
    assert "biased" in results.withheld
    found = by_place(results)
    assert {one.method for one in results.comparisons if one.metric == "spent"} == {"aipw"}
    ratio = found["per_view", "b"]
    assert ratio.method == "delta_aipw"
    assert ratio.interval[0] < ratio.effect < ratio.interval[1]
    raw = [next(one for one in results.variants if one.key == key).metrics["per_view"].mean for key in "ba"]
    assert ratio.effect == pytest.approx(raw[0] - raw[1], abs=ratio.interval[1] - ratio.effect)
    naive = by_place(engine.results("x", "pooled_z"))
    assert "not valid" in naive["buy", "b"].warnings[0]
    assert naive["buy", "b"].method == "pooled_z"
    assert naive["spent", "b"].method == "aipw"  # not a conversion: the default stays


def test_looking_at_any_time_gets_sequences(engine, clock):
    started(engine, type="ab_test", analysis={"sequential": True})
    play(engine, clock, "x", 3000)
    results = engine.results("x")
    assert results.method == "confidence_sequence"
    assert "any look" in results.withheld
    assert by_place(results)["per_view", "b"].method == "delta_sequence"
    started(engine, "y", reweight={"floor": 0.1, "every": "6h"}, analysis={"sequential": True})
    play(engine, clock, "y", 3000)
    found = by_place(engine.results("y"))
    assert found["buy", "b"].method == "wagers"
    assert found["spent", "b"].method == "design_based"
    assert found["per_view", "b"].method == "delta_design_based"


def test_few_trials_of_a_bandit_get_an_exact_method(engine, clock):
    started(engine, reweight={"floor": 0.05, "every": "6h"})
    play(engine, clock, "x", 200)
    results = engine.results("x")
    assert results.method == "wagers"
    assert "refused" not in (by_place(results)["buy", "b"].refused or "")
    assert by_place(results)["spent", "b"].refused  # no bounds, and too few for a limit


def test_without_a_floor_nothing_can_be_said(engine, clock):
    started(engine, reweight={"floor": 0.0, "every": "6h"})
    play(engine, clock, "x", 500)
    results = engine.results("x")
    assert results.method is None
    assert all("floor" in one.refused for one in results.comparisons if one.metric == "buy")
    assert results.verdict.decision == "keep_collecting"
    assert any("floor" in reason for reason in results.verdict.reasons)


def test_the_method_may_be_set_for_an_experiment(engine, clock):
    started(engine, type="ab_test", analysis={"method": "fisher"})
    seen = play(engine, clock, "x", 400)
    table = [[rows[:, 0].sum(), len(rows) - rows[:, 0].sum()] for rows in (seen["b"], seen["a"])]
    assert by_place(engine.results("x"))["buy", "b"].p_value == pytest.approx(stats.fisher_exact(table).pvalue)
    engine.update("x", {"analysis": {}})
    assert engine.results("x").method == "pooled_z"


@pytest.mark.parametrize(("method", "said"), [("nope", "must be one of"), ("", "must be one of")])
def test_an_unknown_method_is_refused(engine, clock, method, said):
    started(engine)
    with pytest.raises(InvalidInput, match=said):
        engine.results("x", method)


def test_a_method_for_no_metric_is_refused(engine):
    engine.create({"key": "y", "variants": [{"key": "a"}, {"key": "b"}], "metrics": [{"key": "buy"}]})
    with pytest.raises(InvalidInput, match="is for a ratio"):
        engine.results("y", "delta")


@pytest.mark.parametrize("more", [{}, {"type": "ab_test"}, {"analysis": {"sequential": True}}])
@pytest.mark.parametrize("steps", [0, 1, 5])
def test_next_to_nothing_has_defined_answers(engine, clock, more, steps):
    started(engine, **more)
    play(engine, clock, "x", steps)
    results = engine.results("x")
    json.loads(results.model_dump_json(), parse_constant=pytest.fail)
    assert results.verdict.decision == "keep_collecting"


def test_a_lone_decision_for_some_of_the_arms(engine):
    started(engine, sticky=False)
    engine.choose("x", eligible=["a", "c"])
    assert engine.results("x").verdict.decision == "keep_collecting"


def test_a_draft_has_results(engine):
    engine.create(definition("x"))
    assert engine.results("x").verdict.decision == "keep_collecting"


@pytest.mark.parametrize("more", [{}, {"analysis": {"sequential": True}}])
def test_a_variant_that_is_shown_less_than_drawn_is_not_trusted(engine, clock, more):
    started(engine, type="ab_test", **more)
    rng = random.Random(1)
    for step in range(3000):
        decision = engine.choose("x", str(step), defer=True)
        if decision.variant != "b" or rng.random() < 0.8:  # a page that is slow, and left before it is drawn
            engine.activate(decision.id)
            engine.reward(decision.id, float(rng.random() < 0.1))
    results = engine.results("x")
    assert results.verdict.decision == "not_trustworthy"
    assert results.quality[0].kind == "sample_ratio"
    assert results.quality[0].numbers["observed_b"] < results.quality[0].numbers["expected_b"]


def test_masks_make_epochs_of_their_own(engine, clock):
    started(engine, reweight={"floor": 0.1, "every": "6h"}, sticky=False)
    seen = play(engine, clock, "x", 2000, eligible=lambda step: ["a", "b"] if step % 2 else None)
    engine._journal.flush()
    with engine.reading() as reader:
        running = load(*reader.experiment("x"))
        evidence = Evidence(reader, running)
        assert evidence.masked
        epochs = evidence.epochs(0)
        observed, expected = evidence.draws()
    assert epochs.trials.sum(axis=0).tolist() == [len(rows) for rows in seen.values()]
    assert epochs.totals.sum(axis=0).tolist() == [rows[:, 0].sum() for rows in seen.values()]
    assert observed.sum() == expected.sum() == pytest.approx(2000)
    assert (epochs.probabilities[:, 2] == 0.0).any()
    assert engine.results("x").method == "aipw"


def test_a_bandit_that_learns_at_once_has_results(engine, clock):
    started(engine, reweight={"budget": 1.0, "floor": 0.1})
    play(engine, clock, "x", 1500)
    results = engine.results("x")
    assert results.epoch > 500
    assert results.method == "aipw"
    found = by_place(results)["buy", "b"]
    assert found.interval[0] < RATES["b"] - RATES["a"] < found.interval[1]


def test_an_arm_that_came_later_is_compared_where_both_were_served(engine, clock):
    engine.create({**definition("x"), "variants": definition("x")["variants"][:2], "reweight": {"every": "6h"}})
    engine.start("x")
    play(engine, clock, "x", 600, rates={"a": 0.1, "b": 0.1, "c": 0.1})
    engine.update("x", {"variants": definition("x")["variants"]})
    play(engine, clock, "x", 3000, seed=2)
    found = by_place(engine.results("x"))
    assert found["buy", "c"].effect is not None or found["buy", "c"].refused
    assert found["buy", "b"].effect is not None
