"""Experiments that end by themselves: whether a stopping rule is met, and what is then done about a winner."""

import logging
from typing import Any

from bandit.actor import Actor, By
from bandit.errors import WrongState
from bandit.experiment import StoredExperiment
from bandit.lifecycle import repeated, standing
from bandit.memory import Memory
from bandit.record import automated, note, tell
from bandit.results import Results, days, results
from bandit.rows import ExperimentRow, Standing
from bandit.running import Running, load
from bandit.stopping import RULES, Conclusion, Rule, Stopping
from bandit.store import Reader

NAME = "stopping"
EVERY, LATEST = 60.0, 3600.0
"""Seconds between two judgements; while nothing is learnt, they are an hour apart."""
BY = By(Actor("stopping"))

_log = logging.getLogger("multiarm.engine")


def review(memory: Memory, running: Running, now: float) -> float | None:
    """A duty: notes that it is an experiment's turn to be judged."""
    experiment = running.experiment
    stopping = experiment.stopping
    if stopping is None or experiment.conclusion is not None or experiment.status != "running":
        return None
    ends = (experiment.started_at or now) + (stopping.duration or float("inf"))
    learned, at = memory.reviewed.get(running.id, (-1, 0.0))
    if learned != running.learned or now >= ends or not 0.0 <= now - at < LATEST:
        memory.reviewed[running.id] = (running.learned, now)
        memory.reviews.add((experiment.key, NAME))
    return min(now + EVERY, ends) if ends > now else now + EVERY


def judged(reader: Reader, row: ExperimentRow, standing: Standing, now: float, *, analysis: bool) -> Conclusion | None:
    """What the first rule that is met has found; None where none is. Without analysis none has a winner."""
    experiment = load(row, standing).experiment
    stopping = experiment.stopping
    if stopping is None or experiment.conclusion is not None or experiment.started_at is None:
        return None
    found = results(reader, row, standing, 0.0, now, analysis=analysis)
    units = sum(variant.units for variant in found.variants)
    served = sum(variant.weight > 0.0 for variant in found.variants)
    trusted = found.verdict.decision != "not_trustworthy"
    gates = experiment.analysis
    enough = days(experiment, now) >= gates.minimum_days and units >= served * gates.minimum_units
    several = served > 1  # one that is left alone, as by a guardrail, is the best of nothing
    ready = analysis and trusted and several and enough
    for rule in RULES:
        met: tuple[str | None, str] | None = None
        if rule == "significance" and stopping.significance:
            met = _shown(experiment, found) if found.verdict.decision in ("ship", "harmful", "no_difference") else None
        elif rule == "units" and stopping.units is not None and units >= stopping.units:
            met = _at_the_end(experiment, found, f"{units:,} trials of {stopping.units:,}")
        elif rule == "duration" and stopping.duration is not None and now >= experiment.started_at + stopping.duration:
            met = _at_the_end(experiment, found, f"it has run for {stopping.duration:g} s")
        elif ready and rule in ("p_best", "expected_loss"):
            met = _believed(reader, row, standing, rule, stopping, found)
        if met is not None:
            return Conclusion(rule=rule, winner=met[0], reason=met[1], at=now)
    return None


def _shown(experiment: StoredExperiment, found: Results) -> tuple[str | None, str]:
    """The winner that the verdict names, and why; harm of all others makes the control one."""
    verdict = found.verdict
    winner = verdict.variant if verdict.decision == "ship" else None
    if verdict.decision == "harmful":
        winner = next((variant.key for variant in experiment.variants if variant.is_control), None)
    return winner, f"{verdict.decision}: {' '.join(verdict.reasons)}"[:10_000]


def _at_the_end(experiment: StoredExperiment, found: Results, why: str) -> tuple[str | None, str]:
    winner, reason = _shown(experiment, found)
    return winner, f"{why}; {reason}"[:10_000]


