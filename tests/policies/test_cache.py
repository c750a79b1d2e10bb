"""The machine code on disk, looked at from other processes: each test has a package and a cache of its own."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import policies

GREEDY = """
import numpy as np, policies
out = np.empty(2)
stats = np.array([[4, 1.0, 1.0, 0], [4, 3.0, 3.0, 0]])
kernel = policies.EpsilonGreedy.weights
kernel(stats, np.empty(0), 8.0, np.array([0.5]), out)
print(policies.__file__, sum(kernel.stats.cache_hits.values()), *out)
"""

MINE = """
import numpy as np
from policies import WEIGHTS, kernel
from constants import SHARE
from devices import portion

@kernel(WEIGHTS)
def weights(stats, _context, _t, _params, out):
    out[0] = portion(SHARE)

out = np.empty(1)
weights(np.zeros((1, 4)), np.empty(0), 0.0, np.empty(0), out)
print(sum(weights.stats.cache_hits.values()), *out)
"""


class Project:
    """A copy of the package, and a folder for the cache beside it."""

    def __init__(self, folder):
        self.folder, self.cache = folder, folder / "cache"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(Path(policies.__file__).parent, folder / "policies", ignore=ignored)

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def edit(self, name, before, after):
        path = self.folder / name
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))

    def run(self, script, **environment):
        environment = {"XDG_CACHE_HOME": str(self.cache), "PYTHONDONTWRITEBYTECODE": "1", **environment}
        path = self.folder / script
        command = [sys.executable, "-W", "error", str(path)]
        done = subprocess.run(command, cwd=self.folder, env=os.environ | environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    def kernels(self):
        return self.cache / "multiarm" / "kernels"


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    project.write("greedy.py", GREEDY)
    return project


def test_an_edit_of_another_file_of_the_package_is_noticed(project):
    where, hits, *out = project.run("greedy.py")
    assert where.startswith(str(project.folder))
    assert (hits, out) == ("0", ["0.25", "0.75"])
    assert project.run("greedy.py")[1:] == ["1", "0.25", "0.75"]
    project.edit("policies/choice.py", "if values[arm] == greatest", "if values[arm] != greatest")
    assert project.run("greedy.py")[1:] == ["0", "0.75", "0.25"]
    assert len(list(project.kernels().iterdir())) == 2


def test_a_users_file_and_what_it_imports_are_noticed(project):
    project.write("constants.py", "SHARE = 1.0\n")
    device = "from policies import kernel\n\n@kernel\ndef portion(share):\n    return share * 1.0\n"
    project.write("devices.py", device)
    project.write("mine.py", MINE)
    assert project.run("mine.py") == ["0", "1.0"]
    assert project.run("mine.py") == ["1", "1.0"]
    project.edit("constants.py", "1.0", "2.0")
    assert project.run("mine.py") == ["0", "2.0"]
    project.edit("devices.py", "share * 1.0", "share * 4.0")
    assert project.run("mine.py") == ["0", "8.0"]
    project.edit("mine.py", "portion(SHARE)", "portion(SHARE) + 1.0")
    assert project.run("mine.py") == ["0", "9.0"]


def test_without_a_place_to_write_it_compiles_every_time(project):
    project.write("file", "not a folder")
    for _ in range(2):
        assert project.run("greedy.py", XDG_CACHE_HOME=str(project.folder / "file"))[1:] == ["0", "0.25", "0.75"]
    left = [path.name for path in project.folder.rglob("*") if path.suffix in (".nbi", ".nbc", ".pyc")]
    assert left == []


def test_damaged_files_are_compiled_anew(project):
    project.run("greedy.py")
    damaged = [path for path in project.kernels().rglob("*") if path.is_file()]
    assert damaged
    for path in damaged:
        path.write_bytes(b"")
    assert project.run("greedy.py")[1:] == ["0", "0.25", "0.75"]


def test_what_was_unused_for_a_month_is_deleted(project):
    old, recent = project.kernels() / "old", project.kernels() / "recent"
    for folder, days in ((old, 31), (recent, 29)):
        folder.mkdir(parents=True)
        (folder / "kernel.nbc").write_bytes(b"code")
        os.utime(folder, times=(time.time() - days * 86400,) * 2)
    project.run("greedy.py")
    assert not old.exists()
    assert recent.exists()
