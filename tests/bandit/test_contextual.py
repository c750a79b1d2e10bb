"""Policies that read a context, served: exact propensities, sums that replay, one state an epoch."""

import json
import threading
from collections import Counter

import numpy as np
import pytest
from experiments import define, started
from scipy.stats import chisquare

from bandit import Engine, Feature, InvalidInput, Metric, Reweight, WrongState
from bandit.statistics.sample_ratio import changing
from policies import COUNT, POLICIES, LinEpsilonGreedy, LinThompson, LinUCB, LogisticThompson, statistics

NAMES = [name for name, policy in POLICIES.items() if policy.contextual]
FEATURES = [Feature(key="hour", lower=-1, upper=1), Feature(key="price")]
ARMS = ("a", "b", "c")


def contextual(engine, policy=None, **rest):
    options = {"variants": ARMS, "sticky": False, "features": FEATURES} | rest
    return started(engine, policy=policy or LinThompson(), **options)


def contexts(length, seed=0):
    rng = np.random.default_rng(seed)
    return [{"hour": hour, "price": price} for hour, price in rng.uniform(-1, 1, (length, 2)).tolist()]


def learner(engine, key="copy"):
    return engine._memory.experiment(key).contextual


def learn(engine, length=60, seed=0):
    """Rewards that depend on the context, so that arms are best in different ones."""
    rng = np.random.default_rng(seed)
    for context in contexts(length, seed):
        decision = engine.choose("copy", context=context)
        rate = {"a": 0.5 + 0.4 * context["hour"], "b": 0.5 - 0.4 * context["hour"], "c": 0.3}[decision.variant]
        engine.reward(decision.id, float(rng.random() < rate))


def rows(engine, table):
    engine._journal.flush()
    with engine.reading() as reader:
        return list(reader.rows(table))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("own", [False, True], ids=["alike", "each its own"])
def test_decisions_follow_the_policys_kernels(engine, name, own):
    """The whole way by hand: the sums by `record`, their weights, the floor."""
    policy, rng = POLICIES[name](), np.random.default_rng(5)
    contextual(engine, policy)
    sums, parameters, out = statistics.empty(3, 3), policy.parameters(np.full(3, 1 / 3)), np.empty(3)
    for context in contexts(40):
        x = np.array([1.0, *context.values()])
        if own:
            context["price"] = dict(zip(ARMS, rng.normal(size=3).tolist(), strict=True))
            x = np.array([[1.0, context["hour"], price] for price in context["price"].values()]).ravel()
        policy.weights(sums, x, sums[:, COUNT].sum(), parameters, out)
        decision = engine.choose("copy", context=context)
        arm = ARMS.index(decision.variant)
        assert decision.propensity == pytest.approx(0.01 + 0.97 * out[arm], abs=1e-9)
        reward = float(rng.random() < 0.5)
        engine.reward(decision.id, reward)
        policy.record(sums, x, arm, reward, decision.propensity, 1.0, parameters)
    np.testing.assert_allclose(learner(engine).state(0.0), sums, rtol=1e-9, atol=1e-12)


SHAPES = {
    "all": ({}, None),
    "mask": ({}, ["a", "c"]),
    "floor and mask": ({"floor": 0.2}, ["b", "c"]),
    "holdout": ({"holdout": 0.4}, None),
    "all three": ({"floor": 0.05, "holdout": 0.3}, ["a", "b"]),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NAMES)
def test_drawn_frequencies_are_the_logged_propensities(name, shape):
    options, eligible = SHAPES[shape]
    with Engine(seed=12) as engine:
        contextual(engine, POLICIES[name]())
        learn(engine)
        engine.update("copy", {"reweight": {**options, "every": "1d"}})
        for context in contexts(2, seed=9):
            decisions = [engine.choose("copy", context=context, eligible=eligible) for _ in range(1200)]
            logged = {decision.variant: decision.propensity for decision in decisions}
            counts = Counter((decision.variant, decision.propensity) for decision in decisions)
            assert len(counts) == len(logged)
            assert set(logged) <= set(eligible or ARMS)
            seen = [key for key in logged if logged[key] * 1200 >= 5]
            observed, expected = (
                np.array([given[key] for key in seen]) for given in (Counter(d.variant for d in decisions), logged)
            )
            if len(seen) > 1:
                assert chisquare(observed, expected / expected.sum() * observed.sum()).pvalue > 0.001
        assert engine.verify() == []


