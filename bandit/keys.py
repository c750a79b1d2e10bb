"""API keys: who asks over HTTP, and what that one may do.

A token is `multiarm_ID_SECRET`. It is shown once; what is kept of it is the SHA-256 of the secret, whose 256 random
bits nobody can search, so that a hash made slow against guessing would only cost every request its time.

A key is looked at when a request comes and again in the transaction that does what was asked, so one that was revoked,
by whichever process, does nothing more. Once there is a key one is needed; keys that were revoked or have expired
count, so that losing the last one opens nothing.
"""

import secrets
from collections.abc import Callable, Mapping
from hashlib import sha256
from hmac import compare_digest
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, ValidationError

from bandit import documents
from bandit.actor import Actor, By
from bandit.documents import Kind, Owned
from bandit.errors import Forbidden, InvalidInput, NotFound, Unauthorised, WrongState
from bandit.memory import Memory
from bandit.model import Model
from bandit.shelf import Host
from bandit.store import Reader
from policies import Duration

PREFIX = "multiarm"

Scope = Literal["decide", "read", "manage", "admin"]

GRANTS: Mapping[Scope, frozenset[str]] = {
    "decide": frozenset({"decide"}),
    "read": frozenset({"read"}),
    "manage": frozenset({"decide", "read", "manage"}),
    "admin": frozenset({"decide", "read", "manage", "admin"}),
}
"""What each scope allows. Who decides sees no results, and who reads them cannot add to them."""

Owner = Annotated[str, Field(min_length=1, max_length=200)]
Rate = Annotated[float, Field(gt=0.0, le=1e9)]


class KeyRequest(Model):
    """A key to be made."""

    scope: Scope = Field(description="`manage` includes `decide` and `read`, `admin` all; those two not each other.")
    owner: Owner = Field(
        description="Whose key it is; unless it is `admin`, it manages only what belongs to the owner."
    )
    expires: Duration | None = Field(default=None, description="For how long it is good; unset: until it is revoked.")
    rate: Rate | None = Field(default=None, description="Most requests a second; unset: no limit.")


class StoredKey(Owned):
    """A key as it is kept."""

    scope: Scope
    digest: str
    last_four: str
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    rate: float | None = None


class APIKey(Model):
    """A key as it is shown: never its secret, but the last four characters to know it by."""

    id: str
    owner: str
    scope: Scope
    last_four: str
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    rate: float | None


class IssuedKey(APIKey):
    """A key that was made just now, with the token, which is not shown again."""

    token: str


class KeyList(Model):
    """All keys."""

    keys: list[APIKey]


API_KEY = Kind("api_key", StoredKey)

MOST_RECOGNISED = 10_000


class Holder(NamedTuple):
    """Who holds a key: the key, who acts by it, and what it allows."""

    key: StoredKey
    actor: Actor
    grants: frozenset[str]


NOBODY = Actor("", None, "")
"""Who asks without a key where none is needed."""


class Keys:
    """The API keys of an engine, as `engine.keys`.

    Args:
        host: Runs operations and reads.
        memory: Of the engine.
        clock: Seconds since 1970.
        revision: Gives another number, cheaply, where somebody may have changed a key, in whatever process; None where
            the keys have to be read each time.
    """

    def __init__(
        self, host: Host, memory: Memory, clock: Callable[[], float], revision: Callable[[], int] | None = None
    ) -> None:
        self._host = host
        self._memory = memory
        self._clock = clock
        self._revision = revision
        self._recognised: dict[bytes, tuple[Holder, int | None]] = {}
        self._none_at: int | None = None

    def create(self, request: KeyRequest | Mapping[str, Any], *, idempotency_key: str | None = None) -> IssuedKey:
        """Makes a key.

        Raises:
            InvalidInput: The request is not allowed; every wrong field is named.
            WrongState: One was made with this idempotency key; its token cannot be shown again.
            Forbidden: The actor may not make keys.
        """
        if not isinstance(request, KeyRequest):
            try:
                request = KeyRequest.model_validate(request)
            except ValidationError as error:
                raise InvalidInput.of(error) from error
        issued: IssuedKey = self._host.manage(issue, request, idempotency_key)
        return issued

    def revoke(self, key: str, *, idempotency_key: str | None = None) -> APIKey:
        """Makes a key worthless, from this moment on and in every process.

        Raises:
            NotFound: There is none with this id.
            Forbidden: The actor may not revoke keys.
        """
        revoked: APIKey = self._host.manage(revoke, key, idempotency_key)
        return revoked

    def get(self, key: str) -> APIKey:
        """A key by its id.

        Raises:
            NotFound: There is none.
        """
        with self._host.reading() as reader:
            found = reader.document(API_KEY.name, key)
        if found is None:
            raise NotFound(f"API key {key[:100]!r} is unknown")
        return shown(API_KEY.parse(found))

    def list(self) -> list[APIKey]:
        """All keys, the oldest first; those that are good for nothing any more as well."""
        with self._host.reading() as reader:
            found = [shown(API_KEY.parse(document)) for document in reader.documents(API_KEY.name)]
        return sorted(found, key=lambda key: key.created_at)

    def identify(self, token: str | None, *, rechecked: bool = False) -> Holder | None:
        """Whose token this is; None where none came and none is needed, because there are no keys.

        Args:
            token: As it came.
            rechecked: Whether what is done for it checks the key again in its transaction: then what this process saw
                of the keys last is enough, and the store need not be read.

        Raises:
            Unauthorised: The token is nobody's, is revoked or has expired; or none came and one is needed.
        """
        last: Mapping[str, StoredKey] | None = self._memory.documents.get("api_key")
        if token is None:
            if last or ((last is None or not rechecked) and self._any()):
                raise Unauthorised(
                    "an API key is needed: send it as `Authorization: Bearer KEY` or as `X-API-Key: KEY`"
                )
            return None
        digest = sha256(token.encode()).digest()
        known, at = self._recognised.get(digest, (None, None))
        if known is None or not rechecked or last is None or last.get(known.key.key) is not known.key:
            now = self._now()
            if known is None or now is None or at != now:
                known = self._recognise(token)
                if len(self._recognised) >= MOST_RECOGNISED:
                    self._recognised.clear()
                self._recognised[digest] = known, now
        _good(known.key, self._clock())
        return known

    def _now(self) -> int | None:
        """The revision, asked for before the keys are read: what changes meanwhile is read the next time."""
        return None if self._revision is None else self._revision()

    def _any(self) -> bool:
        """Whether there are keys."""
        now = self._now()
        if now is not None and now == self._none_at:
            return False
        if self._read(_any):
            return True
        self._none_at = now
        return False

    def _recognise(self, token: str) -> Holder:
        name, secret = _parts(token)
        key = self._read(lambda reader: _read(reader, name))
        if key is None or not compare_digest(sha256(secret.encode()).hexdigest(), key.digest):
            raise Unauthorised("the API key is not known")
        last = self._memory.documents.get("api_key") or {}
        same = last.get(name)
        return holder(same if same == key else key)

    def _read(self, ask: Callable[[Reader], Any]) -> Any:
        with self._host.reading() as reader:
            return ask(reader)


