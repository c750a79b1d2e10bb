"""Who asks for a change: the name that the audit log keeps, and whose things they may manage."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from bandit.errors import Forbidden


class Actor(NamedTuple):
    """A person, a program or a part of the engine. `owner` is whose things it may manage; None for everyone's."""

    name: str = ""
    owner: str | None = None

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


def current() -> Actor:
    """Who asks in this thread."""
    return _actor.get()


@contextmanager
def acting(name: str, owner: str | None = None) -> Iterator[None]:
    """Whatever the block changes is noted as changed by `name`, which may manage only what belongs to `owner`."""
    before = _actor.set(Actor(name, owner))
    try:
        yield
    finally:
        _actor.reset(before)
