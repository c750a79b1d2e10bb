"""What a check of the data has found: what it is, how bad, in words and in numbers, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["info", "warning", "critical"]
"""`critical`: do not believe the results until it is explained. `warning`: look at it. `info`: good to know."""

Kind = Literal[
    "sample_ratio",
    "units_in_two_variants",
    "missing_rewards",
    "too_few_units",
    "too_few_days",
    "outliers",
    "sudden_shift",
    "novelty",
    "primacy",
    "stale_estimate",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about the data that a reader of results must know.

    Attributes:
        kind: What it is.
        severity: How bad it is.
        message: What was seen, in plain words with the figures.
        recommendation: What to do about it.
        numbers: The figures, by name; no nan and nothing infinite.
    """

    kind: Kind
    severity: Severity
    message: str
    recommendation: str
    numbers: Mapping[str, float | None] = field(default_factory=dict)


def percent(share: float) -> str:
    """A share in words: 12%, 1.3%, 0.04%."""
    value = 100.0 * share
    digits = 0 if abs(value) >= 10.0 or value == 0.0 else 1 if abs(value) >= 1.0 else 2
    return f"{value:.{digits}f}%"


def p_text(p_value: float) -> str:
    """A p-value in words: p = 0.013, p < 0.0001."""
    return f"p = {p_value:.2g}" if p_value >= 1e-4 else "p < 0.0001"
