"""Who asks for a change: the name that the audit log keeps, and whose things they may manage."""

from contextvars import ContextVar
from types import TracebackType
from typing import NamedTuple

from bandit.errors import Forbidden


class Actor(NamedTuple):
    """A person, a program or a part of the engine. `owner` is whose things it may manage; None for everyone's.

    `key` is the API key by which it came: "" for none where there are no keys; None for who needs none, in process.
    """

    name: str = ""
    owner: str | None = None
    key: str | None = None

    def check(self, owner: str) -> None:
        """Checks that it may manage what belongs to `owner`.

        Raises:
            Forbidden: It may not.
        """
        if self.owner is not None and self.owner != owner:
            whose = f"belongs to {owner!r}" if owner else "belongs to nobody"
            raise Forbidden(f"it {whose}, and {self.name!r} manages only what belongs to {self.owner!r}")


class By(NamedTuple):
    """Who asks, and the idempotency key of the request."""

    actor: Actor = Actor()
    idempotency_key: str | None = None


_actor: ContextVar[Actor] = ContextVar("actor", default=Actor())  # noqa: B039 - an Actor does not change


current = _actor.get
"""Who asks in this thread."""

enter = _actor.set
leave = _actor.reset
"""What `acting` does at its two ends, for who has an Actor and no time: give `leave` what `enter` gave."""


class acting:  # noqa: N801 - it reads as a function
    """Whatever the block changes is noted as changed by `name`, which may manage only what belongs to `owner`.

    Where a `key` is given, every operation within checks that this API key is still good, or for "" that none is
    needed.
    """

    __slots__ = ("_actor", "_before")

    def __init__(self, name: str, owner: str | None = None, key: str | None = None) -> None:
        self._actor = Actor(name, owner, key)

    def __enter__(self) -> None:
        self._before = _actor.set(self._actor)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _actor.reset(self._before)
