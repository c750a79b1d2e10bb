"""What a route is: where, who may, what is taken, what is given, and which operation does it."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal, NamedTuple

from pydantic import BaseModel

from bandit.model import Model

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Scope = Literal["public", "decide", "read", "manage", "admin"]


class Reply(NamedTuple):
    """An answer that is not always of the same status, or has headers of its own."""

    body: bytes
    status: int
    headers: Sequence[tuple[str, str]] = ()


Operation = Callable[..., bytes | Reply]
"""Called with body, idempotency key and, as keywords, what the path holds."""

TAKES_BODY = (400, 413, 422)


class Changes(Model):
    """Fields and their new values; what is absent stays as it is."""

    of: ClassVar[type[BaseModel]]


def changes_of(model: type[BaseModel]) -> type[Changes]:
    """What a PATCH of a model takes: any of its fields but the key."""
    return type(
        f"{model.__name__}Changes", (Changes,), {"of": model, "__doc__": Changes.__doc__, "__module__": __name__}
    )


class Route(NamedTuple):
    """A route. `many` makes arrays of what is taken and given, with a problem for each item that is refused.

    `asks` are the parameters of its query. `refuses` is the form of its refusals, where they are no problem documents.
    `conditional` routes are given the `If-None-Match` header as `match`, and may answer 304. What `rechecked` ones do
    looks at the caller's key again, in its own transaction; see `Keys.identify`.
    """

    method: Method
    path: str
    scope: Scope
    operation: Operation
    takes: type[BaseModel] | None
    gives: type[BaseModel]
    refusals: tuple[int, ...]
    status: int = 200
    many: bool = False
    body_required: bool = True
    asks: type[BaseModel] | None = None
    refuses: type[BaseModel] | None = None
    conditional: bool = False
    rechecked: bool = False

    @property
    def name(self) -> str:
        """What the operation is called."""
        return self.operation.__name__
