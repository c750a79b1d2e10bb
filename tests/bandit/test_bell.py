"""Threads that are woken by one call."""

import os
import threading

import pytest

from bandit import bell


def test_every_thread_that_sleeps_is_woken_once():
    asleep = threading.Barrier(9)
    bells, woken = [], []

    def sleep():
        own = bell.mine()
        assert own is bell.mine()
        bells.append(own)
        asleep.wait()
        own.wait()
        woken.append(own)

    threads = [threading.Thread(target=sleep) for _ in range(8)]
    for thread in threads:
        thread.start()
    asleep.wait()
    bell.ring(bells)
    for thread in threads:
        thread.join(10)
    assert len(woken) == len(set(map(id, woken))) == 8


def test_a_bell_is_heard_also_by_who_sleeps_later():
    own = bell.Bell()
    bell.ring([own])
    own.wait()
    os.set_blocking(own._hear, False)
    with pytest.raises(BlockingIOError):
        own.wait()


def test_nobody_is_woken_by_nothing():
    bell.ring([])


def test_a_pipe_serves_where_there_are_no_event_counters(monkeypatch):
    monkeypatch.delattr(os, "eventfd", raising=False)
    own = bell.Bell()
    bell.ring([own])
    own.wait()


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="descriptors cannot be counted here")
def test_a_thread_takes_its_bell_with_it():
    def count():
        return len(os.listdir("/proc/self/fd"))

    before = count()
    for _ in range(50):
        thread = threading.Thread(target=bell.mine)
        thread.start()
        thread.join()
    assert count() <= before + 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_hears_bells_of_its_own():
    own = bell.mine()
    child = os.fork()
    if child == 0:
        os._exit(0 if bell.mine()._hear != own._hear and bell.mine() is not own else 1)
    assert os.waitpid(child, 0)[1] == 0
