"""All flags of an engine, evaluated: from memory, as they are at the moment of the call, in whatever process."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from pydantic import ValidationError

from bandit.cohort import Cohort
from bandit.conditions import Condition
from bandit.decision import ChooseRequest, Decision
from bandit.documents import all_of
from bandit.eligibility import MOST_UNIT
from bandit.errors import InvalidInput, MultiarmError, NotFound, WrongState
from bandit.evaluation import Attributes, CompiledFlag, Evaluation, Metadata, failed
from bandit.flag import Flag
from bandit.flag_decisions import NeedsUnit, decide, foresee
from bandit.matcher import Predicate, compiled
from bandit.memory import Memory
from bandit.model import as_json
from bandit.prerequisites import COHORT, FLAG
from bandit.settings import current

NOTHING: Attributes = {}


class Definitions(NamedTuple):
    """What evaluation follows from; each mapping stays as it is, a later one may differ."""

    flags: Mapping[str, Flag]
    cohorts: Mapping[str, Cohort]
    environment: str
    on: bool


def definitions(memory: Memory, now: float) -> Definitions:  # noqa: ARG001 - every operation has the time
    """The definitions as they are now."""
    settings = current(memory)
    return Definitions(
        all_of(memory, FLAG), all_of(memory, COHORT), settings.environment, settings.enable_feature_flags
    )


class Moment:
    """All flags as they are for a while; each is compiled when it is first asked for.

    Args:
        defined: What they are.
        revision: Of the store when it was read, or before.
        former: The moment before this one, whose compiled flags are kept where nothing changed.
    """

    __slots__ = ("_all", "_predicates", "compiled", "defined", "revision")

    def __init__(self, defined: Definitions, revision: int, former: "Moment | None") -> None:
        self.defined = defined
        self.revision = revision
        self._all: list[CompiledFlag] | None = None
        self.compiled: dict[str, CompiledFlag] = {}
        self._predicates: dict[str, Predicate] = {}
        if former is not None and former.defined[1:] == defined[1:]:
            self.compiled = {
                key: flag for key, flag in former.compiled.copy().items() if defined.flags.get(key) is flag.flag
            }

    def all(self) -> Sequence[CompiledFlag]:
        """All flags, by key."""
        if self._all is None:
            found = map(self.find, sorted(self.defined.flags))
            self._all = [flag for flag in found if flag is not None]
        return self._all

    def find(self, key: str) -> CompiledFlag | None:
        """A flag by its key."""
        return self.compiled.get(key) or self._compile(key)

    def _compile(self, key: str) -> CompiledFlag | None:
        flag = self.defined.flags.get(key)
        if flag is None:
            return None
        here = flag.environments.get(self.defined.environment)
        made = self.compiled[key] = CompiledFlag(flag, here, self._matches, on=self.defined.on)
        return made

    def _matches(self, condition: Condition) -> Predicate:
        """A condition as a function, which flags with the same condition share: what is used often is at hand."""
        text = condition.model_dump_json()
        if text not in self._predicates:
            self._predicates[text] = compiled(condition, self.defined.cohorts)
        return self._predicates[text]


class Held:
    """Counts changes of what is in memory, where that is the truth because an engine is alone with its store.

    The mappings of documents never change; where one of them is another, something was changed.
    """

    def __init__(self, memory: Memory) -> None:
        definitions(memory, 0.0)  # what is read later is no change
        self._memory = memory
        self._number = 0
        self._seen: tuple[object, object, object] = (None, None, None)

    def __call__(self) -> int:
        """How many changes there were, or more: another number than before, if anything is different."""
        documents, seen = self._memory.documents, self._seen
        flags, cohorts, settings = documents.get("flag"), documents.get("cohort"), documents.get("setting")
        if flags is not seen[0] or cohorts is not seen[1] or settings is not seen[2]:
            self._number += 1  # first, for a thread that sees the rest must also see this
            self._seen = (flags, cohorts, settings)
        return self._number


class Run(Protocol):
    """Runs an operation, as a journal does."""

    def __call__(self, function: Callable[..., Any], *arguments: object) -> Any:
        """Returns what the operation does."""


class Flags:
    """Evaluates flags, for as many threads as want it.

    Args:
        run: Runs an operation, for what is not known from memory: changes, and decisions of experiments.
        revision: Gives another number where somebody may have changed the definitions; asked for every evaluation.
        clock: Seconds since 1970.
    """

    def __init__(self, run: Run, revision: Callable[[], int], clock: Callable[[], float]) -> None:
        self._run = run
        self._revision = revision
        self._clock = clock
        self._moment: Moment | None = None

    def evaluate(
        self,
        key: str,
        unit: str | None,
        attributes: Attributes | None,
        default: Any,
        defer: bool | None = None,
        token: str | None = None,
    ) -> Evaluation:
        """See `Engine.evaluate`."""
        moment, revision = self._moment, self._revision()
        if moment is None or moment.revision != revision:
            moment = self._renew(revision)
        flag = moment.compiled.get(key) or moment.find(key)
        if flag is None:
            return failed(key, "FLAG_NOT_FOUND", f"flag {key[:100]!r} is unknown")._replace(value=default)
        plain = (unit is None or (type(unit) is str and 0 < len(unit) <= MOST_UNIT and unit.isascii())) and (
            attributes is None or type(attributes) is dict
        )
        if not plain and (refusal := _refusal(unit, attributes)):
            return failed(key, "INVALID_CONTEXT", refusal)._replace(value=default)
        served = flag.evaluate(attributes or NOTHING, unit, self._clock(), moment.find)
        if served is None:
            wait = flag.flag.defer if defer is None else defer
            served = self._decide(flag, unit, attributes, {"defer": wait, "idempotency_key": token})
        return served if served.variant is not None else served._replace(value=default)

    def evaluate_all(self, unit: str | None, attributes: Attributes | None) -> list[Evaluation]:
        """See `Engine.evaluate_all`."""
        if refusal := _refusal(unit, attributes):
            raise InvalidInput(refusal)
        moment, now = self._renew(self._revision()), self._clock()
        given, served, asked = attributes or NOTHING, list[Evaluation](), list[tuple[int, CompiledFlag]]()
        for flag in moment.all():
            found = flag.evaluate(given, unit, now, moment.find)
            if found is None:
                asked.append((len(served), flag))
                found = flag.default
            served.append(found)
        if asked:
            foreseen = self._foresee([flag for _, flag in asked], unit, attributes)
            for (place, _), found in zip(asked, foreseen, strict=True):
                served[place] = found
        return served

    def _renew(self, revision: int) -> Moment:
        """The moment of a revision; where meanwhile there is a later one, that is read, and once more the next time."""
        moment = self._moment
        if moment is None or moment.revision != revision:
            moment = self._moment = Moment(self._run(definitions), revision, moment)
        return moment

    def _decide(
        self, flag: CompiledFlag, unit: str | None, attributes: Attributes | None, more: Mapping[str, Any]
    ) -> Evaluation:
        try:
            request = _request(flag, unit, attributes, more)
            return _decided(flag, self._run(decide, request), {"deferred": True} if request.defer else {})
        except MultiarmError as error:
            return _undecided(flag, error)

    def _foresee(
        self, flags: Sequence[CompiledFlag], unit: str | None, attributes: Attributes | None
    ) -> list[Evaluation]:
        """What flags that experiments decide would give, none of it counted."""
        try:
            requests = [_request(flag, unit, attributes, {"defer": True}) for flag in flags]
        except MultiarmError as error:
            return [_undecided(flag, error) for flag in flags]
        foreseen = self._run(foresee, requests)
        return [
            _undecided(flag, found)
            if isinstance(found, MultiarmError)
            else _decided(flag, found, {"current_epoch": epoch})
            for flag, (found, epoch) in zip(flags, foreseen, strict=True)
        ]


def _refusal(unit: object, attributes: object) -> str | None:
    """Why unit and attributes may not be those of an evaluation, or None if they may."""
    if unit is not None and not (isinstance(unit, str) and 0 < len(unit) <= MOST_UNIT):
        return f"unit: must be a text of 1 to {MOST_UNIT} characters, given {unit!r}"[:200]
    if isinstance(unit, str) and not unit.isascii() and any("\ud800" <= letter <= "\udfff" for letter in unit):
        return f"unit: must be a text, given {unit!r}, which has half a character"[:200]
    if attributes is not None and not isinstance(attributes, (dict, Mapping)):
        return f"attributes: must be a mapping, given {attributes!r}"[:200]
    return None


def _request(
    flag: CompiledFlag, unit: str | None, attributes: Attributes | None, more: Mapping[str, Any]
) -> ChooseRequest:
    given: dict[str, Any] = {"experiment": flag.flag.experiment, "unit": unit, **more}
    if attributes:
        given["attributes"] = as_json(attributes)
    try:
        return ChooseRequest.model_validate(given)
    except ValidationError as error:
        raise InvalidInput.of(error) from error


def _decided(flag: CompiledFlag, decision: Decision, more: Metadata) -> Evaluation:
    """The evaluation that follows from a decision; the default, where the unit is not one of the experiment."""
    told: Metadata = {"experiment": decision.experiment, "decision_reason": decision.reason}
    if not decision.id:
        return flag.default._replace(metadata={**told, **more})
    drawn: Metadata = {"decision_id": decision.id, "propensity": decision.propensity, "epoch": decision.epoch}
    return flag.decided(decision.variant, {**told, **drawn, **more})


def _undecided(flag: CompiledFlag, error: MultiarmError) -> Evaluation:
    """The evaluation where there is no decision.

    Raises:
        MultiarmError: It could have been made, but not be kept.
    """
    key = flag.flag.key
    if isinstance(error, NeedsUnit):
        return failed(key, "TARGETING_KEY_MISSING", f"flag {key!r}: {error.detail}")
    if isinstance(error, InvalidInput):
        return failed(key, "INVALID_CONTEXT", f"flag {key!r}: {error.detail}")
    if isinstance(error, (WrongState, NotFound)):
        return flag.default._replace(metadata={"experiment": str(flag.flag.experiment), "undecided": error.detail})
    raise error
