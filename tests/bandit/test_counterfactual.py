"""What another policy would have earned, from what the engine has stored."""

import gc
import json
import math
import random
import tracemalloc

import numpy as np
import pytest
from experiments import define, started
from hypothesis import given, settings
from hypothesis import strategies as st

from bandit import Engine, InvalidInput, Metric, NotFound, Reweight
from bandit.follower import Follower
from bandit.hindsight import Hindsight
from bandit.running import load
from bandit.statistics.arm_means import ArmMeans
from bandit.statistics.off_policy import METHODS, evaluate
from bandit.target import hypothetical
from policies import EpsilonGreedy, Fixed, ThompsonBeta

RATES = {"control": 0.2, "short": 0.5, "long": 0.3}


@pytest.fixture
def near(clock):
    """An engine in memory."""
    with Engine(clock=clock, seed=7) as engine:
        yield engine
        assert engine.verify() == []


def serve(engine, trials, seed=0, units=True, variants=tuple(RATES), **rest):
    """An experiment that has run; returns what was drawn: variant, reward, propensity."""
    started(engine, variants=variants, **rest)
    world, log = random.Random(f"world {seed}"), []
    for number in range(trials):
        decision = engine.choose("copy", f"u{number}" if units else None)
        reward = float(world.random() < RATES[decision.variant])
        engine.reward(decision.id, reward)
        log.append((decision.variant, reward, decision.propensity))
    return log


def by_method(answer):
    return {estimate.method: estimate for estimate in answer.estimates}


def test_estimates_are_those_of_the_same_arrays(engine):
    log = serve(engine, 300)
    answer = engine.counterfactual("copy", "split:control=1,long=3")
    keys = list(RATES)
    action, reward, propensity = (np.array(column) for column in zip(*log, strict=True))
    action = np.array([keys.index(key) for key in action])
    with engine.reading() as reader:
        logging = np.array([json.loads(trial.probabilities) for trial in reader.trials(1)])
    target = np.tile([0.25, 0.0, 0.75], (300, 1))
    expected = evaluate(action, reward.astype(float), propensity.astype(float), target, logging=logging, bounds=(0, 1))
    assert (answer.trials, answer.metric, answer.level) == (300, "purchase", 0.95)
    assert answer.logged_mean == pytest.approx(reward.astype(float).mean())
    assert list(by_method(answer)) == list(METHODS)
    for method, estimate in by_method(answer).items():
        wanted = expected[method]
        assert estimate.estimate == pytest.approx(wanted.estimate), method
        assert estimate.effective_sample_size == pytest.approx(wanted.support.effective)
        assert estimate.greatest_weight == pytest.approx(wanted.support.greatest)
        assert estimate.mean_weight == pytest.approx(wanted.support.mean)
        if wanted.interval is None:
            assert (estimate.lower, estimate.upper) == (None, None)
        else:
            assert (estimate.lower, estimate.upper) == pytest.approx(wanted.interval)
    assert engine.counterfactual("copy", "split:control=1,long=3") == answer


def test_parts_make_no_difference(near, monkeypatch):
    serve(near, 120)
    answers = {}
    for cells in (1 << 15, 3, 30):
        monkeypatch.setattr("bandit.hindsight._CELLS", cells)
        answers[cells] = [near.counterfactual("copy", policy) for policy in ("always:variant=long", "ucb1")]
    for cells in (3, 30):
        for whole, parts in zip(answers[1 << 15], answers[cells], strict=True):
            for one, other in zip(whole.estimates, parts.estimates, strict=True):
                assert one.model_dump(exclude={"method"}) == pytest.approx(other.model_dump(exclude={"method"}))


def test_the_policy_that_ran_has_weights_of_one(near):
    log = serve(near, 200, type="ab_test")
    for policy in ("fixed", Fixed(), {"name": "split", "weights": dict.fromkeys(RATES, 2.0)}):
        answer = by_method(near.counterfactual("copy", policy))
        mean = sum(reward for _, reward, _ in log) / 200
        for method in ("ips", "snips", "replay"):
            assert answer[method].estimate == pytest.approx(mean)
            assert answer[method].effective_sample_size == pytest.approx(200)
        assert answer["ips"].greatest_weight == pytest.approx(1.0)


def test_one_variant_is_worth_its_mean(near):
    log = serve(near, 400, type="ab_test")
    for variant in RATES:
        rewards = [reward for drawn, reward, _ in log if drawn == variant]
        answer = by_method(near.counterfactual("copy", f"always:variant={variant}"))
        mean = sum(rewards) / len(rewards)
        assert answer["snips"].estimate == pytest.approx(mean)
        assert answer["replay"].estimate == pytest.approx(mean)
        assert answer["replay"].effective_sample_size == len(rewards)
        assert answer["ips"].estimate == pytest.approx(3.0 * sum(rewards) / 400)
        assert answer["dr"].lower < RATES[variant] < answer["dr"].upper


