"""Semantic versions in their order of precedence (semver.org 2.0.0, §11)."""

import re
from functools import lru_cache

MOST_CHARACTERS = 256

Precedence = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]

_NUMBER = re.compile("0|[1-9][0-9]*").fullmatch
_IDENTIFIER = re.compile("[0-9A-Za-z-]+").fullmatch


@lru_cache(maxsize=4096)
def precedence(text: str) -> Precedence | None:
    """What orders versions as they are to be ordered, or None where `text` is not a semantic version.

    A pre-release comes before its release, its identifiers count from the left, numbers as numbers and before words,
    and build metadata counts for nothing, so that `1.0.0+a` and `1.0.0+b` are equal. There are three numbers, always:
    `1.2` and `v1.2.3` are not semantic versions.
    """
    if len(text) > MOST_CHARACTERS:
        return None
    rest, built, build = text.partition("+")
    release, dashed, pre = rest.partition("-")
    numbers = release.split(".")
    if len(numbers) != 3 or not all(map(_NUMBER, numbers)):
        return None
    if built and not all(map(_IDENTIFIER, build.split("."))):
        return None
    identifiers = pre.split(".") if dashed else []
    if not all(_IDENTIFIER(part) and (_NUMBER(part) or not part.isdecimal()) for part in identifiers):
        return None
    ranked = tuple((False, int(part), "") if part.isdecimal() else (True, 0, part) for part in identifiers)
    major, minor, patch = map(int, numbers)
    return major, minor, patch, not dashed, ranked
