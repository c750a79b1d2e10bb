"""The engine: every verb of the product, in process."""

import os
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from numbers import Real
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from pydantic import TypeAdapter, ValidationError

from bandit import (
    agenda,
    audit,
    canary,
    conclusion,
    keys,
    lifecycle,
    listing,
    priors,
    progress,
    settings,
    target,
    trips,
    validation,
    verify,
)
from bandit.actor import By, current
from bandit.audit import Audit
from bandit.choose import choose
from bandit.cohort import COHORT
from bandit.configuration import Configuration
from bandit.counterfactual import Counterfactual, counterfactual
from bandit.criterion import Checks
from bandit.decision import ChooseRequest, Decision, IdempotencyKey, decode
from bandit.effects import Factorial
from bandit.errors import InvalidInput, MultiarmError, NotFound, WrongState
from bandit.evaluation import Evaluation
from bandit.experiment import Experiment, StoredExperiment
from bandit.exposure import activate
from bandit.flags import Flags, Held
from bandit.journal import Background, Clock, Ended, GroupCommit, Journal
from bandit.listing import Filters, Page
from bandit.memory import Memory, load, parse
from bandit.model import Text
from bandit.outside import read as read_outside
from bandit.prerequisites import FLAG
from bandit.results import SWITCHED_OFF, Quality, Results, Segments, Series, days, results
from bandit.reward import ActivateRequest, RetractRequest, RewardRequest, retract, reward
from bandit.rollout import RolloutReport
from bandit.running import Running
from bandit.sample_size import SampleSize, SampleSizeRequest
from bandit.shelf import Shelf
from bandit.sqlite import SQLiteStore
from bandit.store import ExperimentRow, Reader, Standing
from bandit.tracking import Tracked, TrackRequest, track
from bandit.traffic import Traffic, Weights, rebalance, traffic
from bandit.validation import Validation
from policies import Duration, Policy

Answers = list[Any]
Decisions = list[Decision | MultiarmError]
Statuses = list[str | MultiarmError]
Experiments = list[StoredExperiment]
Differences = list[verify.Difference]
Managed = TypeVar("Managed")
Valid = TypeVar("Valid")
Request = TypeVar("Request", ChooseRequest, RewardRequest, RetractRequest, ActivateRequest)


# What model_validate calls, a third cheaper.
_choose_request = ChooseRequest.__pydantic_validator__.validate_python
_reward_request = RewardRequest.__pydantic_validator__.validate_python
_reason = TypeAdapter(Text).validate_python
_every = TypeAdapter(Duration).validate_python
_token = TypeAdapter(IdempotencyKey | None).validate_python