def test_a_unit_counts_once_with_its_first_propensity(near):
    started(near, metrics=[Metric(key="spent", type="continuous", aggregation="sum", lower=0, upper=10)])
    first = [near.choose("copy", f"u{number}") for number in range(100)]
    again = [near.choose("copy", f"u{number}") for number in range(50)]
    for decision in first:
        near.reward(decision.id, 1.0)
    for decision in again:
        near.reward(decision.id, 2.0)
    answer = near.counterfactual("copy", "always:variant=short")
    assert (answer.trials, answer.left_out.repeated) == (100, 0)
    assert answer.logged_mean == pytest.approx((50 * 3 + 50) / 100)
    total = sum(1 / decision.propensity for decision in first if decision.variant == "short")
    total += sum(2 / decision.propensity for decision in again if decision.variant == "short")
    assert by_method(answer)["ips"].estimate == pytest.approx(total / 100)


def test_repeated_decisions_of_a_unit_are_left_out(near):
    started(near, trial="decision")
    for number in range(60):
        near.reward(near.choose("copy", f"u{number % 20}").id, 1.0)
    answer = near.counterfactual("copy", "always:variant=short")
    assert (answer.trials, answer.left_out.repeated) == (20, 40)
    assert any(note.startswith("40 decisions of units that kept") for note in answer.notes)


def test_a_unit_that_moves_is_left_out(near):
    started(near, type="ab_test")
    decisions = [near.choose("copy", f"u{number}") for number in range(40)]
    near.update("copy", {"variants": [{"key": "control", "weight": 9}, {"key": "short", "weight": 1}]})
    moved = [near.choose("copy", f"u{number}") for number in range(40)]
    count = sum(decision.reason == "reassigned" for decision in moved)
    for decision in decisions + moved:
        near.reward(decision.id, 1.0)
    answer = near.counterfactual("copy", "always:variant=control")
    assert count > 5
    assert (answer.trials, answer.left_out.repeated) == (40, count)


def test_what_was_never_shown_does_not_count(near):
    started(near)
    shown, kept = near.choose("copy", "a", defer=True), near.choose("copy", "b", defer=True)
    late = near.choose("copy", "c", defer=True)
    again = near.choose("copy", "c")  # opens the trial that the deferred one heads
    for decision in (shown, kept, late, again):
        near.reward(decision.id, 1.0)
    near.activate(shown.id)
    answer = near.counterfactual("copy", "fixed")
    assert (answer.trials, answer.logged_mean) == (2, 1.0)


def test_what_has_no_reward_is_left_out_and_said(near):
    started(near)
    for number in range(10):
        decision = near.choose("copy", f"u{number}")
        if number < 4:
            near.reward(decision.id, 1.0)
    answer = near.counterfactual("copy", "fixed")
    assert (answer.trials, answer.left_out.unrewarded, answer.logged_mean) == (4, 6, 1.0)
    assert any("6 trials have no reward" in note and "waits for one" in note for note in answer.notes)


def test_a_default_counts_when_the_window_has_closed(engine, clock):
    started(engine, metrics=[Metric(key="purchase", window="1h", missing=0.0)])
    engine.reward(engine.choose("copy", "a").id, 1.0)
    engine.choose("copy", "b")
    answer = engine.counterfactual("copy", "fixed")
    assert (answer.trials, answer.left_out.unrewarded) == (1, 1)
    assert any("window is still open" in note for note in answer.notes)
    clock.now += 7200.0
    answer = engine.counterfactual("copy", "fixed")
    assert (answer.trials, answer.left_out.unrewarded, answer.logged_mean) == (2, 0, 0.5)


def test_masks_restrict_the_target_as_they_would_have(near):
    started(near, variants=("a", "b", "c"), sticky=False, type="ab_test", trial="decision")
    masks = (None, ["a", "b"], ["a"])
    log = [(mask, near.choose("copy", eligible=mask)) for mask in masks for _ in range(30)]
    for _, decision in log:
        near.reward(decision.id, 1.0)
    answer = near.counterfactual("copy", "split:b=1,c=3")
    assert (answer.trials, answer.left_out.ineligible) == (60, 30)
    weights = {None: {"b": 0.75, "c": 2.25}, ("a", "b"): {"b": 2.0}}
    expected = [weights[mask and tuple(mask)].get(decision.variant, 0.0) for mask, decision in log if mask != ["a"]]
    found = by_method(answer)["ips"]
    assert found.estimate == pytest.approx(sum(expected) / 60)
    assert found.effective_sample_size == pytest.approx(sum(expected) ** 2 / sum(each**2 for each in expected))
    assert any("30 trials do not count" in note for note in answer.notes)