@pytest.mark.parametrize("name", NAMES)
def test_draws_are_what_was_logged_while_contexts_masks_and_weights_change(name):
    """Counts less the sum of the logged distributions, a martingale, over what the draws' covariances add up to."""
    with Engine(seed=13) as engine:
        contextual(engine, POLICIES[name](), reweight=Reweight(floor=0.05, holdout=0.1))
        rng = np.random.default_rng(3)
        for n, context in enumerate(contexts(600)):
            decision = engine.choose("copy", context=context, eligible=["a", "b"] if n % 5 == 0 else None)
            if n % 3:
                engine.reward(
                    decision.id, float(rng.random() < 0.5 + 0.3 * context["hour"] * (decision.variant == "a"))
                )
        drawn = {row[0]: row[3] for row in rows(engine, "decisions")}
        expected = np.array([json.loads(row[1]) for row in rows(engine, "draws")])
        observed = np.eye(3)[[drawn[row[0]] for row in rows(engine, "draws")]]
        assert changing(observed, expected).p_value > 0.001


def test_the_whole_distribution_is_logged_with_every_decision(engine):
    contextual(engine, LogisticThompson(), reweight=Reweight(holdout=0.2))
    learn(engine, 30)
    logged = {row[0]: row for row in rows(engine, "draws")}
    means = np.zeros(3)
    for number, *rest in rows(engine, "decisions"):
        probabilities, note = json.loads(logged[number][1]), json.loads(logged[number][2])
        assert sum(probabilities) == pytest.approx(1.0)
        assert probabilities[rest[2]] == rest[3]
        assert len(note) == 2
        assert note[1] > 0.0
        means += np.array(probabilities) / 30
    assert len(logged) == 30
    assert [variant.weight for variant in engine.results("copy").variants] == pytest.approx(means)
    assert [row[3:5] for row in rows(engine, "epochs")] == [("null", "null")] * engine.results("copy").epoch


def test_linear_policies_keep_no_note_and_others_no_draw(engine):
    contextual(engine, LinUCB())
    learn(engine, 3)
    assert [row[2] for row in rows(engine, "draws")] == [None] * 3
    started(engine, "free")
    engine.choose("free", "u", context={"hour": "any"})
    assert len(rows(engine, "draws")) == 3


def test_results_say_what_the_log_has_to_be_asked_for(engine):
    metrics = [
        Metric(key="buys", primary=True),
        Metric(key="spent", type="continuous"),
        Metric(key="rate", type="ratio", numerator="buys", denominator="spent"),
    ]
    contextual(engine, metrics=metrics)
    learn(engine, 80)
    for method in (None, "pooled_z"):
        results = engine.results("copy", method)
        assert (results.method, results.verdict.decision) == (None, "keep_collecting")
        assert "followed from its context" in results.withheld
        for comparison in results.comparisons:
            assert "`counterfactual` with `always:variant=KEY`" in comparison.refused
            assert comparison.p_value is None
    assert not [finding for finding in engine.quality("copy").findings if finding.kind == "sample_ratio"]
    assert engine.segments("copy", "country").differ == {}
    assert engine.series("copy").points[-1].effect is None
    answer = engine.counterfactual("copy", "always:variant=a")
    assert answer.trials == 80
    assert answer.estimates[0].effective_sample_size > 1.0


def test_before_any_decision_the_weights_are_the_configured_ones(engine):
    engine.create(define(features=FEATURES, variants=("a", "b")))
    assert engine.get("copy").policy == LinThompson()
    engine.update("copy", {"variants": [{"key": "a", "weight": 3}, {"key": "b"}]})
    for _ in range(2):
        assert [variant.weight for variant in engine.results("copy").variants] == pytest.approx([0.745, 0.255])
        if engine.get("copy").status == "draft":
            engine.start("copy")


@pytest.mark.parametrize(
    ("context", "field"),
    [
        (None, "context.hour"),
        ({"hour": 0.5}, "context.price"),
        ({"hour": 0.5, "price": 1, "x": 1}, "context.x"),
        ({"hour": 2, "price": 1}, "context.hour"),
        ({"hour": 0, "price": "1"}, "context.price"),
        ({"hour": 0, "price": True}, "context.price"),
        ({"hour": 0, "price": float("inf")}, "context.price"),
        ({"hour": 0, "price": float("nan")}, "context.price"),
        ({"hour": 0, "price": {"a": 1, "b": 2}}, "context.price.c"),
    ],
    ids=str,
)
def test_a_wrong_context_decides_nothing(engine, context, field):
    contextual(engine)
    with pytest.raises(InvalidInput) as caught:
        engine.choose("copy", context=context)
    assert field in {error.field for error in caught.value.errors}
    good, bad = engine.choose_batch(
        [{"experiment": "copy", "context": contexts(1)[0]}, {"experiment": "copy", "context": context}]
    )
    assert good.reason == "drawn"
    assert isinstance(bad, InvalidInput)
    assert sum(variant.decisions for variant in engine.results("copy").variants) == 1


