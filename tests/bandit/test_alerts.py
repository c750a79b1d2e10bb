"""Alerts and their way to people: stored with what caused them, sent until they arrive, and no two workers at once."""

import json
import logging
import threading

import pytest
from receiver import SECRET, Receiver, verified

from bandit import Engine, InvalidInput, NotFound, Overloaded, StoreBusy, outbox
from bandit.channels import Channel, NotDelivered
from bandit.rows import Alert

LOG = {"key": "log", "type": "log"}


@pytest.fixture(autouse=True)
def allowed(monkeypatch):
    monkeypatch.setenv("MULTIARM_ALLOW_PRIVATE_WEBHOOKS", "true")


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.db"


def hook(receiver, key="hook", **more):
    return {"key": key, "type": "webhook", "url": receiver.url, "secret": SECRET, **more}


def alert(engine, kind="guardrail", message="it tripped", **detail):
    engine._journal.run(raised, kind, message, json.dumps(detail))
    engine._journal.flush()


def raised(memory, kind, message, body, now):
    memory.batch.alerts.append(Alert(now, kind, "copy", "critical", message, body))


def deliveries(engine, number=0):
    return engine.alerts.list().alerts[number].deliveries


def test_an_alert_arrives_signed(engine, clock, receiver):
    engine.channels.create(hook(receiver))
    alert(engine, value=3.5)
    assert [kept.status for kept in deliveries(engine)] == ["pending"]
    assert engine.deliver() is False
    ((headers, body),) = receiver.got
    message = verified(headers, body)
    (listed,) = engine.alerts.list().alerts
    assert message == {
        "id": listed.id,
        "type": "guardrail",
        "timestamp": "2027-01-15T08:00:00.000Z",
        "data": {"subject": "copy", "severity": "critical", "message": "it tripped", "detail": {"value": 3.5}},
    }
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == (listed.id, str(int(clock.now)))
    (kept,) = listed.deliveries
    assert (kept.status, kept.tries, kept.delivered_at, kept.error) == ("delivered", 1, clock.now, "")
    engine.deliver()
    assert len(receiver.got) == 1


def test_only_channels_that_take_a_kind_get_it(engine, receiver):
    engine.channels.create(hook(receiver, "all"))
    engine.channels.create(hook(receiver, "some", kinds=["winner"]))
    engine.channels.create(hook(receiver, "off", enabled=False))
    alert(engine)
    alert(engine, "winner")
    assert [kept.channel for kept in deliveries(engine, 0)] == ["all", "some"]
    assert [kept.channel for kept in deliveries(engine, 1)] == ["all"]


def test_it_is_tried_again_with_the_same_id_and_then_given_up(engine, clock, receiver):
    engine.channels.create(hook(receiver))
    alert(engine)
    receiver.script = [500] * 20
    waits = []
    while (kept := deliveries(engine)[0]).status == "pending":
        waits.append(kept.due_at - clock.now)
        clock.now = kept.due_at
        engine.deliver()
        assert engine.deliver() is False
    assert (kept.status, kept.tries) == ("given_up", outbox.MOST_TRIES)
    assert kept.error == "given up after 14 tries: answered with status 500"
    assert len(receiver.got) == outbox.MOST_TRIES
    assert len(set(receiver.ids())) == 1
    assert all(10 * 2**n <= wait <= 15 * 2**n for n, wait in enumerate(waits[1:]))
    assert 86_400 * 0.9 < sum(waits) < 86_400 * 1.5


def test_gone_is_given_up_at_once(engine, receiver):
    engine.channels.create(hook(receiver))
    alert(engine)
    receiver.script = [410]
    engine.deliver()
    assert deliveries(engine)[0].error == "given up after one try: answered with status 410"


def test_a_webhook_that_was_removed(engine, receiver):
    engine.channels.create(hook(receiver))
    alert(engine)
    engine.channels.remove("hook")
    engine.deliver()
    assert deliveries(engine)[0].error == "given up: the channel was removed"
    assert receiver.got == []


def test_private_addresses_are_refused_unless_allowed(path, monkeypatch, receiver):
    monkeypatch.delenv("MULTIARM_ALLOW_PRIVATE_WEBHOOKS")
    with Engine(path) as engine:
        engine.channels.create(hook(receiver))
        alert(engine)
        engine.deliver()
        assert "127.0.0.1 is not a public address" in deliveries(engine)[0].error
    assert receiver.got == []


