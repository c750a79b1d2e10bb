import queue
import subprocess
import sys
import threading
import time

import pytest
from experiments import started, sums

from bandit import ChooseRequest, Engine, Metric, NotFound, Overloaded, StoreError, StoreUnusable
from bandit import journal as journal_module


@pytest.mark.parametrize("durable", [True, False])
def test_many_threads_lose_and_double_nothing(tmp_path, durable):
    with Engine(tmp_path / "a.db", durable=durable, seed=1) as engine:
        started(engine, metrics=[Metric(key="m", type="continuous", aggregation="sum")])
        seats, wrong = {}, []

        def work(thread):
            for n in range(40):
                unit = f"u{n % 20}"
                decision = engine.choose("copy", unit)
                if seats.setdefault(unit, decision.variant) != decision.variant:
                    wrong.append(unit)
                if engine.reward(decision.id, 1, idempotency_key=f"{thread}-{n}") != "applied":
                    wrong.append(decision.id)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert sum(total for _, total in sums(engine).values()) == 16 * 40
        assert sum(count for count, _ in sums(engine).values()) == 20
        assert engine.verify() == []


def test_threads_share_a_commit(tmp_path):
    with Engine(tmp_path / "a.db") as engine:
        started(engine)
        commits = 0
        write = engine._store.write

        def counting(batch):
            nonlocal commits
            commits += 1
            write(batch)

        engine._store.write = counting
        threads = [threading.Thread(target=lambda: [engine.choose("copy") for _ in range(50)]) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert commits < 16 * 50 / 2


def test_an_error_is_its_callers_alone(tmp_path):
    with Engine(tmp_path / "a.db") as engine:
        started(engine)
        outcomes = []

        def ask(key):
            try:
                outcomes.append(engine.choose(key).experiment)
            except LookupError:
                outcomes.append(None)

        threads = [threading.Thread(target=ask, args=(key,)) for key in ["copy", "nothing"] * 10]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes, key=str) == [None] * 10 + ["copy"] * 10


class Answers:
    """What was told to those who did not wait."""

    def __init__(self):
        self.told = queue.Queue()

    def then(self, name):
        return lambda result, error: self.told.put((name, result, error))

    def take(self, count):
        return [self.told.get(timeout=10) for _ in range(count)]


@pytest.mark.parametrize("durable", [True, False])
def test_who_does_not_wait_is_told_once_what_became_of_it(tmp_path, durable):
    with Engine(tmp_path / "a.db", durable=durable, seed=1) as engine:
        started(engine)
        answers = Answers()

        def ask(thread):
            for number in range(50):
                name = f"{thread}-{number}"
                if number % 5 == 4:
                    engine.choose("copy", name)  # in between some wait
                else:
                    key = "copy" if number % 5 else "nothing"
                    engine.decide_then(ChooseRequest(experiment=key, unit=name), answers.then(name))

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        told = answers.take(8 * 40)
        assert answers.told.empty()
        assert len({name for name, _, _ in told}) == 8 * 40
        assert {type(error) for name, _, error in told if name.endswith(("0", "5"))} == {NotFound}
        chosen = {decision.id for _, decision, error in told if error is None}
        assert len(chosen) == 8 * 30
        engine.verify()
        assert sum(variant.decisions for variant in engine.results("copy").variants) == 8 * 40
        assert engine.verify() == []


def test_what_nobody_waits_for_is_done_though_its_leader_has_gone(tmp_path):
    with Engine(tmp_path / "a.db", seed=1) as engine:
        started(engine)
        answers = Answers()
        entered, held = threading.Event(), threading.Event()

        def hold(memory, now):
            entered.set()
            held.wait(10)

        waits = threading.Thread(target=engine._journal.run, args=(hold,))
        waits.start()
        assert entered.wait(10)
        engine.decide_then(ChooseRequest(experiment="copy", unit="u"), answers.then("u"))
        assert answers.told.empty()
        held.set()
        waits.join(10)
        ((_, decision, error),) = answers.take(1)
        assert error is None
        assert engine.choose("copy", "u").variant == decision.variant