def test_a_unit_keeps_its_variant_and_earns_in_the_context_of_its_first_decision(engine):
    contextual(engine, sticky=True)
    first, later = contexts(2)
    decision = engine.choose("copy", "u", context=first)
    learn_from = [engine.choose("copy", f"v{n}", context=context) for n, context in enumerate(contexts(20, seed=3))]
    for other in learn_from:
        engine.reward(other.id, float(other.variant == "b"))
    before = learner(engine).state(0.0)
    again = engine.choose("copy", "u", context=later)
    assert (again.variant, again.propensity, again.reason) == (decision.variant, decision.propensity, "sticky")
    with pytest.raises(InvalidInput, match=r"context\.price: is missing"):
        engine.choose("copy", "u", context={"hour": 0})
    engine.reward(again.id, 1)
    arm, x = ARMS.index(decision.variant), np.array([1.0, *first.values()])
    np.testing.assert_allclose(learner(engine).state(0.0)[arm, 4:7] - before[arm, 4:7], x, atol=1e-12)
    draws = {row[0]: row[1] for row in rows(engine, "draws")}
    assert draws[int(again.id, 16)] == draws[int(decision.id, 16)]


def test_where_decisions_are_trials_each_earns_in_its_own_context(engine):
    contextual(engine, LogisticThompson(), sticky=True, trial="decision")
    first, later = contexts(2)
    decision, again = (engine.choose("copy", "u", context=context) for context in (first, later))
    assert (again.variant, again.propensity) == (decision.variant, decision.propensity)
    engine.reward(again.id, 1)
    x, row = np.array([1.0, *later.values()]), learner(engine).state(0.0)[ARMS.index(decision.variant)]
    np.testing.assert_allclose(row[4:7] / row[4], x, rtol=1e-12)
    np.testing.assert_allclose(row[7:] / row[7], np.outer(x, x).ravel(), rtol=1e-12)


def test_a_unit_is_reassigned_among_those_eligible(engine):
    contextual(engine, sticky=True)
    context = contexts(1)[0]
    first = engine.choose("copy", "u", context=context)
    others = [key for key in ARMS if key != first.variant]
    second, third = (engine.choose("copy", "u", context=context, eligible=others) for _ in range(2))
    assert (second.reason, third.reason) == ("reassigned", "sticky")
    assert (third.variant, third.propensity) == (second.variant, second.propensity)
    assert second.variant in others
    engine.reward(third.id, 1)


def test_a_deferred_decision_learns_once_it_counts(engine):
    contextual(engine, LogisticThompson())
    context = contexts(1)[0]
    decision = engine.choose("copy", context=context, defer=True)
    engine.reward(decision.id, 1)
    assert not learner(engine).state(0.0).any()
    assert sum(variant.units for variant in engine.results("copy").variants) == 0
    engine.activate(decision.id)
    assert learner(engine).state(0.0)[ARMS.index(decision.variant), COUNT] == 1
    results = engine.results("copy").variants
    assert sum(variant.units for variant in results) == 1
    assert sum(variant.weight for variant in results) == pytest.approx(1.0)


def test_a_repeated_key_gets_the_same_decision(engine):
    contextual(engine)
    first, other = contexts(2)
    decision = engine.choose("copy", context=first, idempotency_key="k")
    assert engine.choose("copy", context=other, idempotency_key="k") == decision
    assert len(rows(engine, "draws")) == 1


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_rewards_and_their_corrections_mean_nothing(engine, name):
    """What was learnt is the sum over trials, whenever and however often they were told."""
    contextual(engine, POLICIES[name](), reweight=Reweight(every="1d"))
    decisions = [engine.choose("copy", context=context) for context in contexts(30)]
    final = np.random.default_rng(2).integers(2, size=30).astype(float).tolist()
    for decision, reward in zip(decisions, final, strict=True):
        engine.reward(decision.id, reward)
    expected = learner(engine).state(0.0)
    for decision, reward in reversed(list(zip(decisions, final, strict=True))):
        engine.retract(decision.id)
        engine.reward(decision.id, 1.0 - reward)
    assert not np.allclose(learner(engine).state(0.0), expected)
    for decision, reward in zip(decisions, final, strict=True):
        engine.reward(decision.id, reward)
    np.testing.assert_allclose(learner(engine).state(0.0), expected, atol=1e-9)
    for decision in decisions:
        engine.retract(decision.id)
    np.testing.assert_allclose(learner(engine).state(0.0), 0.0, atol=1e-9)


