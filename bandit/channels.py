"""Where alerts go: to the log, to a webhook, or into a command."""

import base64
import binascii
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from bandit.documents import Kind, Owned
from policies import Duration

SECRET = "whsec_"  # noqa: S105 - how a secret begins

Argument = Annotated[str, Field(max_length=10_000)]


class NotDelivered(Exception):
    """A try that has failed. `final` is whether another one is of no use."""

    def __init__(self, why: str, *, final: bool = False) -> None:
        super().__init__(why)
        self.final = final


class ChannelAnswer(Owned):
    """A channel without its secret, which is never told."""

    type: Literal["log", "webhook", "command"]
    enabled: bool = True
    kinds: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field(
        default_factory=list, max_length=100, description="Kinds of alerts that it is for; none: all of them."
    )
    url: Annotated[str, Field(max_length=2000)] | None = Field(default=None, description="Of a webhook.")
    command: Annotated[list[Argument], Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="A program and its arguments, run without a shell, with the alert on its input."
    )
    timeout: Duration = Field(default=10.0, gt=0.0, le=30.0, description="How long one try may take.")

    def takes(self, kind: str) -> bool:
        """Whether an alert of a kind goes through it."""
        return self.enabled and (not self.kinds or kind in self.kinds)


class Channel(ChannelAnswer):
    """A way for alerts to reach people and programs."""

    secret: Annotated[str, Field(max_length=200)] | None = Field(
        default=None,
        repr=False,
        description="Of a webhook, for its signatures: `whsec_` and the base64 of 24 to 64 random bytes.",
    )

    @property
    def signing_key(self) -> bytes:
        """What the signatures of a webhook are made with."""
        return base64.b64decode((self.secret or "").removeprefix(SECRET), validate=True)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        needed = {"log": (), "webhook": ("url", "secret"), "command": ("command",)}[self.type]
        for field in ("url", "secret", "command"):
            given = getattr(self, field) is not None
            if given and field not in needed:
                raise ValueError(f"{field}: a {self.type} has none")
            if field in needed and not given:
                raise ValueError(f"{field}: a {self.type} needs one")
        if self.url is not None:
            _check_url(self.url)
        if self.secret is not None:
            _check_secret(self.secret)
        if self.command is not None and (not self.command[0] or any("\0" in part for part in self.command)):
            raise ValueError("command: the program is missing, or a part holds a null character")
        return self


CHANNEL = Kind("channel", Channel, untold=frozenset({"url", "secret", "command"}))


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("url: must be http:// or https://, a host, and ASCII without spaces throughout")
    if parts.username is not None or parts.fragment:
        raise ValueError("url: must have neither a user's name nor a fragment")


def _check_secret(secret: str) -> None:
    try:
        size = len(base64.b64decode(secret.removeprefix(SECRET), validate=True))
    except binascii.Error:
        size = 0
    if not secret.startswith(SECRET) or not 24 <= size <= 64:
        raise ValueError(f"secret: must be {SECRET!r} and the base64 of 24 to 64 random bytes")
