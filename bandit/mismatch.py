"""A split that is not the one that was drawn: looked for on a timer, and told once.

The test holds however often one looks: while every unit reaches the variant that was drawn for it, the probability that
an experiment is ever said to lose some is at most `sample_ratio.THRESHOLD`. What is told stays so: a split that comes
right later does not give back the units that were lost. The line in the audit log and the alert are one transaction.
"""

from bandit.actor import Actor, By
from bandit.memory import Memory
from bandit.record import note, tell
from bandit.results import FindingResult
from bandit.rows import ExperimentRow, Standing
from bandit.running import Running, load
from bandit.store import Reader

NAME = "split"
PART, SOONEST, LATEST = 20.0, 60.0, 3600.0
"""Looks are a part of the experiment's age apart, within these seconds, so that their number stays small."""
GOLDEN = 0.6180339887
"""Multiples of it, modulo 1, lie as evenly as can be."""


def review(memory: Memory, running: Running, now: float) -> float | None:
    """A duty: notes that it is time to look at an experiment; once more when it is over."""
    experiment = running.experiment
    if experiment.started_at is None or experiment.status == "archived" or _token(running) in running.noted:
        return None
    ended = experiment.ended_at
    wait = min(max((now - experiment.started_at) / PART, SOONEST), LATEST)
    last = memory.looked.get(running.id)
    if last is None and ended is None and wait > SOONEST:  # those of a store that was just opened take their turns
        last = memory.looked[running.id] = now - wait * (running.id * GOLDEN % 1.0)
    if last is None or (not 0.0 <= now - last < wait if ended is None else last < ended):
        memory.reviews.add((experiment.key, NAME))
        last = memory.looked[running.id] = now
        return last + wait  # of one that is over too: a crash before the look may not be the end of it
    return None if ended is not None else last + wait


def found(
    reader: Reader,
    row: ExperimentRow,
    standing: Standing,
    now: float,  # noqa: ARG001 - every review has it
    *,
    analysis: bool,
) -> FindingResult | None:
    """A mismatch, where the data show one; none is looked for without analysis."""
    if not analysis:
        return None
    from bandit import split  # loads scipy, which deciding does not need
    from bandit.statistics import sample_ratio

    running = load(row, standing)
    if not split.independent(running):
        return None
    finding = split.mismatch(running, split.by_epoch(reader, running), sample_ratio.anytime)
    return None if finding is None else FindingResult.of(finding)


def alert(memory: Memory, key: str, finding: FindingResult, now: float) -> None:
    """Records a mismatch and tells it, unless that was done already."""
    running = memory.experiment(key)
    token = _token(running)
    if memory.change(token) is None:
        note(memory, running, "sample_ratio", finding.message, now, by=By(Actor("quality check"), token))
        tell(memory, running, "anomaly", finding.severity, finding.message, finding, now)
    running.noted.add(token)


def _token(running: Running) -> str:
    return f"sample ratio {running.id}"
