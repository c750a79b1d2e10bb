"""How a context becomes the numbers that a contextual policy reads."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bandit.errors import FieldError, InvalidInput
from bandit.experiment import Experiment
from bandit.model import GREATEST
from policies.kernel import Array

_NUMBERS = frozenset({float, int})


class Features:
    """The declared features of an experiment, and a constant 1 before them for the intercept.

    Attributes:
        size: How many numbers an arm is judged by, the constant among them.
    """

    __slots__ = ("_declared", "_experiment", "_keys", "_shared", "_variants", "size")

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment.key
        self._keys = [variant.key for variant in experiment.variants]
        self._variants = frozenset(self._keys)
        self._declared = {
            feature.key: (
                -GREATEST if feature.lower is None else feature.lower,
                GREATEST if feature.upper is None else feature.upper,
            )
            for feature in experiment.features
        }
        policy = experiment.resolved_policy
        self._shared = policy.name if getattr(policy, "shared", False) else None
        self.size = len(self._declared) + 1

    def vector(self, context: Mapping[str, Any] | None, arms: Sequence[int]) -> Array:
        """The features of a decision: shape (size,) where they are the same for all arms, else (len(arms) * size,).

        Args:
            context: For each feature a number, or an object with a number for each variant.
            arms: Which may be drawn, so that the context must know them.

        Raises:
            InvalidInput: The context does not hold exactly the declared features; every wrong field is named.
        """
        context = context or {}
        if len(context) != len(self._declared):
            raise self._refused(context, arms)
        numbers = [1.0]
        if self._shared is None:
            for key, (lower, upper) in self._declared.items():
                value: Any = context.get(key)
                if type(value) not in _NUMBERS or not lower <= value <= upper:
                    break
                numbers.append(value)
            else:
                return np.array(numbers, np.float64)
        return self._matrix(context, arms).reshape(-1)

    def part(self, vector: Array, arms: Sequence[int], arm: int) -> Array:
        """The features of one arm, shape (size,), in what `vector` has made of a context for `arms`."""
        if len(vector) == self.size:
            return vector
        place = arms.index(arm) * self.size
        return vector[place : place + self.size]

    def of(self, context: Mapping[str, Any], arm: int) -> Array:
        """The features of one arm, shape (size,), in a context that `vector` has accepted."""
        key = self._keys[arm]
        values = (context[feature] for feature in self._declared)
        return np.array([1.0, *(value[key] if isinstance(value, dict) else value for value in values)], np.float64)

    def _matrix(self, context: Mapping[str, Any], arms: Sequence[int]) -> Array:
        """The features of every arm, shape (len(arms), size)."""
        keys = [self._keys[arm] for arm in arms]
        columns: list[list[Any]] = [[1.0] * len(keys)]
        differs = False
        for feature, (lower, upper) in self._declared.items():
            value = context.get(feature)
            if isinstance(value, dict) and value.keys() <= self._variants:
                column: list[Any] = [value.get(key) for key in keys]
                differs = True
            else:
                column = [value] * len(keys)
            if not _NUMBERS.issuperset(map(type, column)) or min(column) < lower or max(column) > upper:
                raise self._refused(context, arms)
            columns.append(column)
        if not differs:
            raise self._refused(context, arms)
        return np.array(columns, np.float64).T

    def _refused(self, context: Mapping[str, Any], arms: Sequence[int]) -> InvalidInput:
        wrong = list(self._errors(context, [self._keys[arm] for arm in arms]))
        return InvalidInput("; ".join(f"{field}: {message}" for field, message in wrong), wrong)

    def _errors(self, context: Mapping[str, Any], keys: Sequence[str]) -> Iterator[FieldError]:
        for feature in context:
            if feature not in self._declared:
                known = ", ".join(map(repr, self._declared))
                yield _wrong((feature,), f"is not a feature of {self._experiment!r}: {known}")
        for feature, bounds in self._declared.items():
            value = context.get(feature, _MISSING)
            if not isinstance(value, dict):
                if refusal := _refusal(value, *bounds):
                    yield _wrong((feature,), refusal)
                continue
            for variant in dict.fromkeys([*value, *keys]):
                if variant not in self._variants:
                    yield _wrong((feature, variant), f"is not a variant of {self._experiment!r}")
                elif refusal := _refusal(value.get(variant, _MISSING), *bounds):
                    yield _wrong((feature, variant), refusal)
        if self._shared is not None and not any(isinstance(value, dict) for value in context.values()):
            example = f'{{"{next(iter(self._declared))}": {{"{keys[0]}": 1, ...}}}}'
            yield FieldError(
                "context",
                f"{self._shared!r} has one model for all variants, which learns nothing about which is best from what "
                f"is the same for all; give at least one feature as an object with a number for each: {example}",
            )


_MISSING = object()


def _wrong(place: Sequence[str], message: str) -> FieldError:
    return FieldError(".".join(["context", *(part[:100] for part in place)]), message[:300])


def _refusal(value: object, lower: float, upper: float) -> str | None:
    """Why a value may not be that of a feature, or None if it may."""
    if value is _MISSING:
        return "is missing, must be a number"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return f"must be a number, given {value!r}"
    if lower <= value <= upper:
        return None
    if value < lower and lower > -GREATEST:
        return f"must be at least {lower:g}, given {value!r}"
    if value > upper and upper < GREATEST:
        return f"must be at most {upper:g}, given {value!r}"
    return f"must be within {GREATEST:g} of zero, given {value!r}"
