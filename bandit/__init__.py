"""A multi-armed bandit decisioning engine: experiments, decisions, a ledger of rewards, results."""

from typing import TYPE_CHECKING, Any

from bandit.decision import ChooseRequest, Decision
from bandit.engine import Engine
from bandit.errors import (
    FieldError,
    InvalidInput,
    MalformedInput,
    MultiarmError,
    NotFound,
    Overloaded,
    StoreBusy,
    StoreError,
    StoreUnusable,
    WrongState,
)
from bandit.experiment import Experiment, Feature, Reweight, StoredExperiment
from bandit.metric import Metric
from bandit.results import Results
from bandit.variant import Variant

if TYPE_CHECKING:
    from bandit.client import Client, Unreachable

__all__ = [
    "ChooseRequest",
    "Client",
    "Decision",
    "Engine",
    "Experiment",
    "Feature",
    "FieldError",
    "InvalidInput",
    "MalformedInput",
    "Metric",
    "MultiarmError",
    "NotFound",
    "Overloaded",
    "Results",
    "Reweight",
    "StoreBusy",
    "StoreError",
    "StoreUnusable",
    "StoredExperiment",
    "Unreachable",
    "Variant",
    "WrongState",
]


def __getattr__(name: str) -> Any:
    """The client, imported when it is asked for: an engine in process needs no HTTP."""
    if name in ("Client", "Unreachable"):
        from bandit import client

        return getattr(client, name)
    raise AttributeError(f"module 'bandit' has no attribute {name!r}")
