"""Counts and latencies for Prometheus, at about a microsecond a request."""

import os
import threading
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib.metadata import version

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

BOUNDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ONE_WORKER = "of the worker process that answered"


class Metrics(Collector):
    """What one worker process has done since it started.

    Each process counts for itself, and which of several answers a scrape is chance; so every sample names its process
    in the label `pid`, and a sum over processes is complete only once all have been scraped.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: dict[tuple[str, str, int], list[float]] = defaultdict(lambda: [0.0] * (len(BOUNDS) + 2))
        self._decisions: dict[str, int] = defaultdict(int)
        self._rewards: dict[str, int] = defaultdict(int)
        self._flags: dict[str, int] = defaultdict(int)
        self._started_at = time.time()
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts an answered request; `route` is a pattern, so that there are few."""
        place = bisect_left(BOUNDS, seconds)
        with self._lock:
            row = self._requests[method, route, status]
            row[place] += 1.0
            row[-1] += seconds

    def decision(self, reason: str) -> None:
        """Counts a decision."""
        with self._lock:
            self._decisions[reason] += 1

    def reward(self, status: str) -> None:
        """Counts a reward by what became of it."""
        with self._lock:
            self._rewards[status] += 1

    def flag(self, reason: str) -> None:
        """Counts an evaluation of a flag."""
        with self._lock:
            self._flags[reason] += 1

    def flags(self, reasons: Iterable[str]) -> None:
        """Counts the evaluations of all flags."""
        with self._lock:
            for reason in reasons:
                self._flags[reason] += 1

    def decisions(self, reasons: Iterable[str]) -> None:
        """Counts the decisions of a batch."""
        with self._lock:
            for reason in reasons:
                self._decisions[reason] += 1

    def rewards(self, statuses: Iterable[str]) -> None:
        """Counts the rewards of a batch."""
        with self._lock:
            for status in statuses:
                self._rewards[status] += 1

    def collect(self) -> Iterator[Metric]:
        """The samples of this moment."""
        pid = str(os.getpid())
        with self._lock:
            requests = {place: list(row) for place, row in self._requests.items()}
            decisions, rewards, flags = dict(self._decisions), dict(self._rewards), dict(self._flags)
        yield _requests(requests, pid)
        yield _counts("multiarm_decisions", f"Decisions {_ONE_WORKER}, by reason.", "reason", decisions, pid)
        yield _counts("multiarm_rewards", f"Rewards {_ONE_WORKER}, by what became of them.", "status", rewards, pid)
        yield _counts(
            "multiarm_flag_evaluations", f"Evaluations of flags {_ONE_WORKER}, by reason.", "reason", flags, pid
        )
        started = GaugeMetricFamily("multiarm_start_time_seconds", f"Start {_ONE_WORKER}.", labels=["pid"])
        started.add_metric([pid], self._started_at)
        yield started
        uptime = GaugeMetricFamily("multiarm_uptime_seconds", f"Uptime {_ONE_WORKER}.", labels=["pid"])
        uptime.add_metric([pid], time.time() - self._started_at)
        yield uptime
        build = GaugeMetricFamily("multiarm_build_info", "The version that runs.", labels=["version", "pid"])
        build.add_metric([version("multiarm"), pid], 1.0)
        yield build


def _requests(rows: dict[tuple[str, str, int], list[float]], pid: str) -> Metric:
    name = "multiarm_http_request_duration_seconds"
    family = HistogramMetricFamily(
        name, f"Requests {_ONE_WORKER}, and how long they took.", labels=["method", "route", "status", "pid"]
    )
    for (method, route, status), row in sorted(rows.items()):
        total, buckets = 0.0, []
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), row, strict=False):
            total += count
            buckets.append((bound, total))
        family.add_metric([method, route, str(status), pid], buckets, row[-1])
    return family


def _counts(name: str, text: str, label: str, counts: dict[str, int], pid: str) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label, "pid"])
    for value, count in sorted(counts.items()):
        family.add_metric([value, pid], count)
    return family
