"""Several processes on one file, and processes that die."""

import json
import os
import signal
import subprocess
import sys

import pytest
from experiments import started, sums

from bandit import Engine, Feature, Metric, WrongState

WORK = """
import json, sys
from bandit import Engine
path, name, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
with Engine(path, seed=int(name)) as engine:
    print("ready", flush=True)
    sys.stdin.readline()
    for n in range(rounds):
        decision = engine.choose("copy", f"u{n % 50}")
        status = engine.reward(decision.id, 1, idempotency_key=f"{name}-{n}")
        assert status == "applied", status
        learnt = engine.choose("learn")
        engine.reward(learnt.id, float(learnt.variant == "short"))
        side = 1.0 if n % 3 else -1.0
        there = engine.choose("where", context={"side": side})
        engine.reward(there.id, float((there.variant == "short") == (side > 0)))
        print(json.dumps([f"u{n % 50}", decision.variant, decision.id]), flush=True)
"""


def spawn(path, name, rounds):
    return subprocess.Popen(
        [sys.executable, "-c", WORK, str(path), str(name), str(rounds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(process):
    """What a process answered, and its exit code."""
    with process:
        answers = [json.loads(line) for line in process.stdout.read().splitlines() if line.endswith("]")]
    return answers, process.returncode


def prepare(path):
    with Engine(path) as engine:
        started(engine, metrics=[Metric(key="m", type="continuous", aggregation="sum")])
        started(engine, "learn", sticky=False)
        started(engine, "where", sticky=False, features=[Feature(key="side")])


def begin(processes):
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()


def test_processes_agree(tmp_path):
    path = tmp_path / "a.db"
    prepare(path)
    processes = [spawn(path, name, 150) for name in range(3)]
    begin(processes)
    finished = [finish(process) for process in processes]
    assert [code for _, code in finished] == [0, 0, 0]
    answers = [answer for answered, _ in finished for answer in answered]
    seats = {}
    for unit, variant, _ in answers:
        assert seats.setdefault(unit, variant) == variant
    assert len({number for _, _, number in answers}) == 450
    with Engine(path) as engine:
        assert engine.verify() == []
        assert sum(total for _, total in sums(engine).values()) == 450
        assert sum(count for count, _ in sums(engine).values()) == 50
        learnt = engine.results("learn")
        assert learnt.epoch > 100
        assert sum(variant.decisions for variant in learnt.variants) == 450
        assert {variant.key: variant.weight > 0.9 for variant in learnt.variants} == {"control": False, "short": True}
        assert sum(variant.units for variant in engine.results("where").variants) == 450
        for side, best in ((1.0, "short"), (-1.0, "control")):
            chosen = [engine.choose("where", context={"side": side}).variant for _ in range(20)]
            assert chosen.count(best) > 15


def test_an_engine_sees_what_another_process_did(tmp_path):
    path = tmp_path / "a.db"
    prepare(path)
    with Engine(path) as here, Engine(path) as there:
        decision = here.choose("copy", "u")
        assert there.choose("copy", "u").variant == decision.variant
        there.reward(decision.id, 5)
        here.reward(decision.id, 2)
        assert sums(there) == {decision.variant: (1, 7)}
        here.pause("copy")
        assert there.get("copy").status == "paused"
        with pytest.raises(WrongState, match="paused"):
            there.choose("copy")
        there.resume("copy")
        assert here.choose("copy", "v").reason == "drawn"
        there.reward(there.choose("learn", eligible=["short"]).id, 1)
        assert here.choose("learn").epoch == there.choose("learn").epoch == 2
        assert here.verify() == []


def test_a_killed_process_loses_nothing_it_answered(tmp_path):
    path = tmp_path / "a.db"
    prepare(path)
    answered = []
    for name in range(6):
        process = spawn(path, name, 100_000)
        begin([process])
        answered += [json.loads(process.stdout.readline()) for _ in range(5 + 7 * name)]
        os.kill(process.pid, signal.SIGKILL)
        answered += finish(process)[0]
    with Engine(path) as engine:
        assert engine.verify() == []
        total = sum(total for _, total in sums(engine).values())
        # Of each process, the last reward may have been kept without its answer having been read.
        assert len(answered) <= total <= len(answered) + 6
        for unit, variant, _ in answered:
            assert engine.choose("copy", unit).variant == variant
