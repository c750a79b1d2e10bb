"""Who may ask for what: API keys, what their scopes allow, and how often they may ask."""

import ipaddress
from urllib.parse import urlsplit

from bandit import Engine
from bandit.actor import Actor
from bandit.errors import Forbidden, Unauthorised
from bandit.keys import GRANTS, NOBODY
from server.rate_limit import RateLimit
from server.requests import Environ
from server.route import Scope


class Access:
    """Says who a request comes from, for an `Authorization: Bearer` or `X-API-Key` header.

    Args:
        engine: Whose keys.
        workers: Processes that share the requests of a key, and so its rate.
        loopback: Whether only this machine reaches the server, and so may do everything until there is a key.
    """

    def __init__(self, engine: Engine, *, workers: int = 1, loopback: bool = True) -> None:
        self._keys = engine.keys
        self._settings = engine.settings
        self._limit = RateLimit(workers)
        self._loopback = loopback

    def __call__(self, environ: Environ, scope: Scope, *, rechecked: bool = False) -> Actor:
        """Who asks.

        Args:
            environ: Of the request.
            scope: What is asked for.
            rechecked: See `Keys.identify`.

        Raises:
            Unauthorised: The key is missing, unknown, revoked or has expired.
            RateLimited: It has asked too often.
            Forbidden: Its scope does not allow this.
        """
        known = self._keys.identify(_token(environ), rechecked=rechecked)
        if known is None:
            self._check_open(environ)
            return NOBODY
        key, actor, grants = known
        if key.rate is not None:
            self._limit.take(key.key, key.rate)
        if scope not in grants:
            enough = " or ".join(name for name, granted in GRANTS.items() if scope in granted)
            raise Forbidden(f"the API key {key.key} is for {key.scope!r}; this takes one for {enough}")
        return actor

    def _check_open(self, environ: Environ) -> None:
        """Without keys, this machine may ask, but no page of another site that somebody opens in a browser on it."""
        if not self._loopback:
            raise Unauthorised("there are no API keys yet; make one with `multiarm keys create`")
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None and not _is_local(origin) and origin not in self._settings.latest().cors_origins:
            raise Forbidden(f"pages of {origin[:200]!r} may not ask; add it to the setting cors_origins, or use a key")


def _token(environ: Environ) -> str | None:
    given: str | None = environ.get("HTTP_AUTHORIZATION")
    if given is None:
        return environ.get("HTTP_X_API_KEY")
    if given.startswith("Bearer "):
        return given[7:]
    kind, _, token = given.partition(" ")
    if kind.lower() != "bearer":
        raise Unauthorised("Authorization: must be `Bearer` and an API key")
    return token.strip()


def _is_local(origin: str) -> bool:
    """Whether an origin is a page that this machine serves itself."""
    try:
        host = urlsplit(origin).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
