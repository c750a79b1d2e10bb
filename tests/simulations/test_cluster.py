"""The same blocks on a Dask cluster of two processes on this machine."""

import numpy as np
import pytest

from bandit import InvalidInput
from simulations import simulate
from simulations.cluster import connect

distributed = pytest.importorskip("distributed")


# Dask's processes and sockets warn when they are torn down, in a manner that varies with the version.
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_gives_the_same_numbers_bit_for_bit():
    settings = {"horizon": 2000, "replications": 40, "seed": 5}
    policies, environment = ["thompson_beta", "kl_ucb"], "bernoulli:means=.1/.2/.3"
    here = simulate(policies, environment, **settings)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        place = cluster.scheduler_address.removeprefix("tcp://")
        with connect(f"dask://{place}") as executor:
            there = simulate(policies, environment, **settings, executor=executor)
    for field in ("grid", "regret", "best", "allocation", "replications"):
        np.testing.assert_array_equal(getattr(there, field), getattr(here, field))


@pytest.mark.parametrize("address", ["localhost:8786", "tcp://localhost:8786", "dask://localhost", "dask:localhost:1"])
def test_an_address_of_another_form_is_refused(address):
    with pytest.raises(InvalidInput, match="must be dask://HOST:PORT"), connect(address):
        pass


@pytest.mark.filterwarnings("ignore")
def test_nobody_there(monkeypatch):
    monkeypatch.setattr("simulations.cluster.PATIENCE", "1s")
    with pytest.raises(InvalidInput, match=r"--executor: dask://127\.0\.0\.1:9: "), connect("dask://127.0.0.1:9"):
        pass
