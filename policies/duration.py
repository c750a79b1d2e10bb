"""A span of time that people write as "7d" and programs use as seconds."""

import math
import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

UNITS = {
    "w": Decimal(604800),
    "d": Decimal(86400),
    "h": Decimal(3600),
    "m": Decimal(60),
    "s": Decimal(1),
    "ms": Decimal("0.001"),
}
PATTERN = r"^[0-9]{1,30}(\.[0-9]{1,30})?(e[+-]?[0-9]{1,3})?(ms|s|m|h|d|w)$"
ALLOWED = "must be a non-negative number of seconds, or a number and a unit (ms, s, m, h, d, w) such as '1.5h'"


def parse(text: str) -> float:
    """Seconds of a duration such as "0s", "250ms", "1.5h" or "2w", correctly rounded.

    Raises:
        ValueError: The text is not a number followed by one of the units ms, s, m, h, d, w.
    """
    match = re.fullmatch(PATTERN, text)
    if match is None:
        raise ValueError(f"{text!r} given, {ALLOWED}")
    unit = match[3]
    seconds = float(Decimal(text.removesuffix(unit)) * UNITS[unit])
    if not math.isfinite(seconds):
        raise ValueError(f"{text!r} given, {ALLOWED}")
    return seconds


def text(seconds: float) -> str:
    """The shortest text that `parse` turns into exactly these seconds; rather whole, then in the larger unit."""
    if seconds == 0:
        return "0s"
    written = [_number(float(Decimal(seconds) / size)) + unit for unit, size in UNITS.items()]
    exact = [candidate for candidate in written if re.fullmatch(PATTERN, candidate) and parse(candidate) == seconds]
    return min(exact, key=lambda candidate: (len(candidate), "." in candidate))


def _number(value: float) -> str:
    return repr(value).removesuffix(".0")


def _seconds(given: Any) -> float:
    if isinstance(given, str):
        return parse(given)
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < math.inf:
        raise ValueError(f"{given!r} given, {ALLOWED}")
    return float(given)


Duration = Annotated[
    float,
    BeforeValidator(_seconds),
    PlainSerializer(text, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "pattern": PATTERN}, {"type": "number", "minimum": 0}],
            "description": "Seconds, or a number and a unit: ms, s, m, h, d, w.",
            "examples": ["7d", "1.5h", 90],
        }
    ),
]
"""Seconds as a float; reads numbers and texts such as "1.5h", writes the shortest such text to JSON."""
