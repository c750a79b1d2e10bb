"""API keys: made, shown, revoked, and what is kept of them."""

from hashlib import sha256

import pytest

from bandit import Engine, InvalidInput, NotFound, WrongState
from bandit.actor import Actor, acting
from bandit.errors import Forbidden, Unauthorised
from bandit.keys import API_KEY


def test_a_token_is_shown_once_and_its_secret_never_kept(tmp_path, clock):
    path = tmp_path / "x.db"
    with Engine(path, clock=clock) as engine:
        issued = engine.keys.create({"scope": "manage", "owner": "ann", "expires": "90d", "rate": 5})
        prefix, name, secret = issued.token.split("_", 2)
        assert (prefix, name, secret[-4:], len(secret)) == ("multiarm", issued.id, issued.last_four, 43)
        assert issued.expires_at == clock.now + 90 * 86400.0
        assert engine.keys.list() == [engine.keys.get(issued.id)]
        assert "token" not in engine.keys.get(issued.id).model_dump()
        with engine.reading() as reader:
            [kept] = reader.documents("api_key")
            [(_, change)] = reader.changes("api_key", None, 1 << 62, 10)
        assert sha256(secret.encode()).hexdigest() in kept.body
        assert (change.action, change.detail) == ("create", "manage for ann")
    assert all(secret.encode() not in file.read_bytes() for file in tmp_path.iterdir())


def test_tokens_differ(engine):
    tokens = {engine.keys.create({"scope": "read", "owner": "ann"}).token for _ in range(50)}
    assert len(tokens) == len({token.split("_", 2)[1] for token in tokens}) == 50


def test_who_a_token_belongs_to(engine, clock):
    assert engine.keys.identify(None) is None
    with pytest.raises(Unauthorised, match="not known"):
        engine.keys.identify("multiarm_a_b")
    manage = engine.keys.create({"scope": "manage", "owner": "ann", "expires": "1h"})
    admin = engine.keys.create({"scope": "admin", "owner": "root"})
    for rechecked in (False, True):
        found = engine.keys.identify(manage.token, rechecked=rechecked)
        assert found.actor == Actor(f"ann/{manage.id}", "ann", manage.id)
        assert engine.keys.identify(admin.token, rechecked=rechecked).actor.owner is None
        with pytest.raises(Unauthorised, match="an API key is needed"):
            engine.keys.identify(None, rechecked=rechecked)
        swapped = f"multiarm_{manage.id}_{admin.token.split('_', 2)[2]}"
        with pytest.raises(Unauthorised, match="not known"):
            engine.keys.identify(swapped, rechecked=rechecked)
    clock.now += 3600.0
    with pytest.raises(Unauthorised, match=f"the API key {manage.id} has expired"):
        engine.keys.identify(manage.token)
    assert engine.keys.revoke(admin.id).revoked_at == clock.now
    clock.now += 1.0
    assert engine.keys.revoke(admin.id).revoked_at == clock.now - 1.0
    for token in (admin.token, None):  # a revoked key still keeps the door shut
        with pytest.raises(Unauthorised):
            engine.keys.identify(token, rechecked=True)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"scope": "root", "owner": "ann"}, "scope"),
        ({"scope": "read", "owner": ""}, "owner"),
        ({"scope": "read"}, "owner"),
        ({"scope": "read", "owner": "ann", "expires": "soon"}, "expires"),
        ({"scope": "read", "owner": "ann", "rate": 0}, "rate"),
        ({"scope": "read", "owner": "ann", "key": "mine"}, "key"),
    ],
)
def test_what_is_no_key_is_refused(engine, request_, field):
    with pytest.raises(InvalidInput) as caught:
        engine.keys.create(request_)
    assert [error.field for error in caught.value.errors] == [field]
    assert engine.keys.list() == []


def test_repeats_and_who_may(engine):
    first = engine.keys.create({"scope": "read", "owner": "ann"}, idempotency_key="k")
    with pytest.raises(
        WrongState, match=f"'k' was used before, to create api_key '{first.id}'; the token .* is shown once"
    ):
        engine.keys.create({"scope": "read", "owner": "ann"}, idempotency_key="k")
    with pytest.raises(NotFound, match="api_key 'nope' is unknown"):
        engine.keys.revoke("nope")
    with pytest.raises(NotFound):
        engine.keys.get("nope")
    with acting("ann", "ann"):
        for refused in (
            lambda: engine.keys.create({"scope": "read", "owner": "ann"}),
            lambda: engine.keys.revoke(first.id),
        ):
            with pytest.raises(Forbidden, match="keys are everyone's"):
                refused()
    for _ in range(2):
        assert engine.keys.revoke(first.id, idempotency_key="r").revoked_at is not None
    assert len(engine.keys.list()) == 1
    assert API_KEY.name == "api_key"


def test_what_another_process_does_holds_at_once_and_nothing_is_read_until_then(tmp_path, monkeypatch):
    with Engine(tmp_path / "x.db") as one, Engine(tmp_path / "x.db") as other:
        reads = []
        read = one.keys._read
        monkeypatch.setattr(one.keys, "_read", lambda ask: reads.append(1) or read(ask))
        assert [one.keys.identify(None) for _ in range(3)] == [None] * 3
        assert len(reads) == 1
        issued = other.keys.create({"scope": "read", "owner": "ann"})
        with pytest.raises(Unauthorised, match="an API key is needed"):
            one.keys.identify(None)
        reads.clear()
        assert {one.keys.identify(issued.token).key.owner for _ in range(3)} == {"ann"}
        assert len(reads) == 1
        other.keys.revoke(issued.id)
        with pytest.raises(Unauthorised, match="revoked"):
            one.keys.identify(issued.token)
