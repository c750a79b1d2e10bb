"""Published studies: each is found, runs and stays near its publication; the long ones are run by name, not here."""

import math
from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner

from simulations import published
from simulations.command import simulate as command
from simulations.published import Figure, find, mean

QUICK = {
    "scott-two-arms": 40,
    "changing-environment": 60,
    "empirical-means": 100,
    "random-arms": 100,
    "linear-contexts": 12,
    "track-and-stop": 16,
    "adaptive-inference": 100,
    "classical-power": 400,
}
SLOW = {"regret-table", "chapelle-li-delay"}


@pytest.mark.parametrize("name", QUICK)
def test_a_study_reproduces_its_figures(name):
    with ThreadPoolExecutor(2) as threads:
        for figure in find(name).figures(threads, QUICK[name], 1):
            assert abs(figure.distance) < 4, figure


def test_every_study_is_listed_and_says_where_its_figures_are_from():
    assert set(published.names()) == set(QUICK) | SLOW
    for name in published.names():
        study = find(name)
        assert study.REPLICATIONS >= 200
        assert len(study.__doc__.splitlines()) > 2


def test_a_study_runs_by_its_name():
    result = CliRunner().invoke(command, ["changing-environment", "--replications", "20", "--seed", "3"])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Policies that never forget")
    assert [line.split(",")[0] for line in lines[-5:-2]] == ["kl_ucb", "thompson_beta", "kl_ucb"]
    assert lines[-1].startswith("Distance in standard errors of the difference; ")


def test_distances():
    assert Figure("", 1.0, 3.0, 6.0, 4.0).distance == 1.0
    assert Figure("", 1.0, 0.0, 1.0, 0.0).distance == 0.0
    assert Figure("", 1.0, 0.0, 0.5, 0.0).distance == -math.inf
    figure = mean("x", 2.0, 0.0, [1.0, 3.0, 5.0])
    assert (figure.found, figure.se) == (3.0, pytest.approx(2 / math.sqrt(3)))
