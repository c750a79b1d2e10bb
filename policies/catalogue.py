"""The policies as a table, for the documentation."""

import inspect
import json
from collections.abc import Iterable

from policies.policy import Policy

REWARDS = {"any": "any number", "unit": "0 to 1", "sub_gaussian": "0 to 1, or normal", "count": "counts"}
HEADER = ("name", "class", "rewards", "context", "parameters", "source")


def markdown(policies: Iterable[type[Policy]]) -> str:
    """A Markdown table of policies: name, class, rewards, context, parameters with defaults, first source."""
    rows = [HEADER, ("---",) * len(HEADER), *map(_row, policies)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(policy: type[Policy]) -> tuple[str, ...]:
    fields = policy.model_fields
    own = [f"`{name}={_written(field.default)}`" for name, field in fields.items() if name not in Policy.model_fields]
    return (
        f"`{fields['name'].default}`",
        f"`{policy.__name__}`",
        REWARDS[policy.rewards],
        "yes" if policy.contextual else "",
        ", ".join(own),
        _source(policy),
    )


def _written(default: object) -> str:
    """As in JSON, numbers to four digits."""
    return f"{default:.4g}" if isinstance(default, float) else json.dumps(default)


def _source(policy: type[Policy]) -> str:
    """What the docstring names first as its source."""
    text = " ".join((inspect.getdoc(policy) or "").partition("Source:")[2].split())
    return text.partition(";")[0].removesuffix(".").replace("|", "\\|")
