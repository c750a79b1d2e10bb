"""The client against a real server: it is the engine, from afar."""

import inspect
import threading

import pytest

from bandit import Decision, Engine, Experiment, InvalidInput, Metric, NotFound, Variant, WrongState
from bandit.client import Client
from bandit.errors import Forbidden, Unauthorised
from bandit.keys import KeyRequest
from bandit.priors import beta
from policies import ThompsonBeta


@pytest.fixture
def far(start):
    with Client(start().url) as client:
        yield client


def test_it_has_the_methods_of_the_engine():
    local = {"decide", "settle", "follow"}  # for requests that were validated already
    local |= {"decide_then", "settle_then", "choose_batch_then", "reward_batch_then"}  # for a server that does not wait
    local |= {"verify", "export", "backup"}  # for who holds the file
    local |= {"manage", "reading", "tick", "deliver", "retain"}  # what a server is made of
    for name, method in inspect.getmembers(Engine, inspect.isfunction):
        if not name.startswith("_") and name not in local:
            assert inspect.signature(getattr(Client, name)) == inspect.signature(method), name


@pytest.mark.parametrize("part", ["keys", "settings"])
def test_its_parts_have_the_methods_of_the_engines(part):
    with Engine() as engine, Client("http://127.0.0.1:1") as client:
        for name, method in inspect.getmembers(getattr(engine, part), inspect.ismethod):
            if not name.startswith("_") and name not in {"identify", "latest"}:  # of who holds the file
                far_one = getattr(getattr(client, part), name)
                assert list(inspect.signature(far_one).parameters) == list(inspect.signature(method).parameters), name


def test_settings_from_afar(far):
    changed = far.settings.update({"alpha": 0.1, "canary_dwell": "2h"})
    assert {one.name for one in changed if one.source == "stored"} == {"alpha", "canary_dwell"}
    assert (far.settings.read().alpha, far.settings.read().canary_dwell) == (0.1, 7200.0)
    with pytest.raises(InvalidInput, match="alpha: Input should be less than 1, given 2"):
        far.settings.update({"alpha": 2})
    variants, metrics = [Variant(key="a"), Variant(key="b")], [Metric(key="m")]
    assert far.create(Experiment(key="new", variants=variants, metrics=metrics)).analysis.alpha == 0.1
    far.settings.reset("alpha", "canary_dwell")
    assert far.settings.list() == far.settings.reset()
    with pytest.raises(NotFound):
        far.settings.reset("alfa")


def test_keys_from_afar(far):
    admin = far.keys.create({"scope": "admin", "owner": "root"})
    with pytest.raises(Unauthorised, match="an API key is needed"):
        far.list()
    with Client(far.url, key=admin.token) as client:
        issued = client.keys.create(KeyRequest(scope="manage", owner="ann", rate=2.0))
        assert [one.id for one in client.keys.list()] == [admin.id, issued.id]
        with Client(far.url, key=issued.token) as hasty:
            assert [hasty.list() for _ in range(4)] == [[]] * 4  # refused at the third, and asked again later
            with pytest.raises(Forbidden):
                hasty.keys.list()
        assert client.keys.revoke(issued.id).revoked_at is not None
        assert client.keys.get(issued.id).revoked_at is not None
        with pytest.raises(NotFound):
            client.keys.revoke("nope")
    with Client(far.url, key=issued.token) as client, pytest.raises(Unauthorised, match="was revoked"):
        client.list()


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


def test_flags(far, copy):
    switch = {"key": "switch", "type": "boolean", "variants": {"on": True, "off": False}, "default_variant": "off"}
    assert far.flags.create(switch) == far.flags.get("switch")
    assert far.evaluate("switch", "u", {"country": "NL"}) == ("switch", False, "off", "STATIC", {}, None, None)
    assert far.flags.update("switch", {"default_variant": None}).default_variant is None
    assert far.evaluate("switch", default=7)[1:4] == (7, None, "STATIC")
    assert far.evaluate("nope", default=7)[1:6:4] == (7, "FLAG_NOT_FOUND")
    assert far.evaluate("switch", "u" * 257, default=7)[1:6:4] == (7, "INVALID_CONTEXT")
    far.create(copy)
    far.start("copy")
    texts = {"control": "Pay now", "short": "Pay"}
    far.flags.create({"key": "text", "type": "string", "variants": texts, "experiment": "copy"})
    first = far.evaluate_all("u")
    assert [found.key for found in first] == ["switch", "text"]
    found = far.evaluate("text", "u", defer=True)
    assert (found.value, found.metadata["deferred"]) == (first[1].value, True)
    (tracked,) = far.track("spent", "u", flag="text", value=5.0)
    assert (tracked.experiment, tracked.status) == ("copy", "applied")
    assert far.track("exposure", decision_id=tracked.decision_id)[0].status == "activated"
    with pytest.raises(NotFound, match="flag 'nope' is unknown"):
        far.track("spent", "u", flag="nope", value=1.0)
    far.flags.remove("switch")
    assert [flag.key for flag in far.flags.list()] == ["text"]


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
        for variant, bought in (("a", 3 + number), ("b", 7 - number)):
            for step in range(30):
                far.reward(far.choose(key, eligible=[variant]).id, float(step < bought))
        far.complete(key)
    prior = far.prior("buy")
    assert isinstance(prior, ThompsonBeta)
    learned = prior.prior_successes, prior.prior_failures
    assert learned == pytest.approx(beta([(30, 3), (30, 7), (30, 4), (30, 6)]))
    assert learned[0] / sum(learned) == pytest.approx(1 / 6, abs=0.02)
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
