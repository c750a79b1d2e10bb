"""What an experiment asks of a unit before it decides, compiled once for every change of the experiment.

Every share of units has a salt of its own, so that they are independent: `holdout` for the global holdout, `layer/` and
the layer's key for a layer, the experiment's salt and `/traffic` for its traffic.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bandit.assignment import share
from bandit.matcher import Predicate, compiled

if TYPE_CHECKING:
    from bandit.cohort import Cohort
    from bandit.experiment import StoredExperiment
    from bandit.rows import DecisionRow

HOLDOUT = "holdout"


class Gate:
    """The gate of one experiment that has one."""

    __slots__ = (
        "_cohorts",
        "_experiment",
        "_segments",
        "_sticky_for",
        "_targeting",
        "conditional",
        "forced",
        "segmented",
        "shadow",
        "turns",
    )

    def __init__(self, experiment: "StoredExperiment") -> None:
        self._experiment = experiment
        self.forced = experiment.forced
        self.shadow = experiment.type == "shadow"
        self.segmented = bool(experiment.segments)
        self._sticky_for = experiment.sticky_for
        self.turns = experiment.assignment == "round_robin"
        self.conditional = experiment.targeting is not None or bool(experiment.segments)
        self._cohorts: Mapping[str, Cohort] | None = None
        self._targeting: Predicate | None = None
        self._segments: list[Predicate] = []

    def refusal(
        self, unit: str | None, attributes: Mapping[str, Any], cohorts: Mapping[str, "Cohort"], now: float
    ) -> str | None:
        """Why a unit takes no part, or None where it does; what asks for a unit is not passed without one."""
        experiment = self._experiment
        if experiment.targeting is not None:
            self._compile(cohorts)
            if self._targeting is None or not self._targeting(attributes, unit, now):
                return "not_targeted"
        if (layer := experiment.layer) is not None and (
            unit is None or not layer.lower <= share(f"layer/{layer.key}", unit) < layer.upper
        ):
            return "not_in_layer"
        traffic = self.traffic(now)
        if traffic < 1.0 and (unit is None or share(f"{experiment.salt}/traffic", unit) >= traffic):
            return "not_in_traffic"
        return None

    def traffic(self, now: float) -> float:
        """The share of units that take part at a time: it grows in a straight line from the start of a ramp."""
        experiment = self._experiment
        whole = experiment.traffic / 100.0
        if experiment.ramp is None or experiment.started_at is None:
            return whole
        return whole * min(1.0, max(0.0, (now - experiment.started_at) / experiment.ramp))

    def unexpired(self, seat: "DecisionRow | None", now: float) -> "DecisionRow | None":
        """The decision by which a unit has its variant, unless it has been so for longer than it keeps one."""
        expired = seat is not None and self._sticky_for is not None and now >= seat.decided_at + self._sticky_for
        return None if expired else seat

    def segment(
        self, unit: str | None, attributes: Mapping[str, Any], cohorts: Mapping[str, "Cohort"], now: float
    ) -> int | None:
        """The place of the first segment whose condition is true of a unit; None where it is in none."""
        self._compile(cohorts)
        matching = (place for place, belongs in enumerate(self._segments) if belongs(attributes, unit, now))
        return next(matching, None)

    def _compile(self, cohorts: Mapping[str, "Cohort"]) -> None:
        """Compiles the conditions, where that was not done since the cohorts last changed."""
        if self._cohorts is cohorts:
            return
        experiment = self._experiment
        self._targeting = None if experiment.targeting is None else compiled(experiment.targeting, cohorts)
        self._segments = [compiled(segment.when, cohorts) for segment in experiment.segments]
        self._cohorts = cohorts


def gate_of(experiment: "StoredExperiment") -> Gate | None:
    """The gate of an experiment, or None where every unit takes part and is assigned in the ordinary way."""
    asks = (
        experiment.targeting,
        experiment.layer,
        experiment.traffic < 100.0,
        experiment.ramp,
        experiment.forced,
        experiment.segments,
        experiment.sticky_for,
        experiment.assignment == "round_robin",
        experiment.type == "shadow",
    )
    return Gate(experiment) if any(asks) else None


def held_out(unit: str | None, holdout: float) -> bool:
    """Whether a unit is kept out of every experiment; without a unit there is none to keep out."""
    return unit is not None and share(HOLDOUT, unit) < holdout


def of_segment(place: int, arms: list[int]) -> str:
    """The text by which the log names what a segment's units are drawn from."""
    return json.dumps({"segment": place, "arms": arms}, separators=(",", ":"))
