"""The command `multiarm demo`, as a process."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

DEMO = "from server.demo import demo; demo()"


def assert_nothing_left(folder):
    assert list(folder.iterdir()) == []
    processes = subprocess.run(["ps", "-axww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    assert str(folder) not in processes


@pytest.fixture
def folder(tmp_path):
    """Where a demo keeps its temporary files."""
    path = tmp_path / "temporary"
    path.mkdir()
    return path


@pytest.fixture
def begin(tmp_path):
    """Starts a demo: `begin(*options)`; one that still runs in the end is stopped."""
    processes = []

    def start(*options, code=DEMO):
        with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-W", "error", "-c", code, *options],
                stdout=out,
                stderr=err,
                env={**os.environ, "TMPDIR": str(folder)},
            )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.terminate()
        process.wait(30)


def test_it_shows_the_weights_moving_and_leaves_nothing(begin, folder, tmp_path):
    process = begin("--users", "610")
    assert process.wait(90) == 0, (tmp_path / "err").read_text()
    assert (tmp_path / "err").read_text() == ""
    shown = (tmp_path / "out").read_text()
    assert "\033" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    bars = re.findall(r"^ +([\d,]+)  (c*f*s*u*) +(\d+)%$", shown, re.MULTILINE)
    assert len(bars) == 21
    assert bars[0] == ("0", "c" * 15 + "f" * 15 + "s" * 15 + "u" * 15, "25")
    assert {len(bar) for _, bar, _ in bars} == {60}
    assert bars[-1][0] == "610"
    table = re.findall(r"^(\w+) +(\d+)% +([\d,]+) +([\d,]+) +[\d.]+% +([\d.]+)$", shown, re.MULTILINE)
    assert [row[0] for row in table] == ["control", "friendly", "short", "urgent"]
    assert sum(int(row[2]) for row in table) == 610
    assert sum(float(row[4]) for row in table) == pytest.approx(1, abs=0.003)
    assert re.search(r"^all get 'short', had one known +55 +0$", shown, re.MULTILINE)
    assert re.search(r"^a fixed even split +41 +14$", shown, re.MULTILINE)
    assert_nothing_left(folder)


@pytest.mark.parametrize(
    ("number", "said"), [(signal.SIGINT, "\nStopped; nothing is left behind.\n"), (signal.SIGTERM, "")]
)
def test_a_signal_ends_it_quickly_and_leaves_nothing(begin, folder, tmp_path, number, said):
    process = begin("--users", "1000000")
    until = time.monotonic() + 60
    while "share of traffic" not in (tmp_path / "out").read_text():
        assert process.poll() is None, (tmp_path / "err").read_text()
        assert time.monotonic() < until
        time.sleep(0.05)
    time.sleep(0.3)
    signalled = time.monotonic()
    process.send_signal(number)
    assert process.wait(20) == 128 + number
    assert time.monotonic() - signalled < 10
    assert (tmp_path / "err").read_text() == said
    assert_nothing_left(folder)


def test_a_server_that_does_not_start_is_said_in_a_line(begin, folder, tmp_path):
    process = begin(code=f"import server.process; server.process.START_SECONDS = 0.0; {DEMO}")
    assert process.wait(30) == 1
    assert re.fullmatch(r"Error: the server did not start: .*\n", (tmp_path / "err").read_text())
    assert_nothing_left(folder)
