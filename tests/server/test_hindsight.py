"""Policies that did not run: over HTTP, on the command line, and from an exported log."""

import csv
import json
import math
import random

import numpy as np
import pytest
from click.testing import CliRunner

from bandit import Client, Engine, InvalidInput, NotFound
from bandit.statistics.off_policy import evaluate
from policies import EpsilonGreedy
from server.command import main
from simulations.log import read


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


def serve(engine, definition, trials=300):
    """A bandit that has run, on units with and without a context; every tenth has no reward."""
    engine.create(definition)
    engine.start("copy")
    world = random.Random(1)
    for number in range(trials):
        context = {"hour": number % 24, "city": 'a "b", c'} if number % 2 else None
        decision = engine.choose("copy", f"u{number}", context=context)
        won = float(world.random() < (0.6 if decision.variant == "short" else 0.4))
        if number % 10:
            engine.reward(decision.id, won)


@pytest.fixture
def db(tmp_path, copy):
    path = tmp_path / "test.db"
    with Engine(path, seed=2, durable=False) as engine:
        serve(engine, copy)
    return path


def test_the_route_answers_what_the_engine_does(engine, client, copy):
    serve(engine, copy)
    for policy in ("always:variant=short", '{"name": "split", "weights": {"control": 1}}', "ucb1:exploration=1"):
        answer = client.get("/v1/experiments/copy/counterfactual", query_string={"policy": policy})
        assert answer.status_code == 200
        assert answer.json == engine.counterfactual("copy", policy).model_dump(mode="json")
        assert answer.json["left_out"]["unrewarded"] == 30


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("copy/counterfactual", 422, "policy"),
        ("copy/counterfactual?policy=", 422, "policy"),
        ("copy/counterfactual?policy=nope", 422, "policy"),
        ("copy/counterfactual?policy=always:variant=nope", 422, "policy"),
        ("copy/counterfactual?policy=fixed&more=1", 422, "more"),
        ("nope/counterfactual?policy=fixed", 404, None),
    ],
)
def test_what_cannot_be_asked_is_named(client, running, path, status, field):
    answer = client.get(f"/v1/experiments/{path}")
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert [error["field"] for error in answer.json["errors"]] == [field] * (field is not None)


def test_the_client_is_the_engine_from_afar(start, copy):
    with Client(start().url) as far, Engine(seed=4) as near:
        for engine in (far, near):
            engine.create(copy)
            engine.start("copy")
        assert far.counterfactual("copy", EpsilonGreedy()) == near.counterfactual("copy", EpsilonGreedy())
        for policy in ("always:variant=short", {"name": "split", "weights": {"short": 1}}):
            assert far.counterfactual("copy", policy) == near.counterfactual("copy", policy)
        for error, arguments in ((NotFound, ("no/pe", "fixed")), (InvalidInput, ("copy", "a&b=c"))):
            with pytest.raises(error):
                far.counterfactual(*arguments)


def test_the_command_prints_a_table(db):
    answer = run("counterfactual", "copy", "--policy", "always:variant=short", "--db", db)
    assert answer.exit_code == 0, answer.output
    lines = answer.output.splitlines()
    assert lines[0] == "copy: purchase a trial, had always:variant=short drawn the variants"
    assert lines[2].startswith("logged    0.")
    assert lines[2].endswith("in 270 trials")
    assert lines[3].endswith("for the policy's value (95%, at every look)")
    assert lines[5].split() == ["method", "estimate", "effective", "size", "greatest", "weight", "mean", "weight"]
    assert lines[6].split()[0] == "dr"
    assert "Note: 30 trials have no reward" in answer.output


def test_the_command_says_why_there_is_no_interval(tmp_path, copy):
    with Engine(tmp_path / "few.db", seed=2) as engine:
        engine.create(copy)
        for policy in ("always:variant=short", "thompson_beta"):
            answer = run("counterfactual", "copy", "--policy", policy, "--db", tmp_path / "few.db")
            assert (answer.exit_code, "interval  none" in answer.output) == (0, True)
        engine.start("copy")
        engine.reward(engine.choose("copy", "u").id, 1)
        answer = run("counterfactual", "copy", "--policy", "fixed", "--db", tmp_path / "few.db")
    assert "interval  none, see the notes" in answer.output
    assert "the effective sample size is 1.0, under 50" in answer.output


