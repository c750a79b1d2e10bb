"""What is done by itself, killed between any two of its steps: after the restart it is done, and once."""

import json
import subprocess
import sys

import interrupted
import pytest
from canaries import begin, canary, serve

from bandit import Engine
from bandit.outbox import CLAIM_SECONDS

LOG = {"key": "log", "type": "log"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.db"


def killed(path, clock, verb, **arguments):
    """Files in which a process was killed while it did something, each a step further; in the last it was not."""
    command = [sys.executable, interrupted.__file__, path, str(clock.now), verb, json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def told(engine):
    """What happened to the rollout, by its history, the audit log, and the alerts and their deliveries."""
    with engine.reading() as reader:
        alerts = [json.loads(row[6])["action"] for row in reader.rows("alerts")]
        sent = len(list(reader.rows("deliveries")))
        epochs = len(list(reader.rows("epochs")))
    history = [event.action for event in engine.rollout("x").history]
    lines = [line.action for line in reversed(engine.audit(key="x").changes)]
    return history, lines, alerts, sent, epochs


def whole(files, clock, again):
    """What became of each file, in whose engine `again` is done; not all were killed on one side of the commit."""
    seen, outcomes = set(), []
    for file in files:
        with Engine(file, clock=clock, seed=4) as engine:
            seen.add(engine.rollout("x").status + str(engine.rollout("x").step))
            again(engine)
            outcomes.append(told(engine))
            assert engine.verify() == []
    assert len(files) > 10
    assert len(seen) == 2, seen
    return outcomes


def prepared(path, clock, **rollout):
    engine = Engine(path, clock=clock, seed=1)
    engine.channels.create(LOG)
    begin(engine, canary(**rollout))
    return engine


def test_a_promotion(path, clock):
    with prepared(path, clock) as engine:
        serve(engine, [f"u{number}" for number in range(400)], {})
    clock.now += 61.0
    for history, lines, alerts, sent, epochs in whole(killed(path, clock, "tick"), clock, Engine.tick):
        assert (history, lines) == (["start", "advance"], ["create", "start", "advance"])
        assert (alerts, sent, epochs) == (["advance"], 1, 2)


def test_a_rollback(path, clock):
    """The reward that trips is told again, as a client does that had no answer."""

    def rewarded(engine, most):
        """Rewards the candidate's units, `most` at most, until it is rolled back; the decisions not rewarded."""
        decisions = [engine.choose("x", f"u{number}") for number in range(900)]
        shown = [each.id for each in decisions if each.variant == "candidate"]
        for place, number in enumerate(shown[:most]):
            engine.reward(number, 1.0)
            if engine.rollout("x").status == "rolled_back":
                return shown[place:]
        return shown[most:]

    with prepared(None, clock) as engine:
        before = len(rewarded(engine, 0)) - len(rewarded(engine, 900))
    assert before > 10
    with prepared(path, clock) as engine:
        number = rewarded(engine, before)[0]
        assert engine.rollout("x").status == "progressing"
    reward = {"decision_id": number, "value": 1.0, "idempotency_key": "k"}
    outcomes = whole(killed(path, clock, "reward", **reward), clock, lambda engine: engine.reward(**reward))
    for history, lines, alerts, sent, epochs in outcomes:
        assert (history, lines, alerts) == (
            ["start", "roll_back"],
            ["create", "start", "roll_back"],
            ["roll_back"],
        )
        assert (sent, epochs) == (1, 2)


def test_a_rollback_by_hand(path, clock):
    prepared(path, clock).close()
    asked = {"key": "x", "reason": "pager", "idempotency_key": "k"}
    files = killed(path, clock, "roll_back", **asked)
    for history, lines, alerts, sent, _ in whole(files, clock, lambda engine: engine.roll_back(**asked)):
        assert (history, lines) == (["start", "roll_back"], ["create", "start", "roll_back"])
        assert (alerts, sent) == (["roll_back"], 1)


def test_an_alert(path, clock):
    """It is sent again where the record of its having been sent was not kept, and is known by the same id."""
    with prepared(path, clock) as engine:
        engine.roll_back("x", "pager")
    files = killed(path, clock, "deliver")
    states = set()
    for file in files:
        with Engine(file, clock=clock) as engine:
            (alert,) = engine.alerts.list().alerts
            states.add((alert.deliveries[0].status, alert.deliveries[0].tries))
            clock.now += CLAIM_SECONDS
            engine.deliver()
            (alert,) = engine.alerts.list().alerts
            (delivery,) = alert.deliveries
            assert (delivery.status, delivery.tries in (1, 2)) == ("delivered", True)
            clock.now -= CLAIM_SECONDS
    assert states == {("pending", 0), ("pending", 1), ("delivered", 1)}