def test_an_answer_that_cannot_be_given_is_logged_and_holds_up_nobody(tmp_path, caplog):
    with Engine(tmp_path / "a.db", seed=1) as engine:
        started(engine)
        with caplog.at_level("ERROR", "multiarm.journal"):
            engine.decide_then(ChooseRequest(experiment="copy", unit="u"), lambda *_: 1 / 0)
        assert "ZeroDivisionError" in caplog.text
        assert engine.choose("copy", "u").reason == "sticky"


def test_an_engine_that_is_closed_refuses_who_does_not_wait(tmp_path):
    engine = Engine(tmp_path / "a.db", seed=1)
    engine.close()
    with pytest.raises(StoreUnusable):
        engine.decide_then(ChooseRequest(experiment="copy"), pytest.fail)


def test_a_failing_commit_fails_everyone_in_it_and_nobody_after(tmp_path, monkeypatch):
    with Engine(tmp_path / "a.db") as engine:
        started(engine)
        write = engine._store.write

        def failing(batch):
            write(batch)
            raise StoreError("no")

        monkeypatch.setattr(engine._store, "write", failing)
        with pytest.raises(StoreError, match="no"):
            engine.choose("copy", "u")
        monkeypatch.undo()
        decision = engine.choose("copy", "u")
        assert decision.reason == "drawn"
        assert engine.verify() == []
        assert sum(variant.decisions for variant in engine.results("copy").variants) == 1


def test_a_bug_changes_nothing(tmp_path, monkeypatch):
    with Engine(tmp_path / "a.db") as engine:
        started(engine)

        def broken(memory, now):
            memory.batch.units.append((1, "u", 5))
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            engine._journal.run(broken)
        assert engine.choose("copy", "u").reason == "drawn"
        assert engine.verify() == []


def test_too_many_waiting(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_module, "MOST_WAITING", 2)
    with Engine(tmp_path / "a.db") as engine:
        started(engine)
        held, entered = threading.Event(), threading.Event()

        def hold(memory, now):
            entered.set()
            held.wait(10)

        threads = [threading.Thread(target=engine._journal.run, args=(hold,))]
        threads[0].start()
        assert entered.wait(10)
        for _ in range(2):
            threads.append(threading.Thread(target=engine.choose, args=("copy",)))
            threads[-1].start()
        while len(engine._journal._waiting) < 2:
            time.sleep(0.001)
        with pytest.raises(Overloaded, match="2 operations wait"):
            engine.choose("copy")
        held.set()
        for thread in threads:
            thread.join()
        assert sum(variant.decisions for variant in engine.results("copy").variants) == 2


def test_a_background_journal_writes_by_itself(tmp_path):
    with Engine(tmp_path / "a.db", durable=False) as engine:
        started(engine)
        engine.choose("copy")
        deadline = time.monotonic() + 10
        while engine._store._writer.execute("SELECT count(*) FROM decisions").fetchone() != (1,):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_closing_keeps_everything(tmp_path):
    with Engine(tmp_path / "a.db", durable=False) as engine:
        started(engine)
        for n in range(1000):
            engine.reward(engine.choose("copy", f"u{n}").id, 1)
    with Engine(tmp_path / "a.db") as engine:
        assert sum(count for count, _ in sums(engine).values()) == 1000
        assert engine.verify() == []


def test_memory_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("bandit.cache.MOST_CACHED", 100)
    with Engine(tmp_path / "a.db", durable=True) as engine:
        started(engine)
        ids = []
        for start in range(0, 2000, 500):
            items = [{"experiment": "copy", "unit": f"u{start + n}"} for n in range(500)]
            ids += [decision.id for decision in engine.choose_batch(items)]
        memory = engine._memory
        assert max(map(len, (memory.rows, memory.records, memory.seats, memory.epochs))) <= 106
        assert (
            engine.reward_batch([{"decision_id": decision, "value": 1} for decision in ids[:600]]) == ["applied"] * 600
        )
        assert engine.choose("copy", "u0").reason == "sticky"
        assert engine.verify() == []


