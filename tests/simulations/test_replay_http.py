"""A real log through a real server."""

from pathlib import Path

import pytest

from bandit import Engine
from bandit.client import Client
from policies import ThompsonBeta
from server.process import running
from simulations.evaluation import evaluate, experiment
from simulations.log import read

OBD = Path(__file__).parents[2].parent / "shared" / "data" / "obd"


@pytest.mark.skipif(not OBD.is_dir(), reason="the Open Bandit Dataset is not beside the checkout")
def test_the_open_bandit_dataset_over_http(tmp_path):
    logged = read(OBD / "random.csv", "item_id", "click", "propensity_score")
    definition = experiment(logged, ThompsonBeta())
    with running(tmp_path) as url, Client(url) as client:
        found = evaluate(client, definition, logged)
        results = client.results("replay")
    for arm, variant in zip(found.arms, results.variants, strict=True):
        clicks = variant.metrics["reward"]
        assert variant.decisions == clicks.count == arm.matched
        assert clicks.mean == arm.mean
    assert (found.rows, found.matched) == (10_000, found.policy_mean.count)
    assert 220 < found.matched < 370
    assert found.log_mean.mean == pytest.approx(0.0046)

    # What the server has learnt is what an engine in process learns from the same matched rewards.
    with Engine(tmp_path / "multiarm.db") as engine:
        assert engine.verify() == []
        assert engine.results("replay") == results
    with Engine() as engine:
        engine.create(definition)
        engine.start("replay")
        for arm, variant in zip(found.arms, results.variants, strict=True):
            for number in range(arm.matched):
                decision = engine.choose("replay", eligible=[variant.key])
                engine.reward(decision.id, float(number < variant.metrics["reward"].sum))
        alone = engine.results("replay")
    assert [variant.p_best for variant in alone.variants] == pytest.approx(
        [variant.p_best for variant in results.variants], abs=1e-9
    )