class Engine:
    """Decides, learns and reports.

    Args:
        path: A SQLite file, created where it is absent; None keeps everything in memory.
        durable: Whether a call returns only when what it did is on the disk. With False a background thread writes
            up to 50 ms later: calls take microseconds, a crash loses what was not written (never a part of a call),
            and the file is this process's alone.
        clock: Seconds since 1970.
        seed: Makes the draws repeatable.
        config: A TOML file of settings; None for the one that MULTIARM_CONFIG names in the environment, if any.

    Raises:
        StoreError: The file cannot be used; the message says why.
        InvalidInput: A setting of `config` or of the environment is unknown, or not allowed.

    One engine may be used by many threads. Several processes may each have a durable engine on one file; after a fork,
    open a new one.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        durable: bool = True,
        clock: Clock = time.time,
        seed: int | None = None,
        config: str | os.PathLike[str] | None = None,
    ) -> None:
        outside = read_outside(config, os.environ)
        durable = durable and path is not None
        self._store = SQLiteStore(path, alone=not durable)
        try:
            self._memory = Memory(self._store, seed, outside)
            settings.read(self._store.reader(), outside)  # what is not understood is found now
            for row, standing in self._store.reader().experiments():
                if row.status == "running":
                    _warm(load(row, standing).experiment)
        except BaseException:
            self._store.close()
            raise
        self._clock = clock
        self._journal: Journal = (GroupCommit if durable else Background)(self._memory, clock)
        self.settings = Configuration(self, self._memory)
        self._flags = Flags(self._run, self._store.revision if durable else Held(self._memory), clock)
        self.flags = Shelf(self, FLAG)
        self.keys = keys.Keys(self, self._memory, clock)
        self.cohorts = Shelf(self, COHORT)
        os.register_at_fork(after_in_child=partial(_forked, weakref.ref(self)))

    def choose(
        self,
        experiment: str,
        unit: str | None = None,
        *,
        units: Mapping[str, str] | None = None,
        context: Mapping[str, Any] | None = None,
        attributes: Mapping[str, Any] | None = None,
        eligible: Sequence[str] | None = None,
        defer: bool = False,
        idempotency_key: str | None = None,
    ) -> Decision:
        """Decides which variant to serve.

        Args:
            experiment: The key of a running experiment.
            unit: Who is assigned; a sticky experiment keeps its variant for it.
            units: Units by kind, such as user and session, instead of `unit`: the experiment assigns one of its kind.
            context: What the policy reads: for each feature that the experiment declares a number, or an object with
                a number for each variant. Without declared features, anything that is worth keeping with the decision.
            attributes: What targeting and segments read.
            eligible: Keys of the variants that may be served now; None for all.
            defer: Whether the decision counts for nothing until `activate`.
            idempotency_key: A call with the same key gets the same decision.

        Raises:
            NotFound: The experiment is unknown.
            WrongState: It is not running.
            InvalidInput: An argument is not allowed.
            StoreError: The decision could not be kept, so none was made.
        """
        given: dict[str, Any] = {"experiment": experiment}
        if unit is not None:
            given["unit"] = unit
        if units is not None:
            given["units"] = dict(units)
        if context is not None:
            given["context"] = dict(context)
        if attributes is not None:
            given["attributes"] = dict(attributes)
        if eligible is not None:
            given["eligible"] = list(eligible)
        if defer is not False:
            given["defer"] = defer
        if idempotency_key is not None:
            given["idempotency_key"] = idempotency_key
        try:
            request = _choose_request(given)
        except ValidationError as error:
            raise InvalidInput.of(error) from error
        return self._run(choose, request)

    def decide(self, request: ChooseRequest) -> Decision:
        """`choose` for a request that was validated already."""
        return self._run(choose, request)

    def activate(self, decision_id: str) -> str:
        """Makes a deferred decision count from now on.

        Raises:
            NotFound: The decision is unknown.
        """
        request = _valid(ActivateRequest.model_validate, {"decision_id": decision_id})
        return self._run(activate, decode(request.decision_id))

    def reward(
        self, decision_id: str, value: float, metric: str | None = None, *, idempotency_key: str | None = None
    ) -> str:
        """Says what happened after a decision.

        Args:
            decision_id: The decision.
            value: What was measured; 0 or 1 for a conversion.
            metric: Of which metric; None for the primary one.
            idempotency_key: A repeat with the same key, for the same decision and metric, is ignored.

        Returns:
            `applied`, `duplicate`, `superseded` or `late`; see `bandit.reward`.

        Raises:
            NotFound: The decision is unknown.
            InvalidInput: The metric is unknown, or the value is not one of its.
            WrongState: The experiment is archived.
            StoreError: The reward could not be kept, so nothing was done.
        """
        if type(value) is not float:
            value = _number(value)
        given: dict[str, Any] = {"decision_id": decision_id, "value": value}
        if metric is not None:
            given["metric"] = metric
        if idempotency_key is not None:
            given["idempotency_key"] = idempotency_key
        try:
            request = _reward_request(given)
        except ValidationError as error:
            raise InvalidInput.of(error) from error
        return self.settle(request)

    def settle(self, request: RewardRequest) -> str:
        """`reward` for a request that was validated already."""
        return self._run(reward, decode(request.decision_id), request.metric, request.value, request.idempotency_key)

    def retract(self, decision_id: str, metric: str | None = None) -> str:
        """Takes back all that was told of a decision for one metric.

        Raises:
            NotFound: The decision is unknown.
            InvalidInput: The metric is unknown.
            WrongState: The experiment is archived.
        """
        request = _valid(RetractRequest.model_validate, {"decision_id": decision_id, "metric": metric})
        return self._run(retract, decode(request.decision_id), request.metric)

    def evaluate(
        self,
        flag: str,
        unit: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        default: Any = None,
        *,
        defer: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Evaluation:
        """Evaluates a flag. Where an experiment decides it, that is a decision, which counts.

        Nothing else of it needs the store, and no other thread is waited for.

        Args:
            flag: The key.
            unit: Who is served.
            attributes: What rules read, and the features of a policy that reads a context.
            default: The value where the flag gives none.
            defer: Whether the decision counts for nothing until it is tracked or activated; None: as the flag says.
            idempotency_key: A call with the same key gets the same decision.

        Returns:
            The value with its variant and reason. What goes wrong is no exception but the reason `ERROR`, with the
            default and an error code.

        Raises:
            StoreError: The decision could not be kept, so none was made.
        """
        return self._flags.evaluate(flag, unit, attributes, default, defer, idempotency_key)

    def evaluate_all(
        self, unit: str | None = None, attributes: Mapping[str, Any] | None = None
    ) -> Sequence[Evaluation]:
        """Evaluates all flags, by key; nothing of it counts.

        Where an experiment decides, a unit gets the variant that it has, else a decision that waits to be tracked or
        activated, and the same the next time.

        Raises:
            InvalidInput: The unit or the attributes are not allowed.
            StoreError: A decision could not be kept, so none was made.
        """
        return self._flags.evaluate_all(unit, attributes)

    def track(
        self,
        name: str,
        unit: str | None = None,
        *,
        flag: str | None = None,
        decision_id: str | None = None,
        value: float | None = None,
        idempotency_key: str | None = None,
    ) -> Sequence[Tracked]:
        """Says what a unit did, to the experiments that decided its flags: activates the decisions and rewards them.

        Args:
            name: The key of a metric; or `exposure`: that what was decided has been shown.
            unit: Who did it.
            flag: For which flag; None for all whose experiment has such a metric.
            decision_id: For which decision; goes before flag and unit.
            value: Of the metric; None is 1, for a conversion or a count.
            idempotency_key: A repeat with the same key is ignored.

        Returns:
            For each decision what became of it.

        Raises:
            NotFound: There is no such decision or flag, or the flag has decided nothing for the unit.
            InvalidInput: There is no such metric, the value is none of its, or neither decision nor unit is given.
        """
        given = {"name": name, "unit": unit, "flag": flag, "decision_id": decision_id, "value": value}
        return self.follow(_valid(TrackRequest.model_validate, {**given, "idempotency_key": idempotency_key}))

    def follow(self, request: TrackRequest) -> Sequence[Tracked]:
        """`track` for a request that was validated already."""
        number = None if request.decision_id is None else decode(request.decision_id)
        return self._run(track, request, number)

    def choose_batch(self, requests: Sequence[ChooseRequest | Mapping[str, Any]]) -> Decisions:
        """Decides many at once, in one transaction; each has its own answer or error."""
        return self._each(ChooseRequest, requests, choose, lambda request: (request,))

    def reward_batch(self, requests: Sequence[RewardRequest | Mapping[str, Any]]) -> Statuses:
        """Enters many rewards at once, in one transaction; each has its own status or error."""
        return self._each(
            RewardRequest,
            requests,
            reward,
            lambda request: (decode(request.decision_id), request.metric, request.value, request.idempotency_key),
        )

    def retract_batch(self, requests: Sequence[RetractRequest | Mapping[str, Any]]) -> Statuses:
        """Retracts many at once, in one transaction; each has its own status or error."""
        return self._each(
            RetractRequest, requests, retract, lambda request: (decode(request.decision_id), request.metric)
        )

    def activate_batch(self, requests: Sequence[ActivateRequest | Mapping[str, Any]]) -> Statuses:
        """Activates many at once, in one transaction; each has its own status or error."""
        return self._each(ActivateRequest, requests, activate, lambda request: (decode(request.decision_id),))

    def _each(
        self,
        model: type[Request],
        requests: Sequence[Request | Mapping[str, Any]],
        function: Callable[..., Any],
        arguments: Callable[[Request], tuple[Any, ...]],
    ) -> Answers:
        if len(requests) > (most := self.settings.latest().batch_size):
            raise InvalidInput.field("", f"a batch has at most {most} items, given {len(requests)}")
        items: list[tuple[Any, ...] | MultiarmError] = []
        for request in requests:
            try:
                valid = request if isinstance(request, model) else model.model_validate(request)
                items.append(arguments(valid))
            except ValidationError as error:
                items.append(InvalidInput.of(error))
            except MultiarmError as error:
                items.append(error)
        return self._run(_run_each, function, items)

    def create(
        self, experiment: Experiment | Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> StoredExperiment:
        """Enters a new experiment as a draft.

        Raises:
            InvalidInput: The definition is not one of an experiment; every wrong field is named.
            WrongState: The key exists.
        """
        if not isinstance(experiment, Experiment):
            experiment = _valid(Experiment.model_validate, experiment)
        _warm(experiment)
        return self.manage(lifecycle.create, experiment, idempotency_key)

    def update(self, key: str, changes: Mapping[str, Any], *, idempotency_key: str | None = None) -> StoredExperiment:
        """Changes fields of an experiment.

        Raises:
            NotFound: The experiment is unknown.
            InvalidInput: The fields do not make an experiment.
            WrongState: A field may not change any more; each is named.
        """
        return self.manage(lifecycle.update, key, changes, idempotency_key)

    def clone(self, key: str, new_key: str, *, idempotency_key: str | None = None) -> StoredExperiment:
        """Enters a new draft with the definition of another experiment, and nothing of its data.

        Raises:
            NotFound: The experiment is unknown.
            InvalidInput: The new key is not allowed.
            WrongState: The new key exists.
        """
        definition = lifecycle.definition(self.get(key))
        salt = {"salt": ""} if definition["salt"] == key else {}
        times = {"start_at": None, "end_at": None}  # of the other, and as likely as not over
        return self.create({**definition, **salt, **times, "key": new_key}, idempotency_key=idempotency_key)

    def start(self, key: str, *, idempotency_key: str | None = None) -> StoredExperiment:
        """Starts a draft: from now on it decides."""
        return self.manage(lifecycle.transition, key, "start", "", idempotency_key)

    def pause(self, key: str, *, idempotency_key: str | None = None) -> StoredExperiment:
        """Pauses a running experiment: it decides no more, rewards still count."""
        return self.manage(lifecycle.transition, key, "pause", "", idempotency_key)

    def resume(self, key: str, *, idempotency_key: str | None = None) -> StoredExperiment:
        """Resumes a paused experiment."""
        return self.manage(lifecycle.transition, key, "resume", "", idempotency_key)

    def complete(self, key: str, *, idempotency_key: str | None = None) -> StoredExperiment:
        """Ends an experiment as planned; rewards for its decisions still count."""
        return self.manage(lifecycle.transition, key, "complete", "", idempotency_key)

    def stop(self, key: str, reason: str = "", *, idempotency_key: str | None = None) -> StoredExperiment:
        """Ends an experiment before its time; rewards for its decisions still count."""
        return self.manage(lifecycle.transition, key, "stop", _valid(_reason, reason), idempotency_key)

    def archive(self, key: str, *, idempotency_key: str | None = None) -> StoredExperiment:
        """Puts away an experiment that is over: its outcomes are final."""
        return self.manage(lifecycle.transition, key, "archive", "", idempotency_key)

    def clear_trip(self, key: str, guardrail: str, *, idempotency_key: str | None = None) -> StoredExperiment:
        """Clears what a guardrail has tripped, and ends what was done for it; it reads what is decided from now on.

        Raises:
            NotFound: The experiment is unknown.
            WrongState: The guardrail has not tripped.
        """
        return self.manage(trips.clear_trip, key, guardrail, idempotency_key)

    def promote(self, key: str, reason: str = "", *, idempotency_key: str | None = None) -> StoredExperiment:
        """Moves a canary on by one step, whatever its criteria say.

        Raises:
            NotFound: The experiment is unknown.
            WrongState: It is no canary, does not run, or its rollout is over.
        """
        return self.manage(canary.promote, key, _valid(_reason, reason), idempotency_key)

    def hold(self, key: str, reason: str = "", *, idempotency_key: str | None = None) -> StoredExperiment:
        """Keeps a canary at its step; what trips still rolls it back. Raises as `promote`."""
        return self.manage(canary.hold, key, _valid(_reason, reason), idempotency_key)

    def proceed(self, key: str, reason: str = "", *, idempotency_key: str | None = None) -> StoredExperiment:
        """Lets a canary that was held go on as it is defined. Raises as `promote`."""
        return self.manage(canary.proceed, key, _valid(_reason, reason), idempotency_key)

    def roll_back(self, key: str, reason: str = "", *, idempotency_key: str | None = None) -> StoredExperiment:
        """Serves a canary's control alone from now on, for good. Raises as `promote`."""
        return self.manage(canary.roll_back, key, _valid(_reason, reason), idempotency_key)

    def apply_winner(self, key: str, *, idempotency_key: str | None = None) -> StoredExperiment:
        """Gives all units to the winner that a stopping rule has found.

        Raises:
            NotFound: The experiment is unknown.
            WrongState: There is no winner, it serves all units already, or it may not be served.
        """
        return self.manage(conclusion.apply_winner, key, idempotency_key)

    def manage(self, function: Callable[..., Managed], *arguments: object) -> Managed:
        """Runs an operation that people ask for, the last of whose arguments is an idempotency key.

        The operation is called with who asks, and the key, in its place. When this returns, what it did is kept.
        """
        by = By(current(), _valid(_token, arguments[-1]))
        done = self._run(function, *arguments[:-1], by)
        self._journal.flush()
        return done

    def _run(self, function: Callable[..., Managed], *arguments: object) -> Managed:
        """Runs an operation, if whoever asks may still ask."""
        actor = current()
        if actor.key is None:
            return self._journal.run(function, *arguments)
        done: Managed = self._journal.run(keys.checked, actor, function, *arguments)
        return done

    def get(self, key: str) -> StoredExperiment:
        """An experiment's definition and status.

        Raises:
            NotFound: It is unknown.
        """
        with self.reading() as reader:
            return parse(*_found(reader, key))

    def list(self, **filters: Unpack[Filters]) -> Experiments:
        """All experiments, the oldest first, or those for which all hold that is given.

        Args:
            filters: `status`, `type`, `owner`, `tag` (one of its tags) and `text` (a part of its key or name).

        Raises:
            InvalidInput: There is no such status or type.
        """
        query = _valid(listing.Query.model_validate, filters)
        with self.reading() as reader:
            return listing.every(reader, query)

    def page(self, *, limit: int = 100, cursor: str | None = None, **filters: Unpack[Filters]) -> Page:
        """Some of what `list` gives, and where the rest begins.

        Args:
            limit: At most so many, 1 to 1,000.
            cursor: `next` of the page before; None for the first.
            filters: See `list`.

        Raises:
            InvalidInput: There is no such status or type, or the cursor is none.
        """
        query = _valid(listing.PageQuery.model_validate, {**filters, "limit": limit, "cursor": cursor})
        with self.reading() as reader:
            return listing.page(reader, query)

    def validate(self, definition: Experiment | Mapping[str, Any]) -> Validation:
        """What is wrong with a definition, so that `create` would refuse it, and what is unwise; nothing is created."""
        found = validation.validate(definition, self._clock())
        given = lifecycle.definition(definition) if isinstance(definition, Experiment) else definition
        with self.reading() as reader:
            return validation.in_store(found, given, reader, current())

    def audit(
        self, kind: str | None = None, key: str | None = None, *, limit: int = 100, cursor: str | None = None
    ) -> Audit:
        """Who changed what and when, from which state to which, the newest change first.

        Args:
            kind: `experiment` or that of a document, such as `flag`; None for all.
            key: Of what was changed; None for all.
            limit: At most so many lines, 1 to 1,000.
            cursor: `next` of the page before; None for the newest.

        Raises:
            InvalidInput: The cursor is none.
        """
        query = _valid(audit.AuditQuery.model_validate, {"kind": kind, "key": key, "limit": limit, "cursor": cursor})
        with self.reading() as reader:
            return audit.read(reader, query)

    def rebalance(
        self, key: str, weights: Mapping[str, float] | None = None, *, idempotency_key: str | None = None
    ) -> StoredExperiment:
        """Sets the weights of some variants; without any, all that are served weigh the same from now on.

        Raises:
            NotFound: The experiment is unknown.
            InvalidInput: A variant is unknown, or a weight is none.
            WrongState: The experiment is over.
        """
        given = _valid(Weights.model_validate, {"weights": weights})
        return self.manage(rebalance, key, given.weights, idempotency_key)

    def traffic(self, key: str) -> Traffic:
        """How the units of an experiment are spread over its variants, in all and epoch by epoch.

        Raises:
            NotFound: It is unknown.
        """
        self._journal.settle()
        with self.reading() as reader:
            return traffic(reader, *_found(reader, key))

    def factorial(self, key: str, metric: str | None = None) -> Factorial:
        """What the factors of an experiment do, alone and together, corrected for their number.

        Args:
            key: The experiment.
            metric: By default the primary one.

        Raises:
            NotFound: It is unknown.
            InvalidInput: It has no factors, or no such metric.
        """
        from bandit.factorial import factorial

        with self._settled(key) as (reader, running):
            return factorial(reader, running, metric)

    def results(self, key: str, method: str | None = None) -> Results:
        """What an experiment has shown so far.

        Args:
            key: The experiment.
            method: Compares by this method; by default by one that is valid for how the data were collected.

        Raises:
            NotFound: It is unknown.
            InvalidInput: There is no such method, or it is for none of its metrics.
        """
        self._journal.settle()
        running = self._memory.experiments.get(key)
        with self.reading() as reader:
            interval = running.cadence.interval if running else 0.0
            analysis = settings.read(reader, self._memory.outside).enable_statistical_analysis
            return results(reader, *_found(reader, key), interval, self._clock(), method, analysis=analysis)

    def guardrails(self, key: str) -> Checks:
        """Every guardrail of an experiment held against the data of every variant that it watches.

        Raises:
            NotFound: It is unknown.
        """
        with self._settled(key) as (reader, running):
            return progress.guardrails(reader, running, self._clock())

    def rollout(self, key: str) -> RolloutReport:
        """Where a canary is, how it is doing, what to do about it, and how it got there.

        Raises:
            NotFound: It is unknown.
            WrongState: It is no canary, or has not started.
        """
        with self._settled(key) as (reader, running):
            return progress.report(reader, running, self._clock())

    def quality(self, key: str) -> Quality:
        """Everything that is odd about an experiment's data: what the results say, and what takes its log to see.

        Raises:
            NotFound: It is unknown.
        """
        from bandit.inspection import inspect

        with self._settled(key) as (reader, running):
            now = self._clock()
            return Quality(findings=inspect(reader, running, days(running.experiment, now), now))

    def segments(self, key: str, attribute: str, metric: str | None = None) -> Segments:
        """Every variant held against the control within each value of an attribute, corrected for their number.

        Raises:
            NotFound: The experiment is unknown.
            InvalidInput: There is no such metric, or the attribute has more than 100 values.
        """
        from bandit.inspection import by_segment

        with self._settled(key) as (reader, running):
            return by_segment(reader, running, attribute, metric)

    def series(self, key: str, every: str | float = "1d", metric: str | None = None) -> Series:
        """What was known of an experiment at the end of each span of time.

        Args:
            key: The experiment.
            every: Length of a span, as `1d` or in seconds.
            metric: By default the primary one.

        Raises:
            NotFound: The experiment is unknown.
            InvalidInput: There is no such metric, or the spans are too short.
        """
        from bandit.inspection import over_time

        try:
            seconds = _every(every)
        except ValidationError as error:
            raise InvalidInput.field("every", InvalidInput.of(error).errors[0].message) from error
        if seconds <= 0.0:
            raise InvalidInput.field("every", f"must be above 0, given {every}")
        with self._settled(key) as (reader, running):
            return over_time(reader, running, seconds, metric)

    @contextmanager
    def _settled(self, key: str) -> Iterator[tuple[Reader, Running]]:
        self._journal.settle()
        with self.reading() as reader:
            self._check_analysis(reader)
            yield reader, load(*_found(reader, key))

    def _check_analysis(self, reader: Reader) -> None:
        if not settings.read(reader, self._memory.outside).enable_statistical_analysis:
            raise WrongState(SWITCHED_OFF)

    def counterfactual(self, key: str, policy: str | Mapping[str, Any] | Policy) -> Counterfactual:
        """What an experiment would have earned a trial, so far, had another policy drawn its variants.

        Args:
            key: The experiment.
            policy: A policy, one as a mapping or as JSON, or a text such as `thompson_beta`,
                `epsilon_greedy:epsilon=.05`, `always:variant=short` or `split:control=.3,short=.7`.

        Raises:
            NotFound: The experiment is unknown.
            InvalidInput: The policy is unknown, or does not fit the experiment.
        """
        asked = target.read(policy)
        self._journal.settle()
        with self.reading() as reader:
            self._check_analysis(reader)
            return counterfactual(reader, *_found(reader, key), asked)

    def prior(self, metric: str, owner: str | None = None) -> Policy:
        """The Thompson policy whose prior is what past experiments have shown of a metric (empirical Bayes).

        Args:
            metric: The key of a conversion or a count.
            owner: Whose experiments; None for everyone's.

        Raises:
            InvalidInput: Fewer than four variants of experiments that are over were rewarded with it.
        """
        self._journal.settle()
        with self.reading() as reader:
            return priors.learned(reader, metric, owner)

    def sample_size(self, request: SampleSizeRequest | Mapping[str, Any]) -> SampleSize:
        """How many units a fixed split needs, or what effect or power so many have; nothing that is stored is read.

        Args:
            request: The metric, and two of effect, power and sample size.

        Raises:
            InvalidInput: The request does not fit together, or nothing will do.
        """
        from bandit.plan import plan  # loads scipy, which deciding does not need

        return plan(_valid(SampleSizeRequest.model_validate, request))

    def verify(self) -> Differences:
        """Replays the ledger and returns what differs from the statistics that are kept: nothing, if all is well."""
        self._journal.flush()
        with self.reading() as reader:
            return list(verify.verify(reader))

    def tick(self) -> bool:
        """Does what is due by now that nobody asks for; true where there is more.

        A server does this once a second. Any number of processes may: what is done is done in one transaction with the
        record of it, so that it happens once.
        """
        more = self._journal.run(_attend)
        self._journal.settle()
        for key in self._journal.run(conclusion.taken) if self._memory.reviews else ():
            with self.reading() as reader:
                found = conclusion.judged(reader, *_found(reader, key), self._clock())
            if found is not None:
                self._journal.run(conclusion.conclude, key, found)
                self._journal.settle()
        return more

    def check(self) -> None:
        """Does what a decision needs of the store, without deciding.

        Raises:
            StoreError: The store would refuse a decision.
        """
        self._journal.run(_nothing)

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """A reader that sees one moment."""
        with self._journal.reading(), self._store.snapshot() as reader:
            yield reader

    def close(self) -> None:
        """Writes what is still to be written and lets go of the store."""
        try:
            self._journal.close()
        finally:
            self._end("this engine is closed")
            self._store.close()

    def _end(self, why: str) -> None:
        self._journal = Ended(why)
        self._flags = Flags(self._run, int, self._clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _run_each(memory: Memory, function: Callable[..., Any], items: list[Any], now: float) -> list[Any]:
    """Runs a function for each tuple of arguments; what came as an error stays one."""
    answers: list[Any] = []
    for item in items:
        if isinstance(item, MultiarmError):
            answers.append(item)
            continue
        try:
            answers.append(function(memory, *item, now))
        except MultiarmError as error:
            answers.append(error)
    return answers


def _attend(memory: Memory, now: float) -> bool:
    """Does what is due, and has the settings at hand for who asks outside of operations."""
    settings.current(memory)
    return agenda.attend(memory, now)


def _nothing(memory: Memory, now: float) -> None:
    """Takes part in a commit and asks for nothing."""


def _found(reader: Reader, key: str) -> tuple[ExperimentRow, Standing]:
    found = reader.experiment(key)
    if found is None:
        raise NotFound(f"experiment {key[:100]!r} is unknown")
    return found


def _warm(experiment: Experiment) -> None:
    """Compiles the policy, or loads it compiled, so that no decision waits for that."""
    running = Running(0, StoredExperiment.model_validate(lifecycle.definition(experiment)))
    running.learner.warm(running.full)


def _number(value: object) -> float:
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            pass
    raise InvalidInput.field("value", f"must be a number, given {value!r}"[:200])


def _valid(validate: Callable[[Any], Valid], given: object) -> Valid:
    try:
        return validate(given)
    except ValidationError as error:
        raise InvalidInput.of(error) from error


def _forked(engine: "weakref.ref[Engine]") -> None:
    """In a forked child: its copy of an engine has no writer thread, and shares a connection it must not use."""
    if (copy := engine()) is not None:
        copy._end("this engine was opened before a fork; open a new one in this process")
