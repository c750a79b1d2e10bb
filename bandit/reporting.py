"""The verbs that tell what there is, and what was learnt."""

from collections.abc import Mapping
from typing import Any, Unpack

from pydantic import TypeAdapter, ValidationError

from bandit import (
    audit,
    listing,
    priors,
    progress,
    settings,
    target,
    verify,
)
from bandit.audit import Audit
from bandit.counterfactual import Counterfactual, counterfactual
from bandit.criterion import Checks
from bandit.effects import Factorial
from bandit.errors import InvalidInput
from bandit.experiment import StoredExperiment
from bandit.listing import Filters, Page
from bandit.operating import Operating, find, valid
from bandit.results import Quality, Results, Segments, Series, days, results
from bandit.rollout import RolloutReport
from bandit.running import parse
from bandit.sample_size import SampleSize, SampleSizeRequest
from bandit.traffic import Traffic, traffic
from policies import Duration, Policy

Experiments = list[StoredExperiment]
Differences = list[verify.Difference]

_every = TypeAdapter(Duration).validate_python


class Reporting(Operating):
    """What an engine tells; nothing here changes anything."""

    def get(self, key: str) -> StoredExperiment:
        """An experiment's definition and status.

        Raises:
            NotFound: It is unknown.
        """
        with self._settled() as reader:
            return parse(*find(reader, key))

    def list(self, **filters: Unpack[Filters]) -> Experiments:
        """All experiments, the oldest first, or those for which all hold that is given.

        Args:
            filters: `status`, `type`, `owner`, `tag` (one of its tags) and `text` (a part of its key or name).

        Raises:
            InvalidInput: There is no such status or type.
        """
        query = valid(listing.Query.model_validate, filters)
        with self._settled() as reader:
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
        query = valid(listing.PageQuery.model_validate, {**filters, "limit": limit, "cursor": cursor})
        with self._settled() as reader:
            return listing.page(reader, query)

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
        query = valid(audit.AuditQuery.model_validate, {"kind": kind, "key": key, "limit": limit, "cursor": cursor})
        with self._settled() as reader:
            return audit.read(reader, query)

    def traffic(self, key: str) -> Traffic:
        """How the units of an experiment are spread over its variants, in all and epoch by epoch.

        Raises:
            NotFound: It is unknown.
        """
        with self._settled() as reader:
            return traffic(reader, *find(reader, key))

    def results(self, key: str, method: str | None = None) -> Results:
        """What an experiment has shown so far.

        Args:
            key: The experiment.
            method: Compares by this method; by default by one that is valid for how the data were collected.

        Raises:
            NotFound: It is unknown.
            InvalidInput: There is no such method, or it is for none of its metrics.
        """
        with self._settled() as reader:
            running = self._memory.experiments.get(key)
            interval = running.cadence.interval if running else 0.0
            analysis = settings.read(reader, self._memory.outside).enable_statistical_analysis
            return results(reader, *find(reader, key), interval, self._clock(), method, analysis=analysis)

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

        with self._of(key) as (reader, running):
            self._check_analysis(reader)
            return factorial(reader, running, metric)

    def guardrails(self, key: str) -> Checks:
        """Every guardrail of an experiment held against the data of every variant that it watches.

        Raises:
            NotFound: It is unknown.
        """
        with self._of(key) as (reader, running):
            return progress.guardrails(reader, running, self._clock())

    def rollout(self, key: str) -> RolloutReport:
        """Where a canary is, how it is doing, what to do about it, and how it got there.

        Raises:
            NotFound: It is unknown.
            WrongState: It is no canary, or has not started.
        """
        with self._of(key) as (reader, running):
            return progress.report(reader, running, self._clock())

    def quality(self, key: str) -> Quality:
        """Everything that is odd about an experiment's data: what the results say, and what takes its log to see.

        Raises:
            NotFound: It is unknown.
        """
        from bandit.inspection import inspect

        with self._logged(key) as (reader, running):
            now = self._clock()
            return Quality(findings=inspect(reader, running, days(running.experiment, now), now))

    def segments(self, key: str, attribute: str, metric: str | None = None) -> Segments:
        """Every variant held against the control within each value of an attribute, corrected for their number.

        Raises:
            NotFound: The experiment is unknown.
            InvalidInput: There is no such metric, or the attribute has more than 100 values.
        """
        from bandit.inspection import by_segment

        with self._logged(key) as (reader, running):
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
        with self._logged(key) as (reader, running):
            return over_time(reader, running, seconds, metric)

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
        with self._settled() as reader:
            self._check_analysis(reader)
            return counterfactual(reader, *find(reader, key), asked)

    def prior(self, metric: str, owner: str | None = None) -> Policy:
        """The Thompson policy whose prior is what past experiments have shown of a metric (empirical Bayes).

        Args:
            metric: The key of a conversion or a count.
            owner: Whose experiments; None for everyone's.

        Raises:
            InvalidInput: Fewer than four variants of experiments that are over were rewarded with it.
        """
        with self._settled() as reader:
            return priors.learned(reader, metric, owner)

    def sample_size(self, request: SampleSizeRequest | Mapping[str, Any]) -> SampleSize:
        """How many units a fixed split needs, or what effect or power so many have; nothing that is stored is read.

        Args:
            request: The metric, and two of effect, power and sample size.

        Raises:
            InvalidInput: The request does not fit together, or nothing will do.
        """
        from bandit.plan import plan  # loads scipy, which deciding does not need

        return plan(valid(SampleSizeRequest.model_validate, request))

    def verify(self) -> Differences:
        """Replays the ledger and returns what differs from the statistics that are kept: nothing, if all is well."""
        self._journal.flush()
        with self.reading() as reader:
            return list(verify.verify(reader))