def test_the_log(engine, caplog):
    engine.channels.create(LOG)
    alert(engine)
    with caplog.at_level(logging.INFO, "multiarm.alerts"):
        engine.deliver()
    (record,) = caplog.records
    assert (record.levelname, record.getMessage()) == ("CRITICAL", "it tripped")
    assert (record.kind, record.subject, record.alert) == ("guardrail", "copy", engine.alerts.list().alerts[0].id)


def test_a_command_gets_the_alert_and_no_shell(engine, tmp_path):
    out = tmp_path / "out; touch shell"
    engine.channels.create({"key": "run", "type": "command", "command": ["tee", str(out)]})
    alert(engine)
    engine.deliver(commands=True)
    assert deliveries(engine)[0].status == "delivered"
    assert json.loads(out.read_text())["data"]["message"] == "it tripped"
    assert not (tmp_path / "shell").exists()


def test_commands_are_run_only_where_the_process_was_started_with_them(engine, tmp_path):
    engine.channels.create({"key": "run", "type": "command", "command": ["tee", str(tmp_path / "out")]})
    alert(engine)
    engine.deliver()
    assert deliveries(engine)[0].error == "this server runs no commands; start it with --alert-commands"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["/no/such/program"], "/no/such/program: No such file or directory"),
        (["sh", "-c", "echo wrong >&2; exit 3"], "sh: ended with status 3: wrong"),
        (["sh", "-c", "sleep 60 & sleep 60"], "sh: no end within 0.3 s"),
    ],
)
def test_commands_that_fail(engine, command, why):
    engine.channels.create({"key": "run", "type": "command", "command": command, "timeout": 0.3})
    alert(engine)
    engine.deliver(commands=True)
    assert deliveries(engine)[0].error == why


