"""What a change has changed: every field by its path, with what it was and what it is."""

import json
from collections.abc import Iterator
from typing import Any

from bandit.errors import path

MOST_FIELDS = 200
MOST_LETTERS = 1000


def written(old: Any, new: Any) -> str:
    """The differences of two JSON values as JSON: `{"variants[1].weight": [1.0, 3.0]}`, old and new.

    Values longer than 1,000 letters are cut to their beginning, and of more than 200 fields the rest is counted under
    an empty name: an audit log is no backup.
    """
    found: dict[str, Any] = {}
    left_out = 0
    for place, before, after in _differences(old, new, ()):
        if len(found) < MOST_FIELDS:
            found[path(place)] = [_short(before), _short(after)]
        else:
            left_out += 1
    if left_out:
        found[""] = [None, f"and {left_out} more fields"]
    return json.dumps(found, ensure_ascii=False)


def _differences(old: Any, new: Any, place: tuple[int | str, ...]) -> Iterator[tuple[tuple[int | str, ...], Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _differences(old.get(key), new.get(key), (*place, key))
    elif isinstance(old, list) and isinstance(new, list):
        for at in range(max(len(old), len(new))):
            before, after = (side[at] if at < len(side) else None for side in (old, new))
            yield from _differences(before, after, (*place, at))
    elif old != new:
        yield place, old, new


def _short(value: Any) -> Any:
    text = json.dumps(value, ensure_ascii=False)
    return value if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}..."
