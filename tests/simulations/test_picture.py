import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[2]


def test_the_committed_picture_is_the_one_that_a_run_draws(tmp_path):
    drawn = tmp_path / "weights.svg"
    subprocess.run([sys.executable, "-W", "error", ROOT / "benchmarks" / "picture.py", drawn], check=True)
    assert drawn.read_bytes() == (ROOT / "docs" / "weights.svg").read_bytes()
    ElementTree.parse(drawn)