def test_one_worker_at_a_time_sends_it(path, receiver):
    engines = [Engine(path) for _ in range(4)]
    engines[0].channels.create(hook(receiver))
    for number in range(25):
        alert(engines[0], message=str(number))

    def deliver(engine):
        while engine.deliver():
            pass

    threads = [threading.Thread(target=deliver, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receiver.ids()) == len(set(receiver.ids())) == 25
    assert {kept.status for each in engines[1].alerts.list().alerts for kept in each.deliveries} == {"delivered"}
    for engine in engines:
        engine.close()


def test_what_was_claimed_by_a_worker_that_died_is_sent_later(path, clock, receiver):
    with Engine(path, clock=clock) as engine:
        engine.channels.create(hook(receiver))
        alert(engine)
        assert len(engine._journal.run(outbox.claim, 10)) == 1
    with Engine(path, clock=clock) as engine:
        engine.deliver()
        assert receiver.got == []
        clock.now += outbox.CLAIM_SECONDS
        engine.deliver()
        assert len(receiver.got) == 1
        assert deliveries(engine)[0].tries == 2


@pytest.mark.parametrize("tries", [1, 4])
def test_after_the_clock_was_set_back_it_is_not_waited_for(path, clock, receiver, tries):
    receiver.script = [500] * tries
    with Engine(path, clock=clock) as engine:
        engine.channels.create(hook(receiver))
        alert(engine)
        for _ in range(tries):
            engine.deliver()
            clock.now += outbox.FIRST_PAUSE_SECONDS * 2.0**tries
        clock.now -= outbox.FIRST_PAUSE_SECONDS * 2.0**tries + 1.0
        engine.deliver()
        assert len(receiver.got) == tries  # a second is no reason not to wait
    clock.now -= 365 * 86400.0
    with Engine(path, clock=clock) as engine:
        engine.deliver()
        assert (len(receiver.got), deliveries(engine)[0].status) == (tries + 1, "delivered")


def test_a_worker_that_was_late_does_not_undo_what_another_did(path, clock, receiver):
    with Engine(path, clock=clock) as engine:
        engine.channels.create(hook(receiver))
        alert(engine)
        (claim,) = engine._journal.run(outbox.claim, 10)
        clock.now += outbox.CLAIM_SECONDS
        engine.deliver()
        engine._journal.run(outbox.note, [(claim.delivery, NotDelivered("too late"))])
        assert deliveries(engine)[0].status == "delivered"


def test_a_store_that_is_busy_for_a_moment_makes_nothing_sent_twice(path, monkeypatch, receiver):
    with Engine(path) as engine:
        engine.channels.create(hook(receiver))
        alert(engine)
        run, refusals = engine._journal.run, [StoreBusy("held by another process"), Overloaded("too much waits")]

        def busy(function, *arguments):
            if function is outbox.note and refusals:
                raise refusals.pop()
            return run(function, *arguments)

        monkeypatch.setattr(engine._journal, "run", busy)
        monkeypatch.setattr("bandit.delivery.PAUSES", (0.0, 0.0, 0.0))
        engine.deliver()
        engine.deliver()
        assert refusals == []
        assert deliveries(engine)[0].status == "delivered"
        assert len(receiver.got) == 1


def test_a_try_that_was_the_last_and_was_interrupted(path, clock, receiver):
    with Engine(path, clock=clock) as engine:
        engine.channels.create(hook(receiver))
        alert(engine)
        for _ in range(outbox.MOST_TRIES):
            assert len(engine._journal.run(outbox.claim, 10)) == 1
            clock.now += outbox.CLAIM_SECONDS
        engine.deliver()
        assert deliveries(engine)[0].error == "given up: the last try was interrupted"
        assert receiver.got == []


def test_a_transaction_that_fails_leaves_no_alert(engine, receiver):
    engine.channels.create(hook(receiver))

    def refused(memory, now):
        raise NotFound("nothing here")

    with pytest.raises(NotFound):
        engine._journal.run(refused)
    assert engine.alerts.list().alerts == []


def test_the_list_has_pages_and_filters(engine):
    for number in range(5):
        alert(engine, "even" if number % 2 == 0 else "odd", str(number))
    first = engine.alerts.list(limit=2)
    assert [each.message for each in first.alerts] == ["4", "3"]
    second = engine.alerts.list(cursor=first.next, limit=3)
    assert [each.message for each in second.alerts] == ["2", "1", "0"]
    assert second.next is None
    assert [each.message for each in engine.alerts.list("odd").alerts] == ["3", "1"]
    assert engine.alerts.list(subject="other").alerts == engine.alerts.list(severity="info").alerts == []
    with pytest.raises(InvalidInput, match="limit: Input should be less than or equal to 1000"):
        engine.alerts.list(limit=1001)
    with pytest.raises(InvalidInput, match="cursor: 'x' given, must be what the page before gave as next"):
        engine.alerts.list(cursor="x")


WRONG = [
    ({"type": "webhook", "secret": SECRET}, "url: a webhook needs one"),
    ({"type": "webhook", "url": "http://a"}, "secret: a webhook needs one"),
    ({"type": "log", "url": "http://a"}, "url: a log has none"),
    ({"type": "command"}, "command: a command needs one"),
    ({"type": "command", "command": []}, "command: List should have at least 1 item"),
    ({"type": "command", "command": ["a\0b"]}, "command: the program is missing, or a part holds a null character"),
    ({"type": "webhook", "url": "ftp://a", "secret": SECRET}, "url: must be http:// or https://"),
    ({"type": "webhook", "url": "http://", "secret": SECRET}, "url: must be http:// or https://"),
    ({"type": "webhook", "url": "http://a:99999", "secret": SECRET}, "url: must be http:// or https://"),
    ({"type": "webhook", "url": "http://a/\r\nx", "secret": SECRET}, "url: must be http:// or https://"),
    ({"type": "webhook", "url": "http://me@a", "secret": SECRET}, "url: must have neither a user's name"),
    ({"type": "webhook", "url": "http://a", "secret": "whsec_short"}, "secret: must be 'whsec_' and the base64"),
    ({"type": "webhook", "url": "http://a", "secret": SECRET[6:]}, "secret: must be 'whsec_' and the base64"),
    ({"type": "log", "timeout": 31}, "timeout: "),
    ({"type": "mail"}, "type: "),
]


@pytest.mark.parametrize(("given", "why"), WRONG)
def test_channels_that_are_refused(given, why):
    with Engine() as engine, pytest.raises(InvalidInput) as refused:
        engine.channels.create({"key": "a", **given})
    assert why in refused.value.detail
    assert SECRET not in refused.value.detail


def test_a_secret_is_not_in_what_is_printed():
    assert SECRET not in repr(Channel(key="a", type="webhook", url="http://a", secret=SECRET))
