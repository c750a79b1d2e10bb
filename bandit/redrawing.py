"""An experiment's log in the form in which its arms can be drawn again."""

import json
import math

import numpy as np

from bandit.hindsight import earned
from bandit.learner import Objective
from bandit.rows import EpochRow
from bandit.running import Running
from bandit.statistics.comparison import Refused
from bandit.statistics.mechanism import Calendar, Indices, Mechanism
from bandit.statistics.rerandomisation import EQUAL, METHOD, Redrawable, Trials
from bandit.store import Reader
from policies.kernel import Array

INSTEAD = "aipw or wagers, which take the probabilities as they were"


def redrawable(reader: Reader, running: Running, place: int) -> Redrawable:
    """Reads what drawing an experiment's arms again needs, of one of its metrics.

    A reward is taken to have been known to the epochs that began when it was told or later. Where that is not how it
    was (several processes, corrections, a definition that changed, weights that were spaced out to spare the machine),
    the probabilities that follow differ from those that were logged, and the test refuses.

    Args:
        reader: Of one moment.
        running: The experiment.
        place: Of the metric.

    Raises:
        Refused: The policy learns from more than this metric, reads a context or forgets, or callers chose the eligible
            arms.
    """
    experiment = running.experiment
    metric = experiment.metrics[place]
    logged = reader.epochs(running.id)
    reasons = {
        "the log was removed": experiment.log != "kept",
        "the policy learns from other metrics": set(experiment.goals) != {metric.key},
        "the log does not have when missing rewards were taken for granted": metric.missing != "wait",
        "an alarm makes the policy forget": experiment.alarm is not None,
        "not every variant is served": len(running.full) != len(running.keys),
        "callers restricted the eligible variants": any(row.eligible for row in logged),
        "a variant came later": len({len(json.loads(row.weights)) for row in logged}) > 1,
        "nothing was drawn yet": not logged,
    }
    for reason, holds in reasons.items():
        if holds:
            raise Refused(METHOD, reason, INSTEAD)
    try:
        mechanism = Mechanism(
            experiment.resolved_policy, tuple(running.base), experiment.floor, experiment.reweight.holdout
        )
    except ValueError as error:
        raise Refused(METHOD, str(error), INSTEAD) from error
    objective = Objective(experiment)
    none, one = (objective.reward({place: value}) or 0.0 for value in (0.0, 1.0))
    scale = 1.0 / (one - none)
    return Redrawable(_trials(reader, running, place, logged), mechanism, -none * scale, scale)


def _trials(reader: Reader, running: Running, place: int, logged: list[EpochRow]) -> Trials:
    """The trials that have a value, in epochs that begin where the engine would have asked the policy again.

    The log has an epoch only where that changed the weights. Drawn otherwise, it might have changed them elsewhere.
    """
    told = dict(reader.told(running.id, place))
    rows: list[tuple[int, float, float, float]] = []
    drawn_from: list[list[float]] = []
    for trial in reader.trials(running.id):
        value, at = earned(running, trial).get(place), told.get(trial.head.id)
        known = (math.nan, math.inf) if value is None or at is None else (value, at)
        rows.append((trial.head.variant, trial.head.decided_at, *known))
        drawn_from.append(json.loads(trial.probabilities))
    if not rows:
        raise Refused(METHOD, "nothing was drawn yet", INSTEAD)
    arms, decided, values, told_at = np.array(rows).T
    epochs, began = _schedule(decided, np.sort(told_at), logged[0].started_at, running.every)
    kept = np.isfinite(told_at)
    sizes = np.bincount(epochs[kept], minlength=began.size)
    # An epoch cannot have known what its own trials earned.
    first_known = np.maximum(np.searchsorted(began, told_at[kept], side="left"), epochs[kept] + 1)
    first_of_each = np.searchsorted(epochs, np.arange(began.size))
    drawn = np.array(drawn_from)
    if (np.abs(drawn - drawn[first_of_each][epochs]) > EQUAL).any():
        raise Refused(METHOD, "weights moved where no reward that is known of can have moved them", INSTEAD)
    return Trials(
        arms[kept].astype(np.int64),
        values[kept],
        Calendar(np.cumsum(sizes), first_known.astype(np.int64)),
        drawn[first_of_each],
    )


def _schedule(decided: Array, told: Array, started: float, every: float) -> tuple[Indices, Array]:
    """The epoch of each decision, and when each began: at the first decision that could know more, `every` later."""
    epochs, began, weighed = np.zeros(decided.size, np.int64), [started], 0
    learnt = np.searchsorted(told, decided, side="right")
    for trial, now in enumerate(decided):
        if learnt[trial] != weighed and now - began[-1] >= every:
            began.append(now)
            weighed = int(learnt[trial])
        epochs[trial] = len(began) - 1
    return epochs, np.array(began)