def holder(key: StoredKey) -> Holder:
    """Who holds a key."""
    owner = None if key.scope == "admin" else key.owner
    return Holder(key, Actor(f"{key.owner}/{key.key}", owner, key.key), GRANTS[key.scope])


def checked(memory: Memory, actor: Actor, function: Callable[..., Any], *arguments: Any) -> Any:
    """Runs an operation, the last of whose arguments is the time, if the actor's key is still good then.

    Raises:
        Unauthorised: It is not.
    """
    if actor.key is None:
        return function(memory, *arguments)
    known = memory.documents.get("api_key")
    if known is None:
        known = documents.all_of(memory, API_KEY)
    if actor.key:
        _good(known.get(actor.key), arguments[-1])
    elif known:
        raise Unauthorised("an API key is needed since a moment ago")
    return function(memory, *arguments)


def issue(memory: Memory, request: KeyRequest, by: By, now: float) -> IssuedKey:
    """Makes a key.

    Raises:
        WrongState: One was made with this idempotency key.
        Forbidden: The actor may not make keys.
    """
    _check(by)
    if by.idempotency_key is not None and (change := memory.change(by.idempotency_key)):
        raise WrongState(
            f"idempotency key {by.idempotency_key!r} was used before, to {change.action} {change.kind} {change.key!r}; "
            "the token of an API key is shown once, so revoke that one and make another"
        )
    name, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    key = StoredKey(
        key=name,
        owner=request.owner,
        scope=request.scope,
        digest=sha256(secret.encode()).hexdigest(),
        last_four=secret[-4:],
        created_at=now,
        expires_at=None if request.expires is None else now + request.expires,
        rate=request.rate,
    )
    documents.put(memory, API_KEY, key)
    documents.note(memory, API_KEY.name, name, "create", by, now, detail=f"{key.scope} for {key.owner}"[:200])
    return IssuedKey(**shown(key).model_dump(), token=f"{PREFIX}_{name}_{secret}")


def revoke(memory: Memory, name: str, by: By, now: float) -> APIKey:
    """Makes a key worthless; one that is stays so.

    Raises:
        NotFound: There is none with this id.
        Forbidden: The actor may not revoke keys.
    """
    _check(by)
    if again := documents.repeated(memory, API_KEY, name, "revoke", by):
        return shown(again)
    key = documents.find(memory, API_KEY, name)
    if key.revoked_at is None:
        key = key.model_copy(update={"revoked_at": now})
        documents.put(memory, API_KEY, key)
        documents.note(memory, API_KEY.name, name, "revoke", by, now)
    return shown(key)


def shown(key: StoredKey) -> APIKey:
    """What may be seen of a key."""
    return APIKey(id=key.key, **key.model_dump(exclude={"key", "digest"}))


def _check(by: By) -> None:
    if by.actor.owner is not None:
        raise Forbidden(f"{by.actor.name!r} manages only what belongs to {by.actor.owner!r}, and keys are everyone's")


def _good(key: StoredKey | None, now: float) -> StoredKey:
    if key is None:
        raise Unauthorised("the API key is not known")
    if key.revoked_at is not None:
        raise Unauthorised(f"the API key {key.key} was revoked")
    if key.expires_at is not None and now >= key.expires_at:
        raise Unauthorised(f"the API key {key.key} has expired")
    return key


def _parts(token: str) -> tuple[str, str]:
    """Id and secret of a token; of what is none, such as nobody has."""
    prefix, _, rest = token.partition("_")
    name, _, secret = rest.partition("_")
    return (name, secret) if prefix == PREFIX else ("", token)


def _any(reader: Reader) -> bool:
    return bool(reader.documents(API_KEY.name))


def _read(reader: Reader, name: str) -> StoredKey | None:
    found = reader.document(API_KEY.name, name)
    return None if found is None else API_KEY.parse(found)