def _believed(
    reader: Reader, row: ExperimentRow, standing: Standing, rule: Rule, stopping: Stopping, found: Results
) -> tuple[str | None, str] | None:
    """The leader, where it is believed to be the best, or to lose little."""
    leader = max(found.variants, key=lambda variant: variant.p_best)
    if rule == "p_best":
        if stopping.p_best is None or leader.p_best < stopping.p_best:
            return None
        return leader.key, f"{leader.key} is the best with probability {leader.p_best:.4f}"
    if stopping.expected_loss is None:
        return None
    losses = _losses(reader, load(row, standing))
    known = [(loss, key) for key, loss in losses.items() if loss is not None]
    if not known or min(known)[0] > stopping.expected_loss:
        return None
    loss, key = min(known)
    return key, f"choosing {key} is expected to lose {loss:.4g}, at most {stopping.expected_loss:g} was asked for"


def _losses(reader: Reader, running: Running) -> dict[str, float | None]:
    """What each served variant is expected to lose against the best, in the primary metric's unit."""
    from bandit.evidence import Evidence
    from bandit.statistics import conjugate
    from bandit.statistics.comparison import Refused
    from bandit.statistics.ranking import expected_losses

    metric, evidence = running.experiment.primary, Evidence(reader, running)
    samples = [evidence.sample(arm, running.primary) for arm in running.full]
    family = conjugate.beta if metric.type == "conversion" else conjugate.normal
    try:
        losses = expected_losses([family(sample) for sample in samples], metric.goal)
    except Refused:
        return {}
    return dict(zip((running.keys[arm] for arm in running.full), losses, strict=True))


def conclude(memory: Memory, key: str, conclusion: Conclusion, now: float) -> None:
    """Records what a stopping rule has found and does what the experiment asks for, unless it was done already."""
    running = memory.experiment(key)
    experiment = running.experiment
    stopping = experiment.stopping
    if stopping is None or experiment.conclusion is not None or experiment.status != "running":
        return
    then = stopping.then if automated(memory) else "propose"
    update: dict[str, Any] = {"conclusion": conclusion}
    if then == "complete":
        update |= {"status": "completed", "ended_at": now, "stop_reason": conclusion.reason}
    fresh = memory.replace(running, experiment.model_copy(update=update))
    won = "no winner" if conclusion.winner is None else f"winner {conclusion.winner!r}"
    detail = f"{conclusion.rule}: {won}; {conclusion.reason}"
    note(memory, fresh, "conclude", detail, now, by=BY, before=experiment.status)
    tell(memory, fresh, "conclusion", "info", detail, conclusion, now)
    if then == "apply" and conclusion.winner is not None:
        _serve(memory, fresh, conclusion, now, BY)


def apply_winner(memory: Memory, key: str, by: By, now: float) -> StoredExperiment:
    """Gives all units to the winner that a stopping rule has found.

    Raises:
        NotFound: The experiment is unknown.
        WrongState: There is no winner, or it has all units, or is kept from being served, or nothing runs.
        Forbidden: The experiment belongs to somebody else.
    """
    if again := repeated(memory, by, "apply_winner", key):
        return again
    running = memory.experiment(key)
    experiment, conclusion = running.experiment, running.experiment.conclusion
    by.actor.check(experiment.owner)
    if experiment.status not in ("running", "paused"):
        raise WrongState(f"experiment {key!r} is {experiment.status}: it serves nothing more")
    if conclusion is None or conclusion.winner is None:
        raise WrongState(f"experiment {key!r} has no winner yet")
    if conclusion.applied_at is not None:
        raise WrongState(f"experiment {key!r} serves its winner {conclusion.winner!r} already")
    if running.base[running.arms[conclusion.winner]] <= 0.0:
        raise WrongState(f"experiment {key!r} does not serve {conclusion.winner!r}; clear the guardrail that tripped")
    return standing(_serve(memory, running, conclusion, now, by))


def _serve(memory: Memory, running: Running, conclusion: Conclusion, now: float, by: By) -> Running:
    experiment = running.experiment
    weights = [
        variant.model_copy(update={"weight": float(variant.key == conclusion.winner)})
        for variant in experiment.variants
    ]
    done = conclusion.model_copy(update={"applied_at": now})
    fresh = memory.replace(running, experiment.model_copy(update={"variants": weights, "conclusion": done}))
    memory.begin_epoch(fresh, now, anew=True)
    note(memory, fresh, "apply_winner", f"all units to {conclusion.winner!r}", now, by=by)
    return fresh
