"""`multiarm simulate` as people type it."""

import os
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from simulations import output, simulate
from simulations.command import simulate as command
from simulations.simulation import execute
from simulations.study import study

OWN = '''
from typing import ClassVar, Literal
import numpy as np
from policies import SELECT, WEIGHTS, Policy, kernel
from simulations import ADVANCE, DRAW, Environment

@kernel(WEIGHTS)
def first_weights(stats, context, t, params, out):
    out[:] = 0.0
    out[0] = 1.0

@kernel(SELECT)
def first_select(stats, context, t, params, rng):
    return 0

class First(Policy):
    """Always the first arm."""
    weights = first_weights
    select = first_select
    rewards: ClassVar[str] = "any"
    name: Literal["first"] = "first"
'''
WRONG = OWN.replace("def first_select(stats, context, t, params, rng)", "def first_select(stats, rng)")
ARMS = ["--means", ".1,.2", "--horizon", "200", "--replications", "4"]


def run(*arguments):
    return CliRunner().invoke(command, list(map(str, arguments)))


def test_a_table_and_a_folder(tmp_path):
    result = run("--policy", "thompson_beta", "--policy", "ucb1", *ARMS, "--seed", 1, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "bernoulli:means=0.1/0.2, horizon 200, 4 replications, seed 1"
    assert lines[3].startswith("thompson_beta ")
    assert "summary.csv" in lines[-1]
    assert len((tmp_path / "run" / "summary.csv").read_text().splitlines()) == 3
    again = run(tmp_path / "run" / "study.json", "--threads", 1)
    assert again.stdout.splitlines() == lines[:5]
    changed = run(tmp_path / "run" / "study.json", "--replications", 2, "--policy", "fixed")
    assert "2 replications" in changed.stdout
    assert "ucb1" not in changed.stdout


def test_without_the_extra_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(output, "NEEDED", ("a_package_that_nobody_has",))
    result = run("--policy", "fixed", *ARMS, "--out", tmp_path / "run")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].startswith("Note: plots and Parquet need the extra `research`: pip install")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["study.json", "summary.csv"]


def test_a_study_in_toml(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "study.toml").write_text(
        'import = "own.py"\npolicies = ["first", "fixed"]\nhorizon = 100\nreplications = 3\n'
        'feedback = ["batched:size=10"]\n[environment]\nname = "bernoulli"\nmeans = [0, 1]\n'
    )
    result = run(tmp_path / "study.toml")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0].startswith("bernoulli:means=0/1, batched:size=10, horizon 100, 3 rep")
    assert result.stdout.splitlines()[3].split()[:3] == ["first", "100.0", "0"]


def test_a_users_own_policy(tmp_path):
    (tmp_path / "own_policy.py").write_text(OWN)
    result = run("--import", tmp_path / "own_policy.py", "--policy", "first", *ARMS)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[3].split()[:2] == ["first", "20.0"]
    (tmp_path / "wrong_policy.py").write_text(WRONG)
    refused = run("--import", tmp_path / "wrong_policy.py", "--policy", "first", *ARMS)
    assert refused.exit_code == 2
    assert "first_select: parameters (stats, rng) given, must be (stats: array(float64, 2d, C)" in refused.stderr
    assert "Traceback" not in refused.stderr
    (tmp_path / "nothing.py").write_text("x = 1\n")
    assert "no class that is a Policy" in run("--import", tmp_path / "nothing.py", "--policy", "first", *ARMS).stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--policy: missing"),
        (["--policy", "ucb1"], "--environment or --means: missing"),
        (["--policy", "ucb1", "--means", ".1,x"], "--means: 'x' given, must be numbers"),
        (["--policy", "ucb1", "--means", ".1,nan"], "means[1]: Input should be a finite number, given nan"),
        (["--policy", "ucb1", "--means", ".1,.2", "--environment", "poisson:means=1/2"], "--means: given together"),
        (["--policy", "ucb1", *ARMS, "--horizon", "1000000000000"], "horizon: Input should be less than or equal to"),
        (["--policy", "ucb1", *ARMS, "--horizon", "1e12"], "1000000000, given 1000000000000"),
        (["--policy", "ucb1", *ARMS, "--horizon", "1.5"], "--horizon: '1.5' is not a whole number"),
        (["--policy", "ucb1", *ARMS, "--replications", "nan"], "--replications: 'nan' is not a whole number"),
        (["--policy", "ucb1", *ARMS, "--executor", "here:1"], "--executor: 'here:1' given, must be dask://HOST:PORT"),
        (["--policy", "ucb1", *ARMS, "--import", "nowhere.py"], "nowhere.py: must be a Python file"),
        (["no-such-study"], "'no-such-study': must be a .toml file, a study.json or one of the published studies"),
        (["regret-table", "--means", ".1"], "regret-table: a published study has its own settings, given --means"),
        (["regret-table", "--replications", "1"], "--replications must be 2 or more"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message, tmp_path):
    result = run(*arguments, "--out", tmp_path / "run")
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_refused_before_anything_is_computed(tmp_path):
    (tmp_path / "thesis.tex").touch()
    started = time.monotonic()
    result = run("--policy", "ucb1", "--means", ".1,.2", "--horizon", 10**9, "--out", tmp_path)
    assert result.exit_code == 2
    assert "exists, must be a new or empty folder" in result.stderr
    assert time.monotonic() - started < 5


def test_an_interruption_keeps_what_was_finished():
    defined = study({"policies": "ucb1", "environment": "bernoulli:means=.1/.2", "horizon": 50_000, "replications": 40})
    done = []

    def interrupt(finished):
        done.append(finished)
        if len(done) == 2:
            raise KeyboardInterrupt

    outcome = execute(defined, progress=interrupt)
    assert outcome.interrupted
    assert 2 <= len(outcome.replications) < 40
    whole = simulate("ucb1", "bernoulli:means=.1/.2", horizon=50_000, replications=40)
    assert (outcome.regret[0] == whole.regret[0, outcome.replications]).all()


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_control_c_prints_and_writes_what_was_finished(tmp_path):
    program = """
import pathlib
from simulations import command, simulation

def execute(study, workers):
    return simulation.execute(study, workers, lambda finished: pathlib.Path("begun").touch())

command.execute = execute
command.simulate()
"""
    arguments = ["--policy", "ucb1", "--means", ".1,.2", "--horizon", "20000", "--replications", "50000"]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments, "--out", "run"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(600):
        if (tmp_path / "begun").exists():
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    printed, complained = process.communicate(timeout=60)
    assert process.returncode == 130, complained
    assert "Interrupted: " in complained
    assert "Traceback" not in complained
    assert "ucb1" in printed
    assert (tmp_path / "run" / "summary.csv").read_text().count("\n") == 2
