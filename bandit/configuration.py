"""What is done with the settings: they are read with where they came from, changed, and reset."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, JsonValue, ValidationError

from bandit import documents, settings
from bandit.actor import By
from bandit.difference import written
from bandit.errors import FieldError, InvalidInput, NotFound, WrongState
from bandit.memory import Memory, Outside
from bandit.model import Model
from bandit.rows import Document
from bandit.settings import NAMES, SETTING, Settings, StoredSetting
from bandit.shelf import Host
from bandit.store import Reader

PREFIX = "MULTIARM_"

Source = Literal["default", "file", "stored", "environment"]


class Setting(Model):
    """A setting as it is now, and where it came from."""

    name: str
    value: JsonValue
    default: JsonValue
    source: Source
    description: str


class SettingList(Model):
    """Every setting."""

    settings: list[Setting] = Field(default_factory=list)


class Configuration:
    """The settings of an engine, as `engine.settings`."""

    def __init__(self, host: Host, memory: Memory) -> None:
        self._host = host
        self._memory = memory
        self._outside = memory.outside

    def read(self) -> Settings:
        """All settings as they are now."""
        with self._host.reading() as reader:
            return settings.read(reader, self._outside)

    def latest(self) -> Settings:
        """All settings as this process last saw them, which is at most a tick ago, for the price of a look-up."""
        return settings.cached(self._memory) or self.read()

    def list(self) -> "Listed":
        """Every setting with its default, and where its value came from."""
        with self._host.reading() as reader:
            return listed(reader, self._outside)

    def update(self, values: Mapping[str, Any], *, idempotency_key: str | None = None) -> "Listed":
        """Stores new values, all of them or none, and gives every setting as it is then.

        Raises:
            InvalidInput: A name is none, or a value is not allowed; each is named.
            WrongState: The environment has the last word on one.
            Forbidden: The actor manages only what belongs to an owner.
        """
        self._host.manage(change, dict(values), idempotency_key)
        return self.list()

    def reset(self, *names: str, idempotency_key: str | None = None) -> "Listed":
        """Forgets stored values, of all settings where none is named, and gives every setting as it is then.

        Raises:
            NotFound: A name is none.
            InvalidInput: Without them the others do not fit together.
            Forbidden: The actor manages only what belongs to an owner.
        """
        self._host.manage(reset, names, idempotency_key)
        return self.list()


Listed = list[Setting]


def listed(reader: Reader, outside: Outside) -> list[Setting]:
    """Every setting, its value, and where that came from."""
    stored = settings.stored(reader)
    values = settings.merged(outside, stored).model_dump(mode="json")
    defaults = Settings().model_dump(mode="json")
    return [
        Setting(
            name=name,
            value=values[name],
            default=defaults[name],
            source=_source(name, outside, stored),
            description=field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]


def _source(name: str, outside: Outside, stored: Mapping[str, Any]) -> Source:
    if name in outside.environment:
        return "environment"
    if name in stored:
        return "stored"
    return "file" if name in outside.file else "default"


def change(memory: Memory, values: Mapping[str, Any], by: By, now: float) -> None:
    """Stores new values, all of them or none.

    Raises:
        InvalidInput: A name is none, or a value is not allowed; each is named.
        WrongState: The environment has the last word on one.
        Forbidden: The actor manages only what belongs to an owner.
    """
    by.actor.check("")
    if _repeated(memory, "set", by):
        return
    check_names(values)
    _not_masked(memory, values)
    stored = {name: one.value for name, one in documents.all_of(memory, SETTING).items()}
    before, after = _values(memory, stored), _values(memory, {**stored, **values})
    for place, name in enumerate(values):
        documents.put(memory, SETTING, StoredSetting(key=name, value=after[name]))
        _note(memory, name, "set", _once(by, place), now, (before[name], after[name]))


def reset(memory: Memory, names: Sequence[str], by: By, now: float) -> None:
    """Forgets stored values: those of some settings, or of all where none is named.

    Raises:
        NotFound: A name is none.
        InvalidInput: Without them the others do not fit together.
        Forbidden: The actor manages only what belongs to an owner.
    """
    by.actor.check("")
    if _repeated(memory, "reset", by):
        return
    if unknown := sorted(set(names) - NAMES):
        raise NotFound(f"setting {unknown[0][:100]!r} is unknown; the settings are {', '.join(sorted(NAMES))}")
    stored = documents.all_of(memory, SETTING)
    gone = [name for name in stored if not names or name in names]
    left = {name: one for name, one in stored.items() if name not in gone}
    before, after = (_values(memory, {name: one.value for name, one in some.items()}) for some in (stored, left))
    for place, name in enumerate(gone):
        memory.batch.documents[SETTING.name, name] = Document(SETTING.name, name, None)
        _note(memory, name, "reset", _once(by, place), now, (before[name], after[name]))
    memory.documents[SETTING.name] = left


def _values(memory: Memory, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting as JSON, with what is stored, but for what the environment says.

    Raises:
        InvalidInput: They are not allowed, or do not fit together.
    """
    try:
        return Settings.model_validate({**memory.outside.file, **stored}).model_dump(mode="json")
    except ValidationError as error:
        raise InvalidInput.of(error) from error


def variable(name: str) -> str:
    """The variable of the environment for a setting."""
    return PREFIX + name.upper()


def check_names(given: Mapping[str, Any]) -> None:
    """Checks that every name is that of a setting.

    Raises:
        InvalidInput: Some are not.
    """
    if unknown := sorted(set(given) - NAMES):
        errors = [FieldError(name[:100], "is not a setting") for name in unknown]
        names = ", ".join(error.field for error in errors)
        raise InvalidInput(f"not a setting: {names}; the settings are {', '.join(sorted(NAMES))}", errors)


def _not_masked(memory: Memory, values: Mapping[str, Any]) -> None:
    masked = sorted(set(values) & set(memory.outside.environment))
    if masked:
        errors = [FieldError(name, f"is set by {variable(name)} in the environment") for name in masked]
        raise WrongState("; ".join(f"{field}: {message}; change it there" for field, message in errors), errors)


def _repeated(memory: Memory, action: str, by: By) -> bool:
    token = by.idempotency_key
    if token is None or (found := memory.change(token)) is None:
        return False
    if (found.kind, found.action) != (SETTING.name, action):
        raise WrongState(f"idempotency key {token!r} was used before, to {found.action} {found.kind} {found.key!r}")
    return True


def _note(memory: Memory, name: str, action: str, by: By, now: float, values: tuple[Any, Any]) -> None:
    """Notes what a setting was, and is."""
    before, after = values
    documents.note(memory, SETTING.name, name, action, by, now, detail=written({"value": before}, {"value": after}))


def _once(by: By, place: int) -> By:
    """Who changes the settings; the key is kept once, with the first."""
    return by if place == 0 else by._replace(idempotency_key=None)
