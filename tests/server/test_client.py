"""The client against a real server: it is the engine, from afar."""

import inspect
import threading

import pytest

from bandit import Decision, Engine, Experiment, InvalidInput, Metric, NotFound, Variant, WrongState
from bandit.client import Client
from policies import ThompsonBeta


@pytest.fixture
def far(start):
    with Client(start().url) as client:
        yield client


def test_it_has_the_methods_of_the_engine():
    # Two for requests that were validated already, one for who holds the file, three for what runs the engine.
    local = {"decide", "settle", "verify", "manage", "reading", "tick"}
    for name, method in inspect.getmembers(Engine, inspect.isfunction):
        if not name.startswith("_") and name not in local:
            assert inspect.signature(getattr(Client, name)) == inspect.signature(method), name


def test_a_whole_life(far):
    definition = Experiment(
        key="copy", variants=[Variant(key="a", config={"x": 1}), Variant(key="b")], metrics=[Metric(key="m")]
    )
    assert far.list() == []
    created = far.create(definition)
    assert created.status == "draft"
    assert far.start("copy").status == "running"
    decision = far.choose("copy", "u", context={"hour": 9}, attributes={"plan": "pro"}, eligible=["a"])
    assert isinstance(decision, Decision)
    assert (decision.variant, decision.config, decision.propensity) == ("a", {"x": 1}, 1.0)
    assert far.reward(decision.id, 1) == "applied"
    assert far.retract(decision.id) == "retracted"
    deferred = far.choose("copy", defer=True)
    assert far.activate(deferred.id) == "activated"
    assert sum(variant.decisions for variant in far.results("copy").variants) == 2
    assert far.update("copy", {"name": "New"}).name == "New"
    assert far.pause("copy").status == "paused"
    assert far.resume("copy").status == "running"
    assert far.stop("copy", "enough").stop_reason == "enough"
    assert far.archive("copy").status == "archived"
    assert far.clone("copy", "copy-2").key == "copy-2"
    assert far.start("copy-2").status == "running"
    assert far.complete("copy-2").status == "completed"
    assert [experiment.key for experiment in far.list()] == ["copy", "copy-2"]
    assert far.get("copy-2").status == "completed"
    assert far.sample_size({"baseline": 0.1, "treatment": 0.12}).sample_size_per_variant == 3841
    far.check()


def test_batches(far, copy):
    far.create(copy)
    far.start("copy")
    chosen = far.choose_batch([{"experiment": "copy", "unit": "u", "defer": True}, {"experiment": "nope"}])
    assert isinstance(chosen[0], Decision)
    assert isinstance(chosen[1], NotFound)
    number = chosen[0].id
    assert far.activate_batch([{"decision_id": number}]) == ["activated"]
    statuses = far.reward_batch([{"decision_id": number, "value": 1}, {"decision_id": number, "value": 7}])
    assert statuses[0] == "applied"
    assert isinstance(statuses[1], InvalidInput)
    assert statuses[1].errors[0].field == "value"
    assert far.retract_batch([{"decision_id": number}]) == ["retracted"]
    assert far.choose_batch([]) == []


def test_errors_are_those_of_the_engine(far, copy):
    with Engine() as near:
        for where in (near, far):
            where.create(copy)
        for call in (
            lambda where: where.choose("nope"),
            lambda where: where.choose("copy"),
            lambda where: where.create({"key": "a b", "oops": 1}),
            lambda where: where.create(copy),
            lambda where: where.get("nope"),
            lambda where: where.results("nope"),
            lambda where: where.reward("zz", 1),
            lambda where: where.update("copy", {"status": "running"}),
            lambda where: where.pause("copy"),
            lambda where: where.prior("purchase"),
        ):
            errors = []
            for where in (near, far):
                with pytest.raises((InvalidInput, NotFound, WrongState)) as caught:
                    call(where)
                errors.append(caught.value)
            assert type(errors[0]) is type(errors[1])
            assert (errors[0].detail, errors[0].errors) == (errors[1].detail, errors[1].errors)


@pytest.mark.parametrize("key", ["..", ".", "", "a/b", "a?b", "é", "a#b"])
def test_a_key_that_cannot_be_is_not_found(far, copy, key):
    far.create(copy)
    with pytest.raises(NotFound):
        far.results(key)


def test_many_threads_share_a_client(far, copy):
    far.create(copy)
    far.start("copy")
    ids = []

    def play(name):
        for number in range(10):
            decision = far.choose("copy", f"{name}-{number}")
            far.reward(decision.id, 1.0)
            ids.append(decision.id)

    threads = [threading.Thread(target=play, args=(name,)) for name in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 160
    assert sum(variant.decisions for variant in far.results("copy").variants) == 160


def test_a_prior_is_learned_from_afar(far):
    for number in range(2):
        key = f"past-{number}"
        far.create({"key": key, "variants": [{"key": "a"}, {"key": "b"}], "metrics": [{"key": "buy"}], "owner": "me"})
        far.start(key)
        for step in range(60):
            far.reward(far.choose(key).id, float(step % 6 == 0))
        far.complete(key)
    prior = far.prior("buy")
    assert isinstance(prior, ThompsonBeta)
    assert prior.prior_successes / (prior.prior_successes + prior.prior_failures) == pytest.approx(1 / 6, abs=0.02)
    assert far.prior("buy", "me") == prior
    with pytest.raises(InvalidInput, match="there are 0"):
        far.prior("buy", "you")


def test_experiments_are_overseen_from_afar(far, copy):
    copy["metrics"][0]["minimum_effect"] = 0.1
    assert far.validate(copy).errors == []
    assert {remark.field for remark in far.validate({**copy, "nope": 1}).errors} == {"nope"}
    far.create({**copy, "owner": "ann"})
    far.start("copy")
    far.choose("copy", "u")
    assert [variant.weight for variant in far.rebalance("copy", {"short": 2}).variants] == [1.0, 2.0]
    assert [variant.weight for variant in far.rebalance("copy").variants] == [1.0, 1.0]
    assert far.traffic("copy").units == 1
    assert [line.action for line in far.audit("experiment", "copy", limit=2).changes] == ["update", "update"]
    assert far.audit(cursor=far.audit(limit=2).next).changes[0].action == "start"
    far.create({**copy, "key": "copy-2"})
    assert [one.key for one in far.list(owner="ann")] == ["copy"]
    assert [one.key for one in far.page(limit=1).experiments] == ["copy"]
    assert [one.key for one in far.page(limit=1, cursor=far.page(limit=1).next, text="COPY").experiments] == ["copy-2"]
    with pytest.raises(InvalidInput, match="has no factors"):
        far.factorial("copy")
    with pytest.raises(InvalidInput, match=r"weights\.nope"):
        far.rebalance("copy", {"nope": 1})
