"""Summary, curves and the folder of a run."""

import csv
import json
import math

import numpy as np
import pytest

from bandit import InvalidInput, spec
from simulations import curves, output, simulate, summary
from simulations.environments import ENVIRONMENTS
from simulations.study import study

COLUMNS = "policy,replications,horizon,regret_mean,regret_se,regret_median,regret_p05,regret_p95,best_arm_share"


@pytest.fixture(scope="module")
def outcome():
    return simulate(["thompson_beta", "ucb1:exploration=1"], "bernoulli:means=.1/.2", horizon=3000, replications=40)


def test_the_summary_has_the_promised_columns(outcome):
    lines = summary.as_csv(outcome).splitlines()
    assert lines[0] == COLUMNS
    rows = list(csv.DictReader(lines))
    assert [row["policy"] for row in rows] == ["thompson_beta", "ucb1:exploration=1"]
    final = outcome.regret[1, :, -1]
    assert float(rows[1]["regret_mean"]) == final.mean()
    assert float(rows[1]["regret_se"]) == pytest.approx(final.std(ddof=1) / math.sqrt(40))
    assert float(rows[1]["regret_p95"]) == np.quantile(final, 0.95)
    assert float(rows[1]["best_arm_share"]) == pytest.approx(1 - final.mean() / 0.1 / 3000)
    assert rows[0]["replications"], rows[0]["horizon"] == ("40", "3000")


def test_the_table_lines_up(outcome):
    lines = list(summary.table(outcome))
    assert len(lines) == 3
    assert lines[0].split() == ["policy", "regret", "se", "median", "5%", "95%", "best", "arm", "allocation"]
    assert lines[1].count(" / ") == 1
    many = simulate("fixed", {"name": "bernoulli", "means": [0.1] * 8}, horizon=50, replications=2)
    assert list(summary.table(many))[1].count("arm ") == 3


def test_one_replication_has_no_standard_error():
    alone = simulate("fixed", "bernoulli:means=.1/.2", horizon=50, replications=1)
    assert summary.as_csv(alone).splitlines()[1].split(",")[4] == "nan"
    assert np.isnan(curves.standard_error(alone)).all()


def test_curves_are_columns_of_one_length(outcome):
    columns = curves.columns(outcome)
    assert {len(column) for column in columns.values()} == {2 * len(outcome.grid)}
    np.testing.assert_allclose(columns["arm_1"] + columns["arm_2"], 1)
    np.testing.assert_allclose(columns["best_arm_share"], columns["arm_2"])
    assert (columns["regret_p05"] <= columns["regret_p95"]).all()


@pytest.mark.parametrize(
    ("environment", "constant"),
    [
        ("bernoulli:means=.1/.2/.3/.4/.5/.6/.7/.8/.9", 7.5165),
        ("bernoulli:means=.01/.01/.01/.02/.02/.02/.05/.05/.1", 14.4523),
        ("gaussian:means=0/1,sd=2", 8.0),
        ("poisson:means=0/1", 1.0),
        ("bounded:means=.1/.2", None),
        ("drifting:means=.1/.2", None),
    ],
)
def test_lai_and_robbins_constant(environment, constant):
    found = curves.lai_robbins(spec.build(environment, ENVIRONMENTS, "environment"))
    assert found == (constant if constant is None else pytest.approx(constant, abs=1e-4))


def test_a_run_can_be_run_again(outcome, tmp_path):
    output.write(outcome, tmp_path / "run")
    described = json.loads((tmp_path / "run" / "study.json").read_text())
    assert study(described["study"]) == outcome.study
    assert described["finished"] == 40
    assert {"python", "multiarm", "numpy", "numba"} == set(described["versions"])
    again = simulate(outcome.study.policies, outcome.study.environment, horizon=3000, replications=40)
    assert summary.as_csv(again) == (tmp_path / "run" / "summary.csv").read_text()


def test_parquet_and_plots(outcome, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    pytest.importorskip("matplotlib")
    names = output.write(outcome, tmp_path / "run")
    assert names == ["allocation.png", "curves.parquet", "final_regret.png", "regret.png", "study.json", "summary.csv"]
    read = parquet.read_table(tmp_path / "run" / "curves.parquet").to_pydict()
    for name, column in curves.columns(outcome).items():
        assert read[name] == column.tolist()
    for name in names:
        assert 0 < (tmp_path / "run" / name).stat().st_size < 1e6


@pytest.mark.parametrize(
    ("policies", "environment", "horizon", "replications"),
    [
        (["fixed"], "bernoulli:means=.1/.2", 1, 1),
        (["fixed", "softmax", "thompson_beta", "ucb1"], {"name": "bernoulli", "means": [0.1] * 30}, 2, 2),
        (["fixed"], "bernoulli:means=.5/.5", 300, 2),
        (["epsilon_greedy"], "gaussian:means=-1/1000", 1000, 3),
    ],
)
def test_plots_of_extreme_studies(policies, environment, horizon, replications, tmp_path):
    pytest.importorskip("matplotlib")
    from simulations import plots

    plots.write(simulate(policies, environment, horizon=horizon, replications=replications), tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_nothing_is_half_written(outcome, tmp_path, monkeypatch):
    def fail(_):
        raise OSError("the disk is full")

    monkeypatch.setattr(output, "described", fail)
    with pytest.raises(OSError, match="full"):
        output.write(outcome, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_what_exists_is_kept(tmp_path):
    output.free(tmp_path / "new" / "run")
    (tmp_path / "empty").mkdir()
    output.free(tmp_path / "empty")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    for taken in ("full", "full/thesis.tex"):
        with pytest.raises(InvalidInput, match="exists, must be a new or empty folder"):
            output.free(tmp_path / taken)
    with pytest.raises(InvalidInput, match="--out"):
        output.free(tmp_path / "full" / "thesis.tex" / "run")
