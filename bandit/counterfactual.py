"""What another policy would have earned on a stored experiment, from the trials that were drawn and rewarded."""

import math
from collections.abc import Iterator

from pydantic import Field, JsonValue

from bandit.follower import Follower
from bandit.hindsight import Hindsight
from bandit.model import Model
from bandit.rows import ExperimentRow, Standing
from bandit.running import load
from bandit.statistics.off_policy import LEAST_EFFECTIVE, values
from bandit.store import Reader
from bandit.target import Target, hypothetical

ALPHA = 0.05


class LeftOut(Model):
    """Trials that do not count."""

    unrewarded: int = Field(description="Without a reward, so far.")
    repeated: int = Field(description="Of units that kept or changed their variant: not drawn independently.")
    ineligible: int = Field(description="With no eligible variant that the policy serves.")


class PolicyEstimate(Model):
    """An estimate of a policy's mean reward a trial, with what it rests on; null where the log has nothing for it."""

    method: str
    estimate: float | None
    lower: float | None = Field(description="Of the interval for the policy's value; null where it would not be sound.")
    upper: float | None
    effective_sample_size: float
    greatest_weight: float
    mean_weight: float | None


class Counterfactual(Model):
    """What a policy would have earned a trial, by every method; `dr`, the first, is the one to read."""

    experiment: str
    policy: dict[str, JsonValue]
    metric: str
    trials: int = Field(description="That count: drawn, and rewarded or past their window.")
    left_out: LeftOut
    logged_mean: float | None = Field(description="What these trials earned on average.")
    level: float
    estimates: list[PolicyEstimate]
    notes: list[str] = Field(description="What a reader must know before believing it.")


def counterfactual(reader: Reader, row: ExperimentRow, standing: Standing, target: Target) -> Counterfactual:
    """Estimates what an experiment would have earned a trial, had the target been its policy.

    A target that never learns is weighed against the log as it is. One that learns is replayed: it goes along the log
    and accepts each trial with the greatest probability that makes the accepted ones look as if it had drawn them; it
    learns from those alone, at once and with the experiment's floor and holdout, and every trial counts for the state
    that it was in (see `Logged.shared`). The draws are seeded: the same log gives the same answer.

    The trials of an experiment are read in a stream; what is kept of them does not grow with their number. That the
    propensities are exact is the engine's promise; that outcomes do not depend on what other units were served, and
    that the world is the same for every trial's draw, is assumed.

    Args:
        reader: Of one moment.
        row: The experiment.
        standing: Where it is.
        target: The policy that is asked about.

    Raises:
        InvalidInput: The target does not fit the experiment.
        WrongState: The log was removed.
    """
    running = load(row, standing)
    running.experiment.check_log()
    log = Hindsight(running, Follower(hypothetical(running.experiment, target)))
    opened = sum(trials for _, _, trials, _ in reader.sizes(row.id, 0))
    found = log.tally(reader.trials(row.id), math.sqrt(max(opened, 1.0)))
    answers = values(found, log.bounds, ALPHA)
    estimates = [
        PolicyEstimate(
            method=method,
            estimate=answer.estimate,
            lower=None if answer.interval is None else answer.interval[0],
            upper=None if answer.interval is None else answer.interval[1],
            effective_sample_size=answer.support.effective,
            greatest_weight=answer.support.greatest,
            mean_weight=answer.support.mean,
        )
        for method, answer in answers.items()
    ]
    return Counterfactual(
        experiment=running.key,
        policy=target.model_dump(mode="json"),
        metric=running.experiment.primary.key,
        trials=log.trials,
        left_out=LeftOut(**log.left_out),
        logged_mean=log.earned / log.trials if log.trials else None,
        level=1.0 - ALPHA,
        estimates=estimates,
        notes=list(_notes(log, estimates[0].effective_sample_size)),
    )


def _notes(log: Hindsight, effective: float) -> Iterator[str]:
    """What a reader has to know about the log."""
    metric, left_out = log.running.experiment.primary, log.left_out
    if left_out["unrewarded"]:
        count = f"{left_out['unrewarded']:,} trials have no reward and do not count"
        if metric.missing == "wait":
            yield (
                f"{count}: {metric.key!r} waits for one. So these are figures of rewarded trials, and of all trials "
                "only if the variant does not matter to whether a reward comes."
            )
        else:
            yield f"{count} yet: their window is still open."
    if left_out["repeated"]:
        yield (
            f"{left_out['repeated']:,} decisions of units that kept or changed their variant do not count: they were "
            "not drawn independently of the first."
        )
    if left_out["ineligible"]:
        yield f"{left_out['ineligible']:,} trials do not count: none of their eligible variants is one of the policy's."
    if not log.follower.running.fixed:
        yield (
            f"the policy learnt from the {log.follower.accepted:,} trials that it would have drawn itself, with their "
            "rewards at once: this is what its first so many trials would have earned."
        )
    if log.trials and log.unsupported > 1e-9 * log.trials:
        share = f"{log.unsupported / log.trials:.1%} of what the policy would have served could not have been logged"
        if log.follower.running.fixed:
            yield f"{share}: its propensity was 0. The interval allows for that, the estimates do not."
        else:
            yield f"{share}: its propensity was 0. Where that was so, the trial tells nothing and does not count."
    if log.bounds is None:
        yield f"no interval: {metric.key!r} has no lower and upper bound, so a rare great reward may be still to come."
    elif effective < LEAST_EFFECTIVE:
        yield f"no interval: the effective sample size is {effective:.1f}, under {LEAST_EFFECTIVE:.0f}."
