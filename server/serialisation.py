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


class _Known:
    """What decisions for a variant share, and what those share that were drawn alike, as the last one was."""

    __slots__ = ("config", "last", "members")

    def __init__(self, config: object, members: str) -> None:
        self.config = config
        self.members = members
        self.last: tuple[tuple[float, int, str] | None, str] = (None, "")  # replaced as a whole: threads share it


class DecisionText:
    """Writes decisions as `DecisionAnswer` would, remembering the parts that decisions for a variant share."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], _Known] = {}

    def __call__(self, decision: Decision) -> str:
        """The decision as a JSON object."""
        number, experiment, variant, config, propensity, epoch, reason, shadow = decision
        known = self._known.get((experiment, variant))
        if known is None or known.config is not config:
            known = self._learn(experiment, variant, config)
        drawn = (propensity, epoch, reason)
        before, text = known.last
        if before != drawn:
            text = f'{known.members},"propensity":{propensity!r},"epoch":{epoch},"reason":"{reason}"'
            known.last = (drawn, text)
        name = f'"{number}"' if number else "null"
        beside = f',"shadow":[{",".join(map(self, shadow))}]' if shadow else ""
        return f'{{"decision_id":{name},{text}{beside}}}'

    def _learn(self, experiment: str, variant: str, config: object) -> _Known:
        """Remembers a variant's part with the very config that it was written from, which is how a change shows."""
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        members = {"experiment": experiment, "variant": variant, "config": config}
        text = json.dumps(members, separators=(",", ":"), allow_nan=False)[1:-1]
        self._known[experiment, variant] = known = _Known(config, text)
        return known


def array(items: Iterable[str]) -> bytes:
    """A JSON array of texts that are JSON already."""
    return f"[{','.join(items)}]".encode()


def problem(error: MultiarmError) -> str:
    """An error as an item of a batch."""
    return json.dumps(describe(error), separators=(",", ":"))
