"""The OpenFeature SDK against a real server: through its own OFREP provider, and through ours, which also tracks."""

import pytest
import requests
from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason
from openfeature.provider import ProviderStatus
from openfeature.track import TrackingEventDetails

from bandit import Client, Engine, Experiment, InvalidInput, Metric, NotFound, Variant
from bandit.openfeature import Provider

DUTCH = {"attribute": "country", "operator": "equals", "value": "NL"}
VALUES = {
    "boolean": {"on": True, "off": False},
    "string": {"on": "Pay é", "off": ""},
    "integer": {"on": 3, "off": 0},
    "number": {"on": 1.0, "off": 0.5},
    "object": {"on": {"a": [1, None]}, "off": []},
}
DEFAULTS = {"boolean": True, "string": "mine", "integer": 7, "number": 7.5, "object": {"mine": 1}}
ASKS = {"boolean": "boolean", "string": "string", "integer": "integer", "number": "float", "object": "object"}
AMSTERDAM = EvaluationContext("user-1", {"country": "NL", "age": 40, "beta": True, "tags": ["a"], "more": {"b": 1}})


def fill(source):
    """The flags that every test asks for."""
    for kind, variants in VALUES.items():
        rules = [{"name": "dutch", "when": DUTCH, "variant": "on"}]
        flag = {"key": kind, "type": kind, "variants": variants, "default_variant": "off"}
        source.flags.create({**flag, "rules": rules})
        source.flags.create({**flag, "key": f"{kind}.static"})
        source.flags.create({**flag, "key": f"{kind}.code", "default_variant": None})
        source.flags.create({**flag, "key": f"{kind}.off", "enabled": False})
        split = [{"name": "half", "split": {"on": 100, "off": 0}}]
        source.flags.create({**flag, "key": f"{kind}.split", "rules": split})
    source.create(
        Experiment(
            key="copy",
            variants=[Variant(key="on"), Variant(key="off")],
            metrics=[Metric(key="purchase", primary=True), Metric(key="spent", type="continuous")],
        )
    )
    source.start("copy")
    source.flags.create({"key": "backed", "type": "string", "variants": VALUES["string"], "experiment": "copy"})


@pytest.fixture(scope="module")
def server(shared):
    with Client(shared.url) as client:
        fill(client)
    return shared


@pytest.fixture
def remote(server):
    with Client(server.url) as client:
        yield client


def asking(provider):
    api.set_provider(provider, "tests")
    client = api.get_client("tests")
    assert client.get_provider_status() == ProviderStatus.READY
    return client


@pytest.fixture(params=["ofrep", "ours", "in process"])
def client(request, remote, server):
    """An OpenFeature client over each provider."""
    if request.param == "ofrep":
        provider = OFREPProvider(server.url)
        yield asking(provider)
        provider.session.close()
    elif request.param == "ours":
        yield asking(Provider(remote))
    else:
        with Engine(seed=1) as engine:
            fill(engine)
            yield asking(Provider(engine))
    api.clear_providers()


def details(client, kind, key, context=AMSTERDAM):
    return getattr(client, f"get_{ASKS[kind]}_details")(key, DEFAULTS[kind], context)


@pytest.mark.parametrize("kind", VALUES)
def test_every_type_and_reason(client, kind):
    on, off = VALUES[kind]["on"], VALUES[kind]["off"]
    for key, context, expected in (
        (kind, AMSTERDAM, (on, "on", Reason.TARGETING_MATCH)),
        (kind, EvaluationContext("user-1", {"country": "DE"}), (off, "off", Reason.DEFAULT)),
        (kind, EvaluationContext(), (off, "off", Reason.DEFAULT)),
        (kind, None, (off, "off", Reason.DEFAULT)),
        (f"{kind}.static", AMSTERDAM, (off, "off", Reason.STATIC)),
        (f"{kind}.off", AMSTERDAM, (off, "off", Reason.DISABLED)),
        (f"{kind}.split", AMSTERDAM, (on, "on", Reason.SPLIT)),
    ):
        found = details(client, kind, key, context)
        assert (found.value, found.variant, found.reason) == expected, found
        assert type(found.value) is type(expected[0])
        assert found.error_code is None
    assert details(client, kind, kind).flag_metadata == {"rule": "dutch"}


