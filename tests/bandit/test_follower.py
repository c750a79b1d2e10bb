"""A policy that goes along a log decides as the engine would have."""

import pytest
from experiments import started

from bandit import Engine, Feature, Metric, Reweight
from bandit.experiment import Cost
from bandit.learner import Learner
from policies import (
    KLUCB,
    EpsilonGreedy,
    Exp3,
    Fixed,
    LinEpsilonGreedy,
    LinThompson,
    LinUCB,
    LogisticThompson,
    Softmax,
    ThompsonBeta,
)

FLOORED = Reweight(budget=1.0, floor=0.05, holdout=0.1)


@pytest.mark.parametrize(
    ("policy", "reweight"),
    [
        (ThompsonBeta(), FLOORED),
        (ThompsonBeta(half_life=50.0), FLOORED),
        (Softmax(half_life=3000.0), Reweight(budget=1.0)),
        (Exp3(), FLOORED),
        (KLUCB(), FLOORED),
        (EpsilonGreedy(), Reweight(budget=1.0, every=7.0)),
        (Fixed(), Reweight(floor=0.2, holdout=0.3)),
    ],
)
def test_the_policy_that_ran_is_followed_to_the_digit(clock, policy, reweight):
    """Each decision of a learning engine has the weight 1, so all of them are accepted."""
    with Engine(clock=clock, seed=3) as engine:
        started(engine, variants=("a", "b", "c"), sticky=False, policy=policy, reweight=reweight)
        for number in range(200):
            clock.now += number % 3
            mask = ["a", "c"] if number % 7 == 0 else None
            decision = engine.choose("copy", eligible=mask)
            engine.reward(decision.id, float((number * 7 + len(decision.variant)) % 5 == ord(decision.variant) % 3))
        answer = engine.counterfactual("copy", policy)
    for estimate in answer.estimates:
        assert estimate.effective_sample_size == pytest.approx(200), estimate.method
        assert estimate.greatest_weight == pytest.approx(1.0)
        if estimate.method in ("ips", "snips", "replay"):
            assert estimate.estimate == pytest.approx(answer.logged_mean)


@pytest.mark.parametrize(
    ("policy", "reweight"),
    [
        (LinUCB(), FLOORED),
        (LinThompson(half_life=300.0), FLOORED),
        (LinUCB(shared=True), Reweight(every=7.0)),
        (LogisticThompson(), FLOORED),
        (LinEpsilonGreedy(), Reweight(floor=0.0)),
    ],
)
def test_a_policy_that_reads_contexts_is_followed_too(clock, policy, reweight):
    with Engine(clock=clock, seed=3) as engine:
        features = [Feature(key="hour"), Feature(key="price")]
        started(engine, variants=("a", "b", "c"), sticky=False, policy=policy, reweight=reweight, features=features)
        for number in range(150):
            clock.now += number % 3
            context = {"hour": number % 5 - 2, "price": {"a": 1, "b": number % 3, "c": -0.5}}
            decision = engine.choose("copy", context=context, eligible=["a", "c"] if number % 7 == 0 else None)
            engine.reward(decision.id, float((number * 7 + len(decision.variant)) % 5 == ord(decision.variant) % 3))
        answer = engine.counterfactual("copy", policy)
        others = {name: engine.counterfactual("copy", name) for name in ("thompson_beta", "split:a=1,c=1")}
    for estimate in answer.estimates:
        assert estimate.effective_sample_size == pytest.approx(150), estimate.method
        assert estimate.greatest_weight == pytest.approx(1.0)
        if estimate.method in ("ips", "snips", "replay"):
            assert estimate.estimate == pytest.approx(answer.logged_mean)
    for name, other in others.items():
        assert (other.trials, other.left_out.ineligible) == (150, 0), name
        assert any(1.0 < estimate.effective_sample_size < 149 for estimate in other.estimates)


def test_the_limit_of_costs_is_kept(clock):
    """The engine that had it is followed to the digit, and a policy without it would have been dearer."""
    metrics = [Metric(key="bought", primary=True), Metric(key="cost", type="continuous")]
    with Engine(clock=clock, seed=3) as engine:
        started(
            engine,
            metrics=metrics,
            sticky=False,
            policy=ThompsonBeta(),
            reweight=Reweight(budget=1.0),
            cost=Cost(metric="cost", limit=2.0),
        )
        for number in range(200):
            decision = engine.choose("copy")
            engine.reward(decision.id, 5.0 if decision.variant == "short" else 1.0, "cost")
            engine.reward(decision.id, float(decision.variant == "short" and number % 2))
        same, split = engine.counterfactual("copy", "thompson_beta"), engine.counterfactual("copy", "split:short=1")
    assert same.estimates[0].greatest_weight < 1.2
    assert same.estimates[0].effective_sample_size > 195
    assert split.estimates[1].estimate == pytest.approx(0.5, abs=0.2)


def test_weights_of_a_long_log_are_not_computed_for_every_trial(clock, monkeypatch):
    monkeypatch.setattr("bandit.follower.EXACT", 10)
    computed = 0
    weights = Learner.weights

    def count(learner, now, arms):
        nonlocal computed
        computed += 1
        return weights(learner, now, arms)

    with Engine(clock=clock, seed=3) as engine:
        started(engine, sticky=False, type="ab_test", trial="decision")
        for number in range(400):
            engine.reward(engine.choose("copy").id, float(number % 4 == 0))
        monkeypatch.setattr(Learner, "weights", count)
        accepted = engine.counterfactual("copy", "softmax:temperature=1").estimates[-1].effective_sample_size
    assert accepted > 150
    assert 20 < computed < 80
