"""A moment that people write as "2027-01-31T09:00:00Z" and programs use as seconds since 1970."""

import math
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

LATEST = 1e11
ALLOWED = "must be seconds since 1970, or a time with its offset such as '2027-01-31T09:00:00Z'"


def parse(text: str) -> float:
    """Seconds since 1970 of an ISO 8601 time, whose offset must be there: nobody's clock is guessed.

    Raises:
        ValueError: The text is not such a time.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:100]!r} given, {ALLOWED}") from None
    return _since_1970(moment)


def _since_1970(moment: datetime) -> float:
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()!r} given without an offset, {ALLOWED}")
    return moment.timestamp()


def _seconds(given: Any) -> float:
    if isinstance(given, str):
        given = parse(given)
    elif isinstance(given, datetime):
        given = _since_1970(given)
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= LATEST or math.isnan(given):
        raise ValueError(f"{given!r} given, {ALLOWED}")
    return float(given)


Instant = Annotated[
    float,
    BeforeValidator(_seconds),
    WithJsonSchema(
        {
            "anyOf": [{"type": "number", "minimum": 0, "maximum": LATEST}, {"type": "string", "format": "date-time"}],
            "description": "Seconds since 1970, or an ISO 8601 time with its offset.",
            "examples": [1801472400, "2027-01-31T09:00:00Z"],
        }
    ),
]
"""Seconds since 1970 as a float; reads numbers and ISO 8601 texts."""