def test_a_variant_that_came_later_is_not_eligible_before(near):
    started(near, sticky=False)
    for _ in range(20):
        near.reward(near.choose("copy").id, 1.0)
    near.update("copy", {"variants": [{"key": "control"}, {"key": "short"}, {"key": "new"}]})
    for _ in range(20):
        near.reward(near.choose("copy").id, 1.0)
    answer = near.counterfactual("copy", "always:variant=new")
    assert (answer.trials, answer.left_out.ineligible) == (20, 20)
    assert near.counterfactual("copy", "thompson_beta").trials == 40


def test_what_could_not_be_logged_is_said(near):
    started(near, sticky=False, policy=EpsilonGreedy(epsilon=0.0), reweight=Reweight(floor=0.0))
    for _ in range(100):
        decision = near.choose("copy")
        near.reward(decision.id, float(decision.variant == "short"))
    for policy, end in (("always:variant=control", "the estimates do not."), ("ucb1", "does not count.")):
        answer = near.counterfactual("copy", policy)
        note = next(note for note in answer.notes if "could not have been logged" in note)
        assert note.endswith(end)
    assert by_method(near.counterfactual("copy", "split:control=1,short=1"))["ips"].mean_weight < 0.6


def test_no_interval_without_bounds(near):
    started(near, sticky=False, metrics=[Metric(key="spent", type="continuous")])
    for _ in range(200):
        near.reward(near.choose("copy").id, 3.0)
    answer = near.counterfactual("copy", "fixed")
    assert all(estimate.lower is None for estimate in answer.estimates)
    assert any("no lower and upper bound" in note for note in answer.notes)
    assert by_method(answer)["ips"].estimate > 0.0


def test_no_interval_on_little_support(near):
    serve(near, 60)
    answer = near.counterfactual("copy", "always:variant=control")
    assert all(estimate.upper is None for estimate in answer.estimates)
    assert any("the effective sample size is" in note for note in answer.notes)


def test_an_experiment_without_trials_has_an_answer(engine):
    engine.create(define())
    for policy in ("fixed", "thompson_beta"):
        answer = engine.counterfactual("copy", policy)
        assert (answer.trials, answer.logged_mean) == (0, None)
        assert all(estimate.estimate is None and estimate.lower is None for estimate in answer.estimates)
        assert "NaN" not in answer.model_dump_json()


def test_what_is_unknown_is_refused(near):
    near.create(define())
    with pytest.raises(NotFound):
        near.counterfactual("nope", "fixed")
    with pytest.raises(InvalidInput, match="'nope' is unknown"):
        near.counterfactual("copy", "nope")
    with pytest.raises(InvalidInput, match="'nope' is not a variant"):
        near.counterfactual("copy", "always:variant=nope")


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.data())
def test_whatever_happened_the_answer_is_json(data):
    """Rewards, retractions, deferred decisions, masks, changed weights, in any order."""
    metric = data.draw(
        st.sampled_from(
            [Metric(key="m"), Metric(key="m", type="continuous", lower=-5.0, upper=7.0, origin=1.0, goal="decrease")]
        )
    )
    sticky = data.draw(st.booleans())
    with Engine(seed=1) as engine:
        started(engine, variants=("a", "b", "c"), metrics=[metric], sticky=sticky)
        ids = []
        for _ in range(data.draw(st.integers(0, 25))):
            match data.draw(st.sampled_from("ccccrrrtaw")):
                case "c":
                    unit = data.draw(st.sampled_from(["u", "v", "w", None]))
                    mask = data.draw(st.sampled_from([None, ["a", "c"], ["b", "c"]]))
                    ids.append(engine.choose("copy", unit, eligible=mask, defer=data.draw(st.booleans())).id)
                case "w":
                    weights = [{"key": key, "weight": data.draw(st.sampled_from([0.0, 1.0]))} for key in "ab"]
                    engine.update("copy", {"variants": [*weights, {"key": "c"}]})
                case _ if not ids:
                    continue
                case "r":
                    engine.reward(data.draw(st.sampled_from(ids)), data.draw(st.sampled_from([0.0, 1.0])))
                case "t":
                    engine.retract(data.draw(st.sampled_from(ids)))
                case "a":
                    engine.activate(data.draw(st.sampled_from(ids)))
        engine._journal.flush()
        with engine.reading() as reader:
            opened = sum(trials for _, _, trials, _ in reader.sizes(1, 0))
            rewarded = sum(sums[0] for _, _, sums in reader.sums(1, 0))
        for policy in ("fixed", "always:variant=b", "kl_ucb", "exp3", "thompson_beta:half_life=5"):
            answer = engine.counterfactual("copy", policy)
            left_out = answer.left_out
            assert answer.trials + left_out.unrewarded + left_out.repeated + left_out.ineligible == opened
            assert answer.trials <= rewarded
            json.loads(answer.model_dump_json(), parse_constant=pytest.fail)


