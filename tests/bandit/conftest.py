import pytest

from bandit import Engine


class Clock:
    """A clock that a test moves."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["memory", "background", "durable"])
def engine(request, tmp_path, clock):
    """An engine of each kind: in memory, with a background journal, with group commit."""
    path = None if request.param == "memory" else tmp_path / "decisions.db"
    with Engine(path, durable=request.param == "durable", clock=clock, seed=7) as engine:
        yield engine
        assert engine.verify() == []
