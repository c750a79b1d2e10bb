"""Decisions and statuses as JSON text, written by hand because every request pays for it."""

import json
from collections.abc import Iterable

from bandit.decision import Decision
from bandit.errors import MultiarmError
from server.problems import describe

MOST_REMEMBERED = 10_000

STATUSES = {
    status: json.dumps({"status": status}, separators=(",", ":"))
    for status in ("applied", "duplicate", "superseded", "late", "retracted", "activated")
}


class DecisionText:
    """Writes decisions as `DecisionAnswer` would, remembering the part that all decisions for a variant share."""

    def __init__(self) -> None:
        self._shared: dict[tuple[str, str], tuple[object, str]] = {}

    def __call__(self, decision: Decision) -> str:
        """The decision as a JSON object."""
        number, experiment, variant, config, propensity, epoch, reason, shadow = decision
        found = self._shared.get((experiment, variant))
        if found is None or found[0] is not config:
            found = self._share(experiment, variant, config)
        name = f'"{number}"' if number else "null"
        drawn = f'"propensity":{propensity!r},"epoch":{epoch},"reason":"{reason}"'
        beside = f',"shadow":[{",".join(map(self, shadow))}]' if shadow else ""
        return f'{{"decision_id":{name},{found[1]},{drawn}{beside}}}'

    def _share(self, experiment: str, variant: str, config: object) -> tuple[object, str]:
        """Remembers a variant's part with the very config that it was written from, which is how a change shows."""
        if len(self._shared) >= MOST_REMEMBERED:
            self._shared.clear()
        members = {"experiment": experiment, "variant": variant, "config": config}
        text = json.dumps(members, separators=(",", ":"), allow_nan=False)[1:-1]
        self._shared[experiment, variant] = found = (config, text)
        return found


def array(items: Iterable[str]) -> bytes:
    """A JSON array of texts that are JSON already."""
    return f"[{','.join(items)}]".encode()


def problem(error: MultiarmError) -> str:
    """An error as an item of a batch."""
    return json.dumps(describe(error), separators=(",", ":"))