def test_a_learning_policy_is_worth_what_it_earns_by_itself():
    """Thompson sampling on the logs of a fixed split and of epsilon-greedy, against itself in the world."""
    for logged in (Fixed(), EpsilonGreedy(epsilon=0.5)):
        replayed, shared, alone = [], [], []
        for seed in range(40):
            with Engine(seed=seed) as engine:
                serve(engine, 150, seed, units=False, policy=logged, sticky=False)
                answer = engine.counterfactual("copy", "thompson_beta")
                found = by_method(answer)
                steps = int(found["replay"].effective_sample_size)
                replayed.append(found["replay"].estimate)
                shared.append(found["dr"].estimate)
                assert f"learnt from the {steps} trials" in answer.notes[0]
                assert found["ips"].greatest_weight < 4.0
            with Engine(seed=1000 + seed) as engine:
                log = serve(engine, steps, 1000 + seed, units=False, policy=ThompsonBeta(), sticky=False)
                alone.append(sum(reward for _, reward, _ in log) / steps)
        for estimates in (replayed, shared):
            error = math.hypot(np.std(estimates), np.std(alone)) / math.sqrt(40)
            assert error < 0.04
            assert abs(np.mean(estimates) - np.mean(alone)) < 4.0 * error


def test_what_is_accepted_is_distributed_as_the_target_draws(near):
    """Arm by arm, as many as expected, of as many as possible."""
    serve(near, 1500, units=False, sticky=False, policy=EpsilonGreedy(epsilon=0.6))
    near._journal.flush()
    with near.reading() as reader:
        row, standing = reader.experiment("copy")
        running = load(row, standing)
        log = Hindsight(running, Follower(hypothetical(running.experiment, ThompsonBeta())))
        rows = [log._row(trial) for trial in reader.trials(row.id)]
    target, logging, share, accepted = (np.array([row[place] for row in rows]) for place in (3, 4, 5, 6))
    assert (share[:, None] * target <= logging * (1 + 1e-9)).all()
    assert (np.isclose(share[:, None] * target, logging)).any(axis=1).all()
    chosen = np.array([row[0] for row in rows])[:, None] == np.arange(3)
    expected = share[:, None] * target
    surplus = (chosen & accepted[:, None]) - expected
    assert (np.abs(surplus.sum(axis=0)) < 4.0 * np.sqrt((expected * (1.0 - expected)).sum(axis=0))).all()
    assert log.follower.accepted == accepted.sum() > 300


def test_a_replay_of_the_same_policy_accepts_nearly_all(near):
    serve(near, 150, units=False, policy=EpsilonGreedy(epsilon=0.3), sticky=False)
    answer = near.counterfactual("copy", "epsilon_greedy:epsilon=.3")
    assert by_method(answer)["replay"].effective_sample_size == 150
    assert by_method(answer)["ips"].estimate == pytest.approx(answer.logged_mean)


def test_the_first_prediction_lies_within_the_bounds(near):
    started(near, sticky=False, metrics=[Metric(key="score", type="continuous", lower=5.0, upper=10.0)])
    for _ in range(120):
        near.reward(near.choose("copy").id, 7.0)
    dr = by_method(near.counterfactual("copy", "fixed"))["dr"]
    assert 5.0 <= dr.lower <= 7.0 <= dr.upper <= 10.0
    assert ArmMeans.none(2, 5.0).first == 5.0


def test_memory_does_not_grow_with_the_log(monkeypatch):
    """12,000 trials more, kept as seven numbers each, would take 670,000 bytes."""
    monkeypatch.setattr("bandit.hindsight._CELLS", 512)
    with Engine(seed=1) as engine:
        started(engine, sticky=False, type="ab_test", trial="decision")
        peaks = []
        for batches in (4, 24):
            for _ in range(batches):
                chosen = engine.choose_batch([{"experiment": "copy"}] * 500)
                engine.reward_batch([{"decision_id": decision.id, "value": 1} for decision in chosen])
            engine._journal.flush()
            gc.collect()
            tracemalloc.start()
            engine.counterfactual("copy", "always:variant=short")
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] - peaks[0] < 10 * 12_000
