"""Moments, days and times of day, as conditions read them."""

import re
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MOST_CHARACTERS = 64

_TIME_OF_DAY = re.compile("([01][0-9]|2[0-3]):([0-5][0-9])").fullmatch


def zone(name: str) -> tzinfo:
    """A time zone by its IANA name.

    Raises:
        ValueError: There is none of that name.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be the IANA name of a time zone, such as 'Europe/Berlin'") from None


def minute(text: str) -> int | None:
    """The minute of the day of a time such as `09:30`, or None where it is none."""
    found = _TIME_OF_DAY(text)
    return None if found is None else 60 * int(found[1]) + int(found[2])


@lru_cache(maxsize=4096)
def _read(text: str, here: tzinfo) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=here) if time.tzinfo is None else time.astimezone(here)
    except (ValueError, OverflowError):
        return None


def moment(given: object, here: tzinfo) -> datetime | None:
    """A moment from seconds since 1970 or an ISO 8601 time, in a time zone; None where it is neither.

    A time that says nothing of its zone is one of `here`.
    """
    if isinstance(given, str):
        return _read(given, here) if len(given) <= MOST_CHARACTERS else None
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        try:
            return datetime.fromtimestamp(given, here)
        except (ValueError, OverflowError, OSError):
            return None
    return None