@pytest.mark.parametrize("kind", VALUES)
def test_every_default(client, kind):
    found = details(client, kind, f"{kind}.code")
    assert (found.value, found.variant or None, found.reason) == (DEFAULTS[kind], None, Reason.STATIC)
    assert found.error_code is None
    for key, context, code in (
        ("nope", AMSTERDAM, ErrorCode.FLAG_NOT_FOUND),
        (f"{kind}.split", EvaluationContext(None, {"country": "NL"}), ErrorCode.TARGETING_KEY_MISSING),
        (f"{kind}.split", EvaluationContext("u" * 257), ErrorCode.INVALID_CONTEXT),
        ("boolean" if kind == "string" else "string", AMSTERDAM, ErrorCode.TYPE_MISMATCH),
    ):
        found = details(client, kind, key, context)
        assert (found.value, found.reason, found.error_code) == (DEFAULTS[kind], Reason.ERROR, code), found


def test_an_experiment_behind_a_flag(client):
    for number in range(20):
        context = EvaluationContext(f"{client.provider.get_metadata().name} {number}", {"country": "NL"})
        found = client.get_string_details("backed", "mine", context)
        assert (found.reason, found.value) == (Reason.SPLIT, VALUES["string"][found.variant])
        assert found.flag_metadata["propensity"] == 0.5
        assert client.get_string_details("backed", "mine", context).variant == found.variant
    assert client.get_string_details("backed", "mine").error_code == ErrorCode.TARGETING_KEY_MISSING


def sizes(source):
    variants = source.results("copy").variants
    return (
        sum(variant.decisions for variant in variants),
        sum(variant.metrics["purchase"].sum for variant in variants),
        sum(variant.metrics["spent"].sum for variant in variants),
    )


@pytest.mark.parametrize("client", ["ours", "in process"], indirect=True)
def test_what_is_tracked_is_counted(client, remote):
    source = client.provider._source
    units = [EvaluationContext(f"tracked {client.provider.get_metadata().name} {number}") for number in range(4)]
    before = sizes(source)
    ids = [
        client.get_string_details("backed", "", EvaluationContext(unit.targeting_key, {"multiarm.defer": True}))
        for unit in units
    ]
    assert sizes(source) == before
    client.track("exposure", units[0])
    client.track("purchase", units[1])
    client.track("purchase", units[2], TrackingEventDetails(0.0, {"flag": "backed", "order": 7, "of": ("a", "b")}))
    decision = ids[3].flag_metadata["decision_id"]
    client.track("spent", None, TrackingEventDetails(12.5, {"decision_id": decision}))
    client.track("unheard-of", units[0])
    after = sizes(source)
    assert [new - old for new, old in zip(after, before, strict=True)] == [4, 1.0, 12.5]


@pytest.mark.parametrize("client", ["ours", "in process"], indirect=True)
def test_what_cannot_be_tracked_is_an_error(client):
    unit = EvaluationContext("untracked")
    for details, error in (
        (TrackingEventDetails(None, {"flag": "nope"}), NotFound),
        (TrackingEventDetails(None, {"flag": "boolean"}), InvalidInput),
        (TrackingEventDetails(None, {"flag": "backed"}), NotFound),
        (TrackingEventDetails(None, {"decision_id": "0" * 16}), NotFound),
    ):
        with pytest.raises(error):
            client.track("purchase", unit, details)
    with pytest.raises(InvalidInput, match="unit: must be given where no decision_id is"):
        client.track("purchase")
    client.get_string_value("backed", "", unit)
    for value, name in ((2.0, "purchase"), (None, "spent"), (1.0, "misspelt")):
        with pytest.raises(InvalidInput, match=r"^(value|name): "):
            client.track(name, unit, TrackingEventDetails(value, {"flag": "backed"}))


def test_all_flags_are_sent_again_only_where_something_changed(server, remote):
    url = f"{server.url}/ofrep/v1/evaluate/flags"
    context = {"targetingKey": "bulk", "country": "NL"}

    def ask(tag=None):
        headers = {} if tag is None else {"If-None-Match": tag}
        return requests.post(url, json={"context": context}, headers=headers, timeout=10)

    tag = ask().headers["ETag"]
    assert ask(tag).status_code == 304

    def change_flag():
        remote.flags.update("boolean", {"rules": []})

    def change_context():
        context["country"] = "DE"

    def change_weights():
        remote.update("copy", {"variants": [{"key": "on", "weight": 9}, {"key": "off"}]})

    for change in (change_flag, change_context, change_weights):
        change()
        answer = ask(tag)
        assert (answer.status_code, answer.headers["ETag"] == tag) == (200, False), change
        tag = answer.headers["ETag"]
        assert ask(tag).status_code == 304
    remote.flags.update("boolean", {"rules": [{"name": "dutch", "when": DUTCH, "variant": "on"}]})
