"""A multi-armed bandit decisioning engine: experiments, decisions, a ledger of rewards, results."""

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
from bandit.experiment import Experiment, Metric, Reweight, StoredExperiment, Variant
from bandit.results import Results

__all__ = [
    "ChooseRequest",
    "Decision",
    "Engine",
    "Experiment",
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
    "Variant",
    "WrongState",
]
