"""The researchers' page: its code runs, and it leaves nothing out."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from simulations import ENVIRONMENTS, published
from simulations.command import simulate as command
from simulations.feedback import FEEDBACK

PAGE = Path(__file__).parents[2] / "docs" / "simulations.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_the_code_of_the_page_runs(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    pytest.importorskip("pyarrow")
    monkeypatch.chdir(tmp_path)
    space, ran, printed = {}, 0, ""
    for kind, code in BLOCKS:
        if named := re.match(r"# (\w+\.(?:py|toml))\n", code):
            Path(named[1]).write_text(code)
        elif kind == "python":
            exec(compile(code, str(PAGE), "exec"), space)
        elif kind == "sh":
            for line in code.splitlines():
                words = shlex.split(line)
                if words[:2] != ["multiarm", "simulate"]:
                    assert words[:2] == ["pip", "install"]
                    continue
                result = CliRunner().invoke(command, words[2:])
                assert result.exit_code == 0, (line, result.output)
                ran += 1
                printed += result.stdout
    assert ran >= 7
    for name in re.findall(r"^\| `(\w+\.\w+)`", TEXT, re.MULTILINE):
        assert (tmp_path / "run" / name).exists()
    # What the page says it prints, up to the rounding of another processor's logarithm.
    shown = next(code for kind, code in BLOCKS if kind == "text").splitlines()
    found = printed.splitlines()
    assert [line.split()[0] for line in shown if line] == [line.split()[0] for line in found[:5] if line]
    for line, other in zip(shown[3:], found[3:], strict=False):
        assert float(line.split()[1]) == pytest.approx(float(other.split()[1]), rel=0.05)


def test_the_page_names_every_environment_wrapper_and_study():
    for name in (*ENVIRONMENTS, *FEEDBACK):
        assert f"`{name}:" in TEXT, name
    for name in published.names():
        assert f"| `{name}` |" in TEXT, name