def test_forgetting_follows_the_time_of_the_decision(engine, clock):
    contextual(engine, LinUCB(half_life=3600.0), reweight=Reweight(every="1d"))
    context = {"hour": 0.5, "price": 2.0}
    first = engine.choose("copy", context=context, eligible=["a"])
    clock.now += 3600
    second = engine.choose("copy", context=context, eligible=["a"])
    clock.now += 3600
    engine.reward(second.id, 1)
    clock.now += 16 * 3600
    engine.reward(first.id, 1)
    row, weight = learner(engine).state(clock.now)[0], 0.5**18 + 0.5**17
    x = np.array([1.0, 0.5, 2.0])
    np.testing.assert_allclose(row[[0, 1, *range(4, 16)]], weight * np.array([1, 1, *x, *np.outer(x, x).ravel()]))


@pytest.mark.parametrize("durable", [False, True])
def test_what_was_forgotten_is_not_read_again(tmp_path, clock, durable):
    """A period is 16 half-lives; the store has them all, and a process that starts reads the last few."""
    with Engine(tmp_path / "a.db", durable=durable, clock=clock, seed=1) as engine:
        contextual(engine, LinUCB(half_life=60.0))
        for _ in range(12):
            learn(engine, 5)
            clock.now += 960
        before = learner(engine).state(clock.now)
        assert len({row[1] for row in rows(engine, "models")}) == 12
    with Engine(tmp_path / "a.db", durable=durable, clock=clock) as engine:
        with engine.reading() as reader:
            assert len({row[0] for row in reader.models(1)}) == 7
        np.testing.assert_allclose(learner(engine).state(clock.now), before, rtol=1e-12)
        assert before[:, COUNT].sum() > 0
        assert engine.verify() == []


def test_any_number_of_sets_of_eligible_arms(engine):
    keys = [f"v{n}" for n in range(9)]
    contextual(engine, LinUCB(), variants=keys, reweight=Reweight(every="1d"))
    context = contexts(1)[0]
    for n in range(1, 200):
        eligible = [key for place, key in enumerate(keys) if n >> place & 1]
        assert engine.choose("copy", context=context, eligible=eligible).variant in eligible
    assert len(learner(engine)._views) <= 64


def test_the_next_choice_uses_a_reward_and_begins_an_epoch(engine):
    contextual(engine)
    epochs = []
    for context in contexts(5):
        decision = engine.choose("copy", context=context)
        engine.reward(decision.id, 1)
        epochs.append(decision.epoch)
    assert epochs == [1, 2, 3, 4, 5]
    same = [engine.choose("copy", context=contexts(1)[0]).epoch for _ in range(3)]
    assert same == [6, 6, 6]


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize("every", ["0s", "1h"])
def test_an_epoch_has_one_state_whatever_happens_to_the_process(tmp_path, clock, every, durable):
    """With spaced epochs the state is kept; otherwise it is that of the sums."""
    path, probe = tmp_path / "a.db", contexts(1, seed=8)[0]

    def probed(engine):
        decision = engine.choose("copy", context=probe, eligible=["a", "b"])
        number = int(decision.id, 16)
        return decision.epoch, next(json.loads(row[1]) for row in rows(engine, "draws") if row[0] == number)

    with Engine(path, durable=durable, clock=clock, seed=4) as engine:
        contextual(engine, reweight=Reweight(every=every))
        learn(engine)
        clock.now += 3601
        epoch, before = probed(engine)
        if every != "0s":
            learn(engine, 20, seed=1)
            assert probed(engine) == (epoch, before)
            engine._memory.reset()
        else:
            engine.pause("copy")
            engine.resume("copy")
        assert probed(engine)[0] == epoch
        np.testing.assert_allclose(probed(engine)[1], before, rtol=1e-9)
    with Engine(path, durable=durable, clock=clock, seed=5) as engine:
        found, after = probed(engine)
        assert found == epoch
        np.testing.assert_allclose(after, before, rtol=1e-9)
        clock.now += 3601
        if every != "0s":
            assert probed(engine)[0] == epoch + 1
        assert engine.verify() == []


