"""How the guardrails of an experiment and the rollout of a canary are doing, read from a snapshot."""

from functools import partial

from bandit.checking import all_found, described
from bandit.criterion import CheckResult, Checks, Guardrail
from bandit.errors import WrongState
from bandit.rollout import Health, RolloutReport, RolloutState
from bandit.running import Running
from bandit.store import Reader


def guardrails(reader: Reader, running: Running, now: float) -> Checks:
    """Every guardrail held against the data of every variant that it watches.

    Args:
        reader: Of one moment.
        running: The experiment, with nothing read of it but its definition.
        now: Seconds since 1970.
    """
    watched, _ = _results(reader, running, now)
    return Checks(results=watched, trips=running.experiment.trips)


def report(reader: Reader, running: Running, now: float) -> RolloutReport:
    """Where a rollout is, how it is doing, and what to do.

    Args: As `guardrails`.

    Raises:
        WrongState: It is no canary, or has not started.
    """
    experiment, state = running.experiment, running.experiment.rollout_state
    if state is None:
        why = f"it is of type {experiment.type!r}" if experiment.rollout is None else f"it is {experiment.status}"
        raise WrongState(f"experiment {experiment.key!r} has no rollout: {why}")
    watched, criteria = _results(reader, running, now)
    health = _health(running, state, [*watched, *criteria])
    return RolloutReport(
        experiment=experiment.key,
        status=state.status,
        health=health,
        step=state.step,
        steps=state.steps,
        share=state.share,
        since=state.since,
        dwell=state.dwell,
        remaining=min(max(0.0, state.since + state.dwell - now), state.dwell) if state.under_way else 0.0,
        criteria=criteria,
        recommendations=_recommendations(running, state, criteria, health, now),
        history=state.history,
    )


def _results(reader: Reader, running: Running, now: float) -> tuple[list[CheckResult], list[CheckResult]]:
    """Of the guardrails, and of the criteria of the rollout's step."""
    guards = running.guards
    if guards is None:
        return [], []
    guards.load(partial(reader.sums_since, running.id))
    watched: list[CheckResult] = []
    criteria: list[CheckResult] = []
    for found in all_found(guards, reader, running, now):
        where = watched if isinstance(found.check.criterion, Guardrail) else criteria
        where.append(described(found, running.keys))
    return watched, criteria


def _health(running: Running, state: RolloutState, results: list[CheckResult]) -> Health:
    if state.status == "rolled_back" or running.experiment.trips or any(one.outcome == "trips" for one in results):
        return "critical"
    if any(_beyond(one) for one in results):
        return "degraded"
    if not results or any(one.outcome == "inconclusive" and one.value is None for one in results):
        return "unknown"
    return "healthy"


def _beyond(result: CheckResult) -> bool:
    """Whether the estimate is on the wrong side of the limit, known or not."""
    if result.value is None or result.outcome == "passes":
        return False
    return result.value >= result.limit if result.must_be == "below" else result.value <= result.limit


def _recommendations(
    running: Running, state: RolloutState, criteria: list[CheckResult], health: Health, now: float
) -> list[str]:
    """What to do, the most urgent first."""
    said = [
        f"Guardrail {trip.criterion!r} has tripped: find out why, then clear_trip." for trip in running.experiment.trips
    ]
    if state.status == "rolled_back":
        reason = next((event.reason for event in reversed(state.history) if event.action == "roll_back"), "")
        return [
            *said,
            f"The control serves all units ({reason or 'no reason given'}). To try again, clone the experiment.",
        ]
    if state.status == "promoted":
        return [*said, "The candidate serves all units: complete the experiment, and make it the next control."]
    if health == "critical":
        said.append("A criterion fails: roll_back, where that has not happened by itself.")
    elif health == "degraded":
        said += [f"{one.criterion}: {one.reason}. Look into it before going on." for one in criteria if _beyond(one)]
    lacking = [one for one in criteria if one.outcome == "inconclusive" and not _beyond(one)]
    said += [f"{one.criterion} holds this step: {one.reason}." for one in lacking]
    if running.experiment.status != "running":
        said.append(f"The experiment is {running.experiment.status}: nothing goes on until it is resumed.")
    elif state.status == "waiting":
        said.append("The step is over and every criterion passes: promote.")
    elif state.status == "held":
        said.append("It was held: proceed, promote or roll_back.")
    elif now < state.since + state.dwell:
        said.append(f"Wait: the step dwells for another {state.since + state.dwell - now:.0f} s.")
    return said