INTERRUPTED = """
import signal, sys, threading, time
from bandit import Engine
stop = threading.Event()
with Engine(sys.argv[1]) as engine:
    def work(name):
        n = 0
        while not stop.is_set():
            engine.choose("copy", f"{name}-{n}")
            n += 1
    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    def disturb():
        for number in range(100):
            time.sleep(0.003)
            signal.raise_signal(signal.SIGINT)
            while taken == number:  # two that come together are one
                time.sleep(0.0001)
    bother = threading.Thread(target=disturb)
    interrupts, taken, n, ready = 0, 0, 0, False
    def interrupt(number, frame):
        global taken
        taken += 1
        if ready:
            raise KeyboardInterrupt
    signal.signal(signal.SIGINT, interrupt)
    bother.start()
    while bother.is_alive():
        try:
            ready = True
            engine.choose("copy", f"main-{n}")
            n += 1
            ready = False
        except KeyboardInterrupt:
            ready = False
            interrupts += 1
    stop.set()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    print(interrupts, engine.verify())
"""


def test_an_interrupt_leaves_no_thread_waiting(tmp_path):
    """A hundred Ctrl-C at any moment, in the thread that takes part in group commit."""
    path = tmp_path / "a.db"
    with Engine(path) as engine:
        started(engine)
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    interrupts, _, wrong = done.stdout.partition(" ")
    assert wrong == "[]\n", done.stderr
    assert int(interrupts) > 50


def test_a_background_journal_trims_while_it_is_busy(tmp_path, monkeypatch):
    monkeypatch.setattr("bandit.cache.MOST_CACHED", 500)
    with Engine(tmp_path / "a.db", durable=False) as engine:
        started(engine)
        ids, most = [], 0
        for n in range(6000):
            ids.append(engine.choose("copy", f"u{n}").id)
            if n % 500 == 499:
                engine._journal._write()
                most = max(most, len(engine._memory.seats))
        assert most < 1100
        assert engine.reward_batch([{"decision_id": number, "value": 1} for number in ids[:900]]) == ["applied"] * 900
        assert engine.verify() == []


@pytest.mark.parametrize("durable", [True, False])
def test_a_closed_engine_says_so(tmp_path, durable):
    engine = Engine(tmp_path / "a.db", durable=durable)
    started(engine)
    engine.close()
    engine.close()
    with pytest.raises(StoreUnusable, match="this engine is closed"):
        engine.choose("copy")


FORKED = """
import os, sys
from bandit import Engine, StoreUnusable
engine = Engine(sys.argv[1], durable=sys.argv[2] == "durable")
engine.choose("copy")
child = os.fork()
if not child:
    try:
        engine.choose("copy")
    except StoreUnusable as error:
        os._exit(7 if "before a fork" in str(error) else 8)
    os._exit(9)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
engine.choose("copy")
engine.close()
"""


@pytest.mark.parametrize("kind", ["durable", "background"])
def test_a_fork_needs_an_engine_of_its_own(tmp_path, kind):
    with Engine(tmp_path / "a.db") as engine:
        started(engine)
    subprocess.run([sys.executable, "-c", FORKED, str(tmp_path / "a.db"), kind], check=True, timeout=60)
    with Engine(tmp_path / "a.db") as engine:
        assert sum(variant.decisions for variant in engine.results("copy").variants) == 2


def test_a_fault_of_one_is_not_the_others(tmp_path):
    with Engine(tmp_path / "a.db") as engine:
        started(engine)
        outcomes = []

        def broken(memory, now):
            raise ZeroDivisionError

        def ask(number):
            try:
                outcomes.append(engine._journal.run(broken) if number % 4 == 0 else engine.choose("copy").reason)
            except ZeroDivisionError:
                outcomes.append("broken")

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["broken"] * 4 + ["drawn"] * 12
        assert sum(variant.decisions for variant in engine.results("copy").variants) == 12