def test_two_engines_on_one_file_share_what_they_learn_and_when(tmp_path, clock):
    path, probe = tmp_path / "a.db", contexts(1, seed=8)[0]
    with Engine(path, clock=clock, seed=1) as here, Engine(path, clock=clock, seed=2) as there:
        contextual(here, LinUCB(), reweight=Reweight(every="1h"))
        learn(here, 30)
        learn(there, 30, seed=1)
        assert here.choose("copy", context=probe).epoch == there.choose("copy", context=probe).epoch == 1
        clock.now += 3601
        first = {(d.epoch, d.variant, d.propensity) for d in (here.choose("copy", context=probe) for _ in range(40))}
        learn(here, 10, seed=2)
        second = {(d.epoch, d.variant, d.propensity) for d in (there.choose("copy", context=probe) for _ in range(40))}
        assert {entry[0] for entry in first | second} == {2}
        assert {entry[1:] for entry in first if entry[2] > 0.5} == {entry[1:] for entry in second if entry[2] > 0.5}
        np.testing.assert_allclose(learner(here).state(0.0), learner(there).state(0.0), atol=1e-9)
        assert learner(here).state(0.0)[:, COUNT].sum() == 70
        assert there.verify() == []


def test_a_live_experiment_may_change_to_a_policy_with_the_same_sums(engine):
    contextual(engine, LinUCB())
    learn(engine)
    kept = learner(engine).state(0.0)
    for policy in (LinThompson(noise_sd=0.5), LinEpsilonGreedy(epsilon=0.3), LinUCB(regulariser=2.0)):
        epoch = engine.results("copy").epoch
        assert engine.update("copy", {"policy": policy.model_dump()}).epoch == epoch + 1
        np.testing.assert_array_equal(learner(engine).state(0.0), kept)
        learn(engine, 1)
        kept = learner(engine).state(0.0)


@pytest.mark.parametrize(
    ("now", "then", "why"),
    [
        ({"policy": LinUCB()}, {"policy": {"name": "logistic_thompson"}}, "keeps other sums of contexts and rewards"),
        ({"policy": LogisticThompson()}, {"policy": {"name": "lin_ucb"}}, "cannot go on from what 'logistic_thompson'"),
        ({"policy": LogisticThompson()}, {"policy": None}, "'lin_thompson' cannot go on"),
        ({"policy": LinUCB()}, {"policy": {"name": "thompson_beta"}}, "'thompson_beta' cannot .* reads no context"),
        ({"policy": LinUCB()}, {"policy": {"name": "ucb1"}, "features": []}, "'ucb1' cannot go on .* reads no context"),
        ({"features": []}, {"policy": {"name": "lin_ucb"}, "features": [{"key": "x"}]}, "it reads a context"),
    ],
    ids=str,
)
def test_a_live_experiment_may_not_change_what_it_learns_from(engine, now, then, why):
    started(engine, variants=ARMS, sticky=False, **({"features": FEATURES} | now))
    with pytest.raises(WrongState, match=f"'copy' is running; policy: .*{why}") as caught:
        engine.update("copy", then)
    assert [error.field for error in caught.value.errors] == ["policy"]


@pytest.mark.parametrize("features", [[{"key": "hour"}], [*FEATURES, Feature(key="x")], FEATURES[::-1]], ids=str)
def test_features_may_not_change_once_started(engine, features):
    contextual(engine)
    given = [feature if isinstance(feature, dict) else feature.model_dump() for feature in features]
    with pytest.raises(WrongState, match="a decision's meaning would change with features") as caught:
        engine.update("copy", {"features": given})
    assert caught.value.errors[0].field == "features"


def test_arms_come_and_go(engine):
    contextual(engine, LinUCB(), reweight=Reweight(every="1h"))
    learn(engine)
    variants = [{"key": "a", "weight": 0}, {"key": "b"}, {"key": "c"}, {"key": "d"}]
    epoch = engine.results("copy").epoch
    assert engine.update("copy", {"variants": variants}).epoch == epoch + 1
    state = learner(engine).state(0.0)
    assert state.shape == (4, 16)
    assert not state[3].any()
    context = contexts(1)[0]
    decisions = [engine.choose("copy", context=context) for _ in range(200)]
    assert {decision.variant for decision in decisions} == {"b", "c", "d"}
    for decision in decisions:
        engine.reward(decision.id, float(decision.variant == "d"))
    engine.update("copy", {"reweight": {"every": "2h"}})
    assert engine.choose("copy", context={"hour": 0, "price": {"b": 1, "c": 1, "d": 1}}).epoch == epoch + 2
    assert learner(engine).state(0.0)[3, COUNT] > 0
    weights = {variant.key: variant.weight for variant in engine.results("copy").variants}
    assert sum(weights.values()) == pytest.approx(1.0)


