"""What every verb of an engine needs: the journal that runs it, and the store that it reads."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from bandit import keys, settings
from bandit.actor import By, current
from bandit.configuration import Configuration
from bandit.decision import IdempotencyKey
from bandit.errors import InvalidInput, NotFound, WrongState
from bandit.journal import Clock, Journal, Then
from bandit.memory import Memory
from bandit.results import SWITCHED_OFF
from bandit.rows import ExperimentRow, Standing
from bandit.running import Running, load
from bandit.sqlite import SQLiteStore
from bandit.store import Reader

Managed = TypeVar("Managed")
Valid = TypeVar("Valid")


class Run(Protocol):
    """Runs an operation with its arguments, and gives what that gives."""

    def __call__(self, function: Callable[..., Managed], *arguments: object) -> Managed:
        """See `Journal.run`."""


_token = TypeAdapter(IdempotencyKey | None).validate_python


class Operating:
    """An engine, as its verbs see it."""

    _store: SQLiteStore
    _memory: Memory
    _clock: Clock
    _journal: Journal
    settings: Configuration

    def manage(self, function: Callable[..., Managed], *arguments: object) -> Managed:
        """Runs an operation that people ask for, the last of whose arguments is an idempotency key.

        The operation is called with who asks, and the key, in its place. When this returns, what it did is kept.
        """
        by = By(current(), valid(_token, arguments[-1]))
        done = self._run(function, *arguments[:-1], by)
        self._journal.flush()
        return done

    @property
    def _run(self) -> Run:
        """What runs an operation, if whoever asks may still ask."""
        actor = current()
        if actor.key is None:
            return self._journal.run
        return partial(self._journal.run, keys.checked, actor)

    def _post(self, then: Then, function: Callable[..., Any], *arguments: object) -> None:
        """`_run` for who does not wait: `then` is called when it is done, be it in another thread."""
        self._journal.post(then, keys.checked, current(), function, *arguments)

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """A reader that sees one moment."""
        with self._journal.reading(), self._store.snapshot() as reader:
            yield reader

    @contextmanager
    def _settled(self) -> Iterator[Reader]:
        """As `reading`, of a moment when all that was done until now is in the store."""
        self._journal.settle()
        with self.reading() as reader:
            yield reader

    @contextmanager
    def _of(self, key: str) -> Iterator[tuple[Reader, Running]]:
        """As `_settled`, with an experiment."""
        with self._settled() as reader:
            yield reader, load(*find(reader, key))

    @contextmanager
    def _logged(self, key: str) -> Iterator[tuple[Reader, Running]]:
        """As `_of`, for what the log tells: it must be there, and statistics be on."""
        with self._of(key) as (reader, running):
            self._check_analysis(reader)
            running.experiment.check_log()
            yield reader, running

    def _check_analysis(self, reader: Reader) -> None:
        if not settings.read(reader, self._memory.outside).enable_statistical_analysis:
            raise WrongState(SWITCHED_OFF)


def find(reader: Reader, key: str) -> tuple[ExperimentRow, Standing]:
    """An experiment, as it is stored.

    Raises:
        NotFound: It is unknown.
    """
    found = reader.experiment(key)
    if found is None:
        raise NotFound(f"experiment {key[:100]!r} is unknown")
    return found


def valid(validate: Callable[[Any], Valid], given: object) -> Valid:
    """What was given, as a model or a type makes it.

    Raises:
        InvalidInput: It is not allowed.
    """
    try:
        return validate(given)
    except ValidationError as error:
        raise InvalidInput.of(error) from error
