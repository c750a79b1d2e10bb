"""Regular expressions of bounded cost: RE2's, which take time linear in the text whatever the expression."""

from collections.abc import Callable

MOST_PATTERN = 500
MOST_TEXT = 4096
MOST_MEMORY = 1 << 20


def finder(pattern: str) -> Callable[[str], bool | None]:
    """A function that tells whether an expression is found in a text; None for one that is too long to be searched.

    Raises:
        ValueError: RE2 cannot read the expression, or it needs too much memory.
    """
    import re2  # here, so that nobody waits for it who has no expression

    if len(pattern) > MOST_PATTERN:
        raise ValueError(f"must be at most {MOST_PATTERN} characters, given {len(pattern)}")
    options = re2.Options()
    options.max_mem = MOST_MEMORY
    options.log_errors = False
    try:
        re2.compile(pattern, options)  # says what is wrong, which a set does not
        found = re2.Set.SearchSet(options)  # a quarter of the cost of a search that tells where
        found.Add(pattern)
        found.Compile()
    except UnicodeEncodeError:
        raise ValueError("must be text that UTF-8 can express") from None
    except re2.error as error:
        reason = error.args[0]
        told = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
        raise ValueError(f"is not an expression that RE2 can read: {told}") from None
    match = found.Match

    def find(text: str) -> bool | None:
        if len(text) > MOST_TEXT:
            return None
        try:
            return match(text) is not None
        except UnicodeEncodeError:
            return None

    return find
