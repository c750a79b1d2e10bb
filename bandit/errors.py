"""What can go wrong, as a caller sees it.

MultiarmError
|- InvalidInput         422  what was given is not allowed; `errors` names every field
|  `- MalformedInput    400  what was given could not be read at all
|- NotFound             404  no such experiment or decision
|- Unauthorised         401  nobody is known by the key that came, or none came
|- Forbidden            403  whoever asks may not do this, or not with this
|- RateLimited          429  more requests than the key allows; try again after `retry_after` seconds
|- WrongState           409  the experiment's status, or an existing key, forbids it
|- Overloaded           503  too much is waiting; try again after `retry_after` seconds
`- StoreError           503  the store could not keep it; nothing was changed
   |- StoreBusy              another process holds the store
   `- StoreUnusable          not a multiarm database, damaged, or of a newer version
"""

import re
from collections.abc import Iterable
from types import NoneType
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pydantic import ValidationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_PLAIN = (str, int, float, NoneType)
_NAMED = re.compile(r"([a-z_]+(?:\[\d+\])?(?:\.[a-z_]+(?:\[\d+\])?)*): (.+)", re.DOTALL)


class FieldError(NamedTuple):
    """One wrong field: where it is, as `variants[1].weight`, and what is wrong with it."""

    field: str
    message: str


class MultiarmError(Exception):
    """The root of every error that multiarm raises on purpose."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Error"
    retry_after: int | None = None
    """Whole seconds after which the same may be tried again."""

    def __init__(self, detail: str, errors: Iterable[FieldError] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = list(errors)


class InvalidInput(MultiarmError, ValueError):
    """What was given is not allowed."""

    status = 422
    title = "Invalid input"

    @classmethod
    def field(cls, field: str, message: str) -> "InvalidInput":
        """The error of a single field."""
        return cls(f"{field}: {message}" if field else message, [FieldError(field, message)])

    @classmethod
    def of(cls, error: ValidationError) -> "InvalidInput":
        """The same findings as pydantic's, each as `field: message`, malformed JSON apart."""
        found = error.errors(include_url=False, include_context=False)
        if found[0]["type"] == "json_invalid":
            return MalformedInput(found[0]["msg"])
        errors = [_found(item) for item in found]
        return cls("; ".join(f"{field}: {message}" if field else message for field, message in errors), errors)


class MalformedInput(InvalidInput):
    """What was given could not be read at all."""

    status = 400
    title = "Malformed input"


class NotFound(MultiarmError, LookupError):
    """There is no such experiment or decision."""

    status = 404
    title = "Not found"


class Unauthorised(MultiarmError):
    """Nobody is known by the API key that came, or none came."""

    status = 401
    title = "Unauthorised"


class Forbidden(MultiarmError):
    """Whoever asks may not do this, or not with this."""

    status = 403
    title = "Forbidden"


class RateLimited(MultiarmError):
    """The key has asked more often than it may."""

    status = 429
    title = "Too many requests"
    retry_after: int = 1

    def __init__(self, detail: str, errors: Iterable[FieldError] = (), retry_after: int = 1) -> None:
        super().__init__(detail, errors)
        self.retry_after = retry_after


class WrongState(MultiarmError):
    """The experiment's status, or a key that exists, forbids it."""

    status = 409
    title = "Wrong state"


class Overloaded(MultiarmError):
    """Too much is waiting already."""

    status = 503
    title = "Overloaded"
    retry_after = 1


class StoreError(MultiarmError):
    """The store could not keep it, so nothing was changed."""

    status = 503
    title = "Store unavailable"
    retry_after = 1


class StoreBusy(StoreError):
    """Another process holds the store."""


class StoreUnusable(StoreError):
    """The file is not a multiarm database, is damaged, or was written by a newer version."""


BY_STATUS: dict[int, type[MultiarmError]] = {
    error.status: error
    for error in (InvalidInput, MalformedInput, NotFound, Unauthorised, Forbidden, RateLimited, WrongState, Overloaded)
}


def path(location: tuple[int | str, ...]) -> str:
    """A field's place in words: `("variants", 1, "weight")` is `variants[1].weight`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _found(item: "ErrorDetails") -> FieldError:
    """A finding of pydantic's; where fields do not fit together, that of the field which the message begins with."""
    field, given = path(item["loc"]), item.get("input")
    message = _message(item["msg"], given)
    named = _NAMED.fullmatch(message) if item["type"] == "value_error" and not isinstance(given, _PLAIN) else None
    if named is None:
        return FieldError(field, message)
    return FieldError(f"{field}.{named[1]}" if field else named[1], named[2])


def _message(message: str, given: object) -> str:
    message = message.removeprefix("Value error, ")
    if isinstance(given, _PLAIN):
        return f"{message[:600]}, given {given!r}"[:700]
    return message[:600]
