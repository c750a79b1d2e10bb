"""Conditions as functions: compiled once for every change, then a few comparisons for each decision.

A condition compiles to a predicate of when it is true, and its negation to one of when it is false: `not` swaps the
two, and over it `all` and `any` change places (De Morgan). What is unknown satisfies neither, which is Kleene's logic
at the price of Boolean.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from bandit import calendar
from bandit.assignment import share
from bandit.conditions import TIMES, Condition
from bandit.expressions import finder
from bandit.versions import precedence

if TYPE_CHECKING:
    from bandit.cohort import Cohort

Predicate = Callable[[Mapping[str, Any], str | None, float], bool]
Test = Callable[[Any], bool | None]

# An operator of comparison is false exactly where another is true; on a number that is none, neither is.
_OPPOSITES = {
    "equals": "not_equals",
    "greater": "less_or_equal",
    "less": "greater_or_equal",
    "in": "not_in",
    "between": "outside",
}
_OPPOSITES |= {after: before for before, after in _OPPOSITES.items()}

# By operator: the test of what is given against a value.
_TESTS: Mapping[str, Callable[[Any], Test]] = {
    "equals": lambda value: lambda given: given == value,
    "not_equals": lambda value: lambda given: given < value or given > value,
    "greater": lambda value: lambda given: given > value,
    "greater_or_equal": lambda value: lambda given: given >= value,
    "less": lambda value: lambda given: given < value,
    "less_or_equal": lambda value: lambda given: given <= value,
    "between": lambda ends: lambda given: ends[0] <= given <= ends[1],
    "outside": lambda ends: lambda given: given < ends[0] or given > ends[1],
    "in": lambda values: frozenset(values).__contains__,
    "not_in": lambda values: _not(frozenset(values).__contains__),
    "starts_with": lambda value: lambda given: given.startswith(value),
    "ends_with": lambda value: lambda given: given.endswith(value),
    "matches": finder,
}


def compiled(condition: Condition, cohorts: Mapping[str, "Cohort"]) -> Predicate:
    """A predicate `(attributes, unit, now)`, true only where the condition is: what is unknown is no match.

    Args:
        condition: What must be true.
        cohorts: The cohorts there are, by key; whether a unit is in one that is not there is unknown.
    """
    return _compile(condition, cohorts, wanted=True)


def _compile(condition: Condition, cohorts: Mapping[str, "Cohort"], *, wanted: bool) -> Predicate:
    """A predicate that is true where the condition is known to be as `wanted`."""
    if condition.negated is not None:
        return _compile(condition.negated, cohorts, wanted=not wanted)
    if condition.operator is None:
        parts = tuple(_compile(part, cohorts, wanted=wanted) for part in condition.parts)
        return _every(parts) if (condition.all is not None) == wanted else _some(parts)
    operator = condition.operator
    if operator == "exists":
        return _presence(condition, wanted=condition.value is wanted)
    if operator in TIMES:
        return _time(condition, wanted=wanted)
    if operator == "percentage":
        return _percentage(condition, wanted=wanted)
    if operator == "in_cohort":
        return _membership(condition, cohorts, wanted=wanted)
    if operator == "contains":
        return _contents(condition, wanted=wanted)
    return _attribute(condition, operator, wanted=wanted)


def _every(parts: tuple[Predicate, ...]) -> Predicate:
    def every(attributes: Mapping[str, Any], unit: str | None, now: float) -> bool:
        for part in parts:  # noqa: SIM110 - half the cost of `all` of a generator
            if not part(attributes, unit, now):
                return False
        return True

    return every


def _some(parts: tuple[Predicate, ...]) -> Predicate:
    def some(attributes: Mapping[str, Any], unit: str | None, now: float) -> bool:
        for part in parts:  # noqa: SIM110 - see above
            if part(attributes, unit, now):
                return True
        return False

    return some


def _not(test: Test) -> Test:
    """A test that is true where another is false, and not where that knows nothing."""
    return lambda given: test(given) is False


def _attribute(condition: Condition, operator: str, *, wanted: bool) -> Predicate:
    """A predicate on an attribute of the type that the operator and its value ask for."""
    name, value = str(condition.attribute), condition.value
    if operator.startswith("version_"):
        operator = operator.removeprefix("version_")
        return _version(name, _TESTS[operator if wanted else _OPPOSITES[operator]](precedence(str(value))))
    if wanted:
        test = _TESTS[operator](value)
    elif operator in _OPPOSITES:
        test = _TESTS[_OPPOSITES[operator]](value)
    else:
        test = _not(_TESTS[operator](value))
    sample = value[0] if isinstance(value, list) else value
    if isinstance(sample, str):
        return _text(name, test)
    return _boolean(name, test) if isinstance(sample, bool) else _number(name, test)


def _text(name: str, test: Test) -> Predicate:
    def predicate(attributes: Mapping[str, Any], _unit: str | None, _now: float) -> bool:
        given = attributes.get(name)
        return isinstance(given, str) and test(given) is True

    return predicate


def _number(name: str, test: Test) -> Predicate:
    def predicate(attributes: Mapping[str, Any], _unit: str | None, _now: float) -> bool:
        given = attributes.get(name)
        kind = type(given)
        return (kind is int or kind is float) and test(given) is True

    return predicate


def _boolean(name: str, test: Test) -> Predicate:
    def predicate(attributes: Mapping[str, Any], _unit: str | None, _now: float) -> bool:
        given = attributes.get(name)
        return isinstance(given, bool) and test(given) is True

    return predicate


def _version(name: str, test: Test) -> Predicate:
    def predicate(attributes: Mapping[str, Any], _unit: str | None, _now: float) -> bool:
        given = attributes.get(name)
        version = precedence(given) if isinstance(given, str) else None
        return version is not None and test(version) is True

    return predicate


def _contents(condition: Condition, *, wanted: bool) -> Predicate:
    """Whether a text contains a text, or a list an element of the same type."""
    name, value = str(condition.attribute), condition.value
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    types = (int, float) if number else (type(value),)

    def predicate(attributes: Mapping[str, Any], _unit: str | None, _now: float) -> bool:
        given = attributes.get(name)
        if isinstance(given, list):
            return any(type(element) in types and element == value for element in given) is wanted
        return isinstance(given, str) and isinstance(value, str) and (value in given) is wanted

    return predicate


def _presence(condition: Condition, *, wanted: bool) -> Predicate:
    name = str(condition.attribute)
    return lambda attributes, _unit, _now: (attributes.get(name) is not None) is wanted


def _time(condition: Condition, *, wanted: bool) -> Predicate:
    """A predicate on the present, or on an attribute that tells a time."""
    name, here, test = condition.attribute, condition.zone, _time_test(condition)

    def predicate(attributes: Mapping[str, Any], _unit: str | None, now: float) -> bool:
        time = calendar.moment(now if name is None else attributes.get(name), here)
        return time is not None and test(time) is wanted

    return predicate


def _time_test(condition: Condition) -> Test:
    operator, value = condition.operator, condition.value
    if operator == "weekday" and isinstance(value, list):
        days = frozenset(map(calendar.WEEKDAYS.index, map(str, value)))
        return lambda time: time.weekday() in days
    if operator == "time_of_day" and isinstance(value, list):
        start, end = (calendar.minute(str(text)) or 0 for text in value)
        if start < end:
            return lambda time: start <= 60 * time.hour + time.minute < end
        return lambda time: not end <= 60 * time.hour + time.minute < start
    bound = calendar.moment(value, condition.zone)
    return (lambda time: time < bound) if operator == "before" else lambda time: time > bound


def _percentage(condition: Condition, *, wanted: bool) -> Predicate:
    """Whether a unit's share, by the condition's salt, is within the percentage."""
    name, salt = condition.attribute, str(condition.salt)
    part = float(str(condition.value)) / 100.0

    def predicate(attributes: Mapping[str, Any], unit: str | None, _now: float) -> bool:
        whom = unit if name is None else attributes.get(name)
        try:
            return isinstance(whom, str) and (share(salt, whom) < part) is wanted
        except UnicodeEncodeError:  # half of a surrogate pair, which is no text
            return False

    return predicate


def _membership(condition: Condition, cohorts: Mapping[str, "Cohort"], *, wanted: bool) -> Predicate:
    """Whether a unit is listed in a cohort, or its condition true."""
    cohort = cohorts.get(str(condition.value))
    if cohort is None:
        return lambda _attributes, _unit, _now: False
    name, units = condition.attribute, frozenset(cohort.units)
    like = None if cohort.condition is None else _compile(cohort.condition, {}, wanted=wanted)

    def predicate(attributes: Mapping[str, Any], unit: str | None, now: float) -> bool:
        whom = unit if name is None else attributes.get(name)
        if not isinstance(whom, str):
            if name is not None:
                return False
            whom = None
        listed = whom in units if whom is not None or not units else None
        if wanted:
            return listed is True or (like is not None and like(attributes, whom, now))
        return listed is False and (like is None or like(attributes, whom, now))

    return predicate