def test_the_command_prints_json(db):
    answer = run("counterfactual", "copy", "--policy", "thompson_beta:prior_failures=9", "--db", db, "--json")
    with Engine(db) as engine:
        expected = engine.counterfactual("copy", {"name": "thompson_beta", "prior_failures": 9})
    assert json.loads(answer.output, parse_constant=pytest.fail) == expected.model_dump(mode="json")


@pytest.mark.parametrize("command", [["counterfactual", "--policy", "fixed"], ["export", "--format", "obd"]])
def test_what_cannot_be_read_is_told_in_a_line(db, tmp_path, command):
    for key, path, message in (("nope", db, "'nope' is unknown"), ("copy", tmp_path / "none.db", "no such file")):
        answer = run(*command, key, "--db", path)
        assert (answer.exit_code, message in answer.output, answer.output.count("\n")) == (1, True, 1)
    assert not (tmp_path / "none.db").exists()


def test_a_policy_that_is_unknown_is_told_in_a_line(db):
    answer = run("counterfactual", "copy", "--policy", "nope", "--db", db)
    assert (answer.exit_code, answer.output.count("\n")) == (1, 1)
    assert "Error: policy: 'nope' is unknown, must be one of" in answer.output


def exported(db, out):
    answer = run("export", "copy", "--format", "obd", "--db", db, "--out", out)
    assert (answer.exit_code, answer.stdout) == (0, ""), answer.output
    assert answer.stderr == "270 trials written; left out: 30 without a reward, 0 not drawn anew\n"
    return out


def test_an_export_has_every_trial_to_its_last_digit(db, tmp_path):
    with exported(db, tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        *("timestamp", "action", "variant", "reward", "pscore"),
        *("context_hour", "context_city"),
    ]
    assert {row["action"] + row["variant"] for row in rows} == {"0control", "1short"}
    assert {row["reward"] for row in rows} == {"0", "1"}
    assert all(row["timestamp"].endswith("+00:00") for row in rows)
    assert sorted(row["timestamp"] for row in rows) == [row["timestamp"] for row in rows]
    assert {row["context_city"] for row in rows} == {"", 'a "b", c'}
    assert rows[0]["context_hour"] == "1"
    with Engine(db) as engine, engine.reading() as reader:
        kept = [trial.head.propensity for trial in reader.trials(1) if trial.outcomes]
    assert [float(row["pscore"]) for row in rows] == kept


def test_an_export_is_a_log_that_gives_the_same_estimates(db, tmp_path):
    log = read(exported(db, tmp_path / "log.csv"), "variant", "reward", "pscore", uniform=False)
    assert (len(log), log.arms) == (270, ("short", "control"))
    target = np.tile([1.0, 0.0], (270, 1))
    found = evaluate(
        np.array(log.shown), np.array(log.rewards), np.array(log.propensities), target, truncation=math.sqrt(300)
    )
    with Engine(db) as engine:
        for estimate in engine.counterfactual("copy", "always:variant=short").estimates:
            if estimate.method != "replay":  # which needs the propensities of what was not drawn
                assert found[estimate.method].estimate == pytest.approx(estimate.estimate)
                assert found[estimate.method].support.effective == pytest.approx(estimate.effective_sample_size)
    with pytest.raises(InvalidInput, match="drawn uniformly"):
        read(tmp_path / "log.csv", "variant", "reward", "pscore")


def test_an_export_is_printed_or_a_new_file(db, tmp_path):
    printed = run("export", "copy", "--format", "obd", "--db", db)
    assert printed.exit_code == 0
    assert printed.stdout == exported(db, tmp_path / "log.csv").read_text()
    for out, message in (("log.csv", "exists already"), ("no/log.csv", "No such file")):
        answer = run("export", "copy", "--format", "obd", "--db", db, "--out", tmp_path / out)
        assert (answer.exit_code, message in answer.output) == (1, True)
    assert printed.stdout == (tmp_path / "log.csv").read_text()
