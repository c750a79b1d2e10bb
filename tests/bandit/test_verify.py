"""Whatever is changed behind the engine's back is found, and named."""

import contextlib
import sqlite3

import pytest
from experiments import started

from bandit import Engine, Feature, Metric
from policies import LogisticThompson

DAMAGE = {
    "statistics": "UPDATE statistics SET total = total + 1 WHERE epoch = 0 AND variant = 0",
    "learning": "UPDATE learning SET count = count - 1 WHERE variant = 1",
    "allocations": "UPDATE allocations SET expected = expected + .5 WHERE variant = 1",
    "outcome of metric 0": "UPDATE outcomes SET value = 0 WHERE decision = (SELECT max(decision) FROM outcomes)",
    "trial of": "DELETE FROM decisions WHERE id = (SELECT head FROM decisions WHERE head != id)",
    "exposed at": "UPDATE events SET at = at + 1 WHERE kind = 'activate'",
    "propensity": "UPDATE decisions SET propensity = propensity / 2 WHERE id = (SELECT min(id) FROM decisions)",
    "an event": "DELETE FROM decisions WHERE id = (SELECT max(decision) FROM events)",
    "unit 'u1'": "UPDATE units SET head = (SELECT head FROM units WHERE unit = 'u2') WHERE unit = 'u1'",
    "reward at": "UPDATE events SET status = 'late' WHERE number = 1",
    "trial opened at": "UPDATE decisions SET opened_at = opened_at - 5 WHERE id = (SELECT max(id) FROM decisions)",
}


@pytest.mark.parametrize("where", DAMAGE)
def test_damage_is_named(tmp_path, where):
    path = tmp_path / "a.db"
    with Engine(path, seed=3) as engine:
        started(engine, metrics=[Metric(key="m", window="1d")])
        for n in range(40):
            engine.reward(engine.choose("copy", f"u{n}").id, 1)
        engine.choose("copy", "u1")
        engine.activate(engine.choose("copy", defer=True).id)
        assert engine.verify() == []
    connection = sqlite3.connect(path)
    assert connection.execute(DAMAGE[where]).rowcount > 0
    connection.commit()
    connection.close()
    with Engine(path) as engine:
        found = [str(difference) for difference in engine.verify()]
    assert any(where in line for line in found), found
    assert all(": kept " in line and ", the ledger gives " in line for line in found)


LAST = "(SELECT max(id) FROM decisions)"
WITH_CONTEXT = {
    "models": "UPDATE models SET total = total + 1 WHERE place = (SELECT max(place) FROM models)",
    "learning": "UPDATE learning SET total = total - 1 WHERE variant = 0",
    "allocations": "UPDATE allocations SET expected = expected + .5 WHERE variant = 1",
    "propensity": "UPDATE draws SET probabilities = replace(probabilities, '0', '1')",
    "propensity: kept": "DELETE FROM draws WHERE decision = (SELECT min(decision) FROM draws)",
    "a draw, the ledger gives no decision": f"UPDATE draws SET decision = 7 WHERE decision = {LAST}",
    "context": f"UPDATE decisions SET context = NULL WHERE id = {LAST}",
    "context: kept": f"UPDATE decisions SET context = '[]' WHERE id = {LAST}",
    "where: models (0, ": f"UPDATE decisions SET context = '{{\"hour\":77}}' WHERE id = {LAST}",
    "where: models": "UPDATE draws SET note = '[2.5,0.5]' WHERE decision = (SELECT min(decision) FROM draws)",
}


@pytest.mark.parametrize("where", WITH_CONTEXT)
def test_damage_where_contexts_are_read_is_named(tmp_path, where):
    path = tmp_path / "a.db"
    with Engine(path, seed=3) as engine:
        started(engine, "where", policy=LogisticThompson(), features=[Feature(key="hour")], sticky=False)
        for n in range(20):
            engine.reward(engine.choose("where", context={"hour": n % 5}).id, n % 2)
        assert engine.verify() == []
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute(WITH_CONTEXT[where]).rowcount > 0
        connection.commit()
    with Engine(path) as engine:
        found = [str(difference) for difference in engine.verify()]
    assert any(where in line for line in found), found
