"""What a policy would have earned on a uniformly logged stream: replay, through the engine that serves."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Protocol

from pydantic import ValidationError

from bandit import Decision, Experiment, InvalidInput, Metric, Results, Reweight, StoredExperiment, Variant
from policies import Policy
from simulations.interval import Estimate, estimate
from simulations.log import Event, Log


class Decider(Protocol):
    """What a replay asks of an engine: `bandit.Engine` in process, or a client of one elsewhere."""

    def create(self, experiment: Experiment | Mapping[str, Any], /) -> StoredExperiment: ...  # noqa: D102
    def start(self, key: str, /) -> StoredExperiment: ...  # noqa: D102
    def choose(self, experiment: str, /, *, defer: bool) -> Decision: ...  # noqa: D102
    def activate(self, decision_id: str, /) -> str: ...  # noqa: D102
    def reward(self, decision_id: str, value: float, /) -> str: ...  # noqa: D102
    def results(self, key: str, /) -> Results: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class ArmOutcome:
    """One arm at the end: its probability of being drawn, its matched events and their mean (None without any)."""

    arm: str
    weight: float
    matched: int
    mean: float | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a replay found: the policy's mean reward over the matched events, the log's over all rows."""

    rows: int
    matched: int
    policy_mean: Estimate
    log_mean: Estimate
    arms: tuple[ArmOutcome, ...]
    seconds: float


class RowClock:
    """Time that passes by one second a row, so that a half-life of 1000 s is one of 1000 rows, on any machine."""

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        """Seconds, which are rows."""
        return self._now

    def follow(self, events: Iterable[Event]) -> Iterator[Event]:
        """The same events; each moves the clock."""
        for event in events:
            self._now += 1.0
            yield event


def experiment(log: Log, policy: Policy, *, key: str = "replay", floor: float = 0.0) -> Experiment:
    """The experiment that a replay of `log` runs: a variant for each arm, a decision as the trial, exact weights.

    Variants are named by their index, since an arm may be any text. The reward is a conversion where the log has only
    0 and 1. Otherwise it is continuous, and bounded by the log's least and greatest reward where the policy needs
    that: a scale that only hindsight knows.

    Args:
        log: Whose arms and rewards.
        policy: What chooses.
        key: The experiment's key.
        floor: Least propensity of an arm. Without one the policy itself is replayed; each hundredth of floor on 34
            arms is a third of the traffic chosen uniformly.

    Raises:
        InvalidInput: The floor is more than 1 / arms, all rewards are equal where they must set a scale, or the policy
            is none for this log.
    """
    if policy.contextual:
        raise InvalidInput(f"policy: {policy.name!r} reads a context, and a replay has none")
    if all(reward in (0.0, 1.0) for reward in log.rewards):
        metric = Metric(key="reward", primary=True)
    elif policy.rewards in ("unit", "sub_gaussian"):
        lower, upper = min(log.rewards), max(log.rewards)
        if lower == upper:
            raise InvalidInput(f"every reward is {lower:g}, {policy.name!r} needs two different ones to set a scale")
        metric = Metric(key="reward", type="continuous", primary=True, lower=lower, upper=upper)
    else:
        metric = Metric(key="reward", type="continuous", primary=True, origin=fmean(log.rewards))
    if not 0.0 <= floor * len(log.arms) <= 1.0:
        raise InvalidInput(f"floor: must be 0 to 1 / {len(log.arms)} arms, given {floor:g}")
    try:
        return Experiment(
            key=key,
            variants=[Variant(key=str(index), name=arm[:1000]) for index, arm in enumerate(log.arms)],
            metrics=[metric],
            policy=policy,
            sticky=False,
            reweight=Reweight(floor=floor, budget=1.0),
        )
    except ValidationError as error:
        raise InvalidInput.of(error) from error


def evaluate(decider: Decider, definition: Experiment, log: Log, events: Iterable[Event] | None = None) -> Evaluation:
    """Replays a log: row by row the engine chooses; where it chose the arm that was logged, it gets the reward.

    A decision is deferred and only activated on a match, so that rows without one leave no trace in what the policy
    learns. Where the logged arms were drawn uniformly and independently of everything, and the rows are independent
    draws of one world, the matched events are distributed as those of the policy running by itself, and their mean
    estimates, without bias, its mean reward over that many decisions. Where the log is not uniform, or the world
    changes with what was shown, none of that holds.

    The policy's interval takes the matched rewards as independent around the means of the arms chosen: it covers what
    this run of the policy was worth, not how much another run, learning from other rows, would differ. The engine keeps
    every decision, matched or not: about 1 kB a row.

    Args:
        decider: The engine, or a client of one. It gets a new experiment.
        definition: What `experiment` made.
        log: The log.
        events: The log's events, through whatever watches their progress; None for the log itself.

    Source: Li, Chu, Langford and Wang, "Unbiased offline evaluation of contextual-bandit-based news article
    recommendation algorithms", WSDM 2011, algorithm 2 and theorem 1.
    """
    started = time.perf_counter()
    key = definition.key
    decider.create(definition)
    decider.start(key)
    keys = [variant.key for variant in definition.variants]
    matched: list[list[float]] = [[] for _ in keys]
    for arm, reward in log if events is None else events:
        decision = decider.choose(key, defer=True)
        if decision.variant == keys[arm]:
            decider.activate(decision.id)
            decider.reward(decision.id, reward)
            matched[arm].append(reward)
    weights = {variant.key: variant.weight for variant in decider.results(key).variants}
    earned = [reward for rewards in matched for reward in rewards]
    return Evaluation(
        rows=len(log),
        matched=len(earned),
        policy_mean=estimate(earned),
        log_mean=estimate(log.rewards),
        arms=tuple(
            ArmOutcome(arm, weights[key], len(rewards), fmean(rewards) if rewards else None)
            for arm, key, rewards in zip(log.arms, keys, matched, strict=True)
        ),
        seconds=time.perf_counter() - started,
    )
