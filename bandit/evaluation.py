"""Evaluation of a flag, compiled once per change: what a unit is served, and why.

A flag that is off or out of its time gives its default. Else its prerequisites must hold, then an override of the unit
goes before the rules, the rules are asked by their priority, then an experiment decides if the flag has one, and in the
end there is the default.

Splits and percentages are hashes of the unit, salted by flag and rule (`bandit.assignment`): they need no store, a unit
always gets the same, and when they change only the units that must move do.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np

from bandit.assignment import Marks, marks_of, rendezvous, share
from bandit.conditions import Condition
from bandit.flag import Flag, FlagEnvironment, Rule
from bandit.matcher import Predicate
from policies.kernel import Array

Reason = Literal["STATIC", "DEFAULT", "TARGETING_MATCH", "SPLIT", "DISABLED", "ERROR"]
ErrorCode = Literal["FLAG_NOT_FOUND", "TARGETING_KEY_MISSING", "INVALID_CONTEXT", "PARSE_ERROR", "GENERAL"]
Attributes = Mapping[str, Any]
Metadata = Mapping[str, bool | str | float | int]


class Evaluation(NamedTuple):
    """What a flag gives, in the words of OpenFeature.

    `variant` is None where the value is the default that the caller gave. `value` and `metadata` may be shared by many
    evaluations: read them, do not change them.
    """

    key: str
    value: Any
    variant: str | None
    reason: Reason
    metadata: Metadata = MappingProxyType({})
    error_code: ErrorCode | None = None
    error_details: str | None = None


Serve = Callable[[Attributes, str | None, float], Evaluation | None]
"""Called with attributes, unit and the time; None where a rule is not for the unit."""

Find = Callable[[str], "CompiledFlag | None"]
"""Finds another flag of the same moment, by its key."""


def failed(key: str, code: ErrorCode, details: str) -> Evaluation:
    """The evaluation that could not be made."""
    return Evaluation(key, None, None, "ERROR", {}, code, details)


class CompiledFlag:
    """A flag in one environment, ready to be evaluated many times.

    Args:
        flag: The definition.
        environment: What is different where it is served.
        compile_condition: Makes a function of a rule's condition.
        on: Whether flags are on at all.
    """

    __slots__ = ("_end", "_off", "_overrides", "_prerequisites", "_rules", "_start", "_unscheduled", "default", "flag")

    def __init__(
        self,
        flag: Flag,
        environment: FlagEnvironment | None,
        compile_condition: Callable[[Condition], Predicate],
        *,
        on: bool,
    ) -> None:
        here = environment or FlagEnvironment()
        rules = flag.rules if here.rules is None else here.rules
        default = flag.default_variant if here.default_variant is None else here.default_variant
        enabled = flag.enabled if here.enabled is None else here.enabled
        self.flag = flag
        self._start, self._end = _span(flag.start_at, flag.end_at)
        if not on:
            enabled, self._start, self._end = False, -math.inf, math.inf
        why = "flags_off" if not on else "not_enabled" if not enabled else "not_scheduled"
        self._off = None if enabled else _evaluation(flag, default, "DISABLED", disabled=why)
        self._unscheduled = _evaluation(flag, default, "DISABLED", disabled="not_scheduled")
        self._prerequisites = [
            (needed.flag, needed.variant, _evaluation(flag, default, "DEFAULT", prerequisite=needed.flag))
            for needed in flag.prerequisites
        ]
        self._overrides = {
            unit: _evaluation(flag, variant, "TARGETING_MATCH", override=True)
            for unit, variant in flag.overrides.items()
        }
        self._rules = [
            _compiled(flag, rule, compile_condition) for rule in sorted(rules, key=lambda rule: rule.priority)
        ]
        plain = not (flag.prerequisites or flag.overrides or rules or flag.experiment or flag.start_at or flag.end_at)
        self.default = _evaluation(flag, default, "STATIC" if plain else "DEFAULT")

    def evaluate(
        self,
        attributes: Attributes,
        unit: str | None,
        now: float,
        find: Find,
        known: dict[str, str | None] | None = None,
    ) -> Evaluation | None:
        """What the unit is served, or None where the flag's experiment decides.

        Args:
            attributes: What conditions read.
            unit: Who is served.
            now: Seconds since 1970.
            find: Finds the prerequisites.
            known: What they serve, as far as that was asked before.
        """
        if self._off is not None:
            return self._off
        if not self._start <= now < self._end:
            return self._unscheduled
        if self._prerequisites:
            known = {} if known is None else known
            for key, variant, unmet in self._prerequisites:
                if key not in known:
                    other = find(key)
                    found = None if other is None else other.evaluate(attributes, unit, now, find, known)
                    known[key] = None if found is None or found.reason == "DISABLED" else found.variant
                if known[key] != variant:
                    return unmet
        if self._overrides and (override := self._overrides.get(unit or "")):
            return override
        for rule in self._rules:
            served = rule(attributes, unit, now)
            if served is not None:
                return served
        return None if self.flag.experiment is not None else self.default

    def decided(self, variant: str, metadata: Metadata) -> Evaluation:
        """What the variant of an experiment gives; the default, where the flag has no such variant."""
        if variant not in self.flag.variants:
            return self.default._replace(metadata={**metadata, "unknown_variant": variant})
        return Evaluation(self.flag.key, self.flag.variants[variant], variant, "SPLIT", metadata)


def _evaluation(flag: Flag, variant: str | None, reason: Reason, **metadata: str | bool) -> Evaluation:
    value = None if variant is None else flag.variants[variant]
    return Evaluation(flag.key, value, variant, reason, metadata)


def _compiled(flag: Flag, rule: Rule, compile_condition: Callable[[Condition], Predicate]) -> Serve:
    """A rule as a function."""
    salt = f"flag/{flag.salt}/{rule.name}"
    reason: Reason = "TARGETING_MATCH" if rule.split is None and rule.percentage == 100.0 else "SPLIT"
    served = [_evaluation(flag, variant, reason, rule=rule.name) for variant in rule.served]
    missing = failed(flag.key, "TARGETING_KEY_MISSING", f"rule {rule.name!r} of flag {flag.key!r} needs a unit")
    serve = _constant(served[0])
    if rule.split is not None:
        serve = _split(salt, marks_of(rule.split), np.array(list(rule.split.values())), served, missing)
    if rule.percentage < 100.0:
        serve = _part(f"{salt}/percentage", rule.percentage / 100.0, serve, missing)
    if rule.when is not None:
        serve = _where(compile_condition(rule.when), serve)
    if rule.start_at is not None or rule.end_at is not None:
        serve = _during(*_span(rule.start_at, rule.end_at), serve)
    return serve


def _constant(served: Evaluation) -> Serve:
    def serve(attributes: Attributes, unit: str | None, now: float) -> Evaluation:  # noqa: ARG001 - as every rule
        return served

    return serve


def _split(salt: str, marks: Marks, weights: Array, served: Sequence[Evaluation], missing: Evaluation) -> Serve:
    def serve(attributes: Attributes, unit: str | None, now: float) -> Evaluation:  # noqa: ARG001
        return missing if unit is None else served[rendezvous(salt, unit, marks, weights)]

    return serve


def _part(salt: str, part: float, behind: Serve, missing: Evaluation) -> Serve:
    def serve(attributes: Attributes, unit: str | None, now: float) -> Evaluation | None:
        if unit is None:
            return missing
        return behind(attributes, unit, now) if share(salt, unit) < part else None

    return serve


def _where(matches: Predicate, behind: Serve) -> Serve:
    def serve(attributes: Attributes, unit: str | None, now: float) -> Evaluation | None:
        return behind(attributes, unit, now) if matches(attributes, unit, now) else None

    return serve


def _during(start: float, end: float, behind: Serve) -> Serve:
    def serve(attributes: Attributes, unit: str | None, now: float) -> Evaluation | None:
        return behind(attributes, unit, now) if start <= now < end else None

    return serve


def _span(start: float | None, end: float | None) -> tuple[float, float]:
    return -math.inf if start is None else start, math.inf if end is None else end