def test_a_shared_model_learns_from_the_arms_that_are_not_eligible(engine):
    policy = LinUCB(shared=True, exploration=0.0)
    contextual(engine, policy)
    prices = {"a": 1.0, "b": -1.0, "c": 0.0}
    for reward in (1, 1, 1):
        engine.reward(engine.choose("copy", context={"hour": 0, "price": prices}, eligible=["a"]).id, reward)
    for reward in (0, 0, 0):
        engine.reward(engine.choose("copy", context={"hour": 0, "price": prices}, eligible=["b"]).id, reward)
    state, out = learner(engine).state(0.0), np.empty(3)
    x = np.array([[1.0, 0.0, price] for price in (0.0, -2.0, 2.0)]).ravel()
    policy.weights(state, x, 6.0, policy.parameters(np.full(3, 1 / 3)), out)
    context = {"hour": 0, "price": {"a": 0, "b": -2, "c": 2}}
    assert out.tolist() == [0, 0, 1]
    decisions = [engine.choose("copy", context=context, eligible=["b", "c"]) for _ in range(9)]
    assert all(decision.propensity == {"b": 0.01, "c": 0.99}[decision.variant] for decision in decisions)
    with pytest.raises(InvalidInput, match="one model for all variants, which learns nothing"):
        engine.choose("copy", context={"hour": 0, "price": 1})


def test_decisions_that_memory_has_let_go_are_rewarded_as_well(tmp_path, monkeypatch):
    monkeypatch.setattr("bandit.cache.MOST_CACHED", 16)
    with Engine(tmp_path / "a.db", seed=1) as engine:
        contextual(engine, LogisticThompson(), reweight=Reweight(every="1d"))
        decisions = [engine.choose("copy", context=context, defer=n % 2 == 0) for n, context in enumerate(contexts(60))]
        for decision in decisions:
            engine.reward(decision.id, 1)
            engine.activate(decision.id)
        assert len(engine._memory.draws) < 20
        assert learner(engine).state(0.0)[:, COUNT].sum() == 60
        assert engine.verify() == []


@pytest.mark.parametrize("name", NAMES)
def test_numbers_at_the_ends_of_what_is_allowed(engine, name):
    contextual(engine, POLICIES[name]())
    for hour, price in ((1, 1e12), (-1, -1e12), (0, 0), (1, 1e-300), (0, 1e12)) * 4:
        decision = engine.choose("copy", context={"hour": hour, "price": price})
        assert 0.0 < decision.propensity <= 1.0
        engine.reward(decision.id, 1)
        engine.reward(engine.choose("copy", context={"hour": hour, "price": price}).id, 0)
    assert np.isfinite(learner(engine).state(0.0)).all()


def test_many_arms_and_features(engine):
    features = [Feature(key=f"x{n}") for n in range(50)]
    contextual(engine, LinUCB(), variants=[f"v{n}" for n in range(100)], features=features)
    rng = np.random.default_rng(1)
    for _ in range(3):
        context = {feature.key: value for feature, value in zip(features, rng.normal(size=50).tolist(), strict=True)}
        engine.reward(engine.choose("copy", context=context).id, 1)
    assert len(rows(engine, "models")) == 3 * (51 + 51 * 52 // 2)


def test_threads_that_share_commits(tmp_path):
    with Engine(tmp_path / "a.db", seed=1) as engine:
        contextual(engine, LogisticThompson())

        def work(seed):
            for context in contexts(20, seed):
                decision = engine.choose("copy", context=context)
                engine.reward(decision.id, float(decision.variant == "b"))

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert learner(engine).state(0.0)[:, COUNT].sum() == 160
        assert engine.verify() == []


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_decided_and_rewarded_at_once(engine, name):
    contextual(engine, POLICIES[name]())
    asked = [{"experiment": "copy", "context": context} for context in contexts(50)]
    decisions = engine.choose_batch(asked)
    assert {decision.epoch for decision in decisions} == {1}
    answers = engine.reward_batch(
        [{"decision_id": decision.id, "value": n % 2} for n, decision in enumerate(decisions)]
    )
    assert answers == ["applied"] * 50
    assert learner(engine).state(0.0)[:, COUNT].sum() == 50
