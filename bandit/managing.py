"""The verbs by which people manage experiments."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from bandit import (
    canary,
    conclusion,
    erasure,
    lifecycle,
    settings,
    trips,
    validation,
)
from bandit.actor import current
from bandit.assignment import rendezvous
from bandit.erasure import Erased, ErasureRequest
from bandit.experiment import Experiment, StoredExperiment
from bandit.model import Text
from bandit.operating import Operating, find, valid
from bandit.running import Running, parse
from bandit.traffic import Weights, rebalance
from bandit.validation import Validation

_reason = TypeAdapter(Text).validate_python


class Managing(Operating):
    """What people ask an engine to change. Each change is in the audit log, with who made it."""

    def create(
        self, experiment: Experiment | Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> StoredExperiment:
        """Enters a new experiment as a draft.

        Raises:
            InvalidInput: The definition is not one of an experiment; every wrong field is named.
            WrongState: The key exists.
        """
        if not isinstance(experiment, Experiment):
            experiment = valid(Experiment.model_validate, experiment)
        warm(experiment)
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
        with self.reading() as reader:
            definition = lifecycle.definition(parse(*find(reader, key)))
        salt = {"salt": ""} if definition["salt"] == key else {}
        times = {"start_at": None, "end_at": None}  # of the other, and as likely as not over
        return self.create({**definition, **salt, **times, "key": new_key}, idempotency_key=idempotency_key)

    def validate(self, definition: Experiment | Mapping[str, Any]) -> Validation:
        """What is wrong with a definition, so that `create` would refuse it, and what is unwise; nothing is created."""
        given = lifecycle.definition(definition) if isinstance(definition, Experiment) else definition
        with self.reading() as reader:
            found = validation.validate(definition, self._clock(), settings.read(reader, self._memory.outside))
            return validation.in_store(found, given, reader, current())

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
        return self.manage(lifecycle.transition, key, "stop", valid(_reason, reason), idempotency_key)

    def archive(self, key: str, *, idempotency_key: str | None = None) -> StoredExperiment:
        """Puts away an experiment that is over: its outcomes are final."""
        return self.manage(lifecycle.transition, key, "archive", "", idempotency_key)

    def rebalance(
        self, key: str, weights: Mapping[str, float] | None = None, *, idempotency_key: str | None = None
    ) -> StoredExperiment:
        """Sets the weights of some variants; without any, all that are served weigh the same from now on.

        Raises:
            NotFound: The experiment is unknown.
            InvalidInput: A variant is unknown, or a weight is none.
            WrongState: The experiment is over.
        """
        given = valid(Weights.model_validate, {"weights": weights})
        return self.manage(rebalance, key, given.weights, idempotency_key)

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
        return self.manage(canary.promote, key, valid(_reason, reason), idempotency_key)

    def hold(self, key: str, reason: str = "", *, idempotency_key: str | None = None) -> StoredExperiment:
        """Keeps a canary at its step; what trips still rolls it back. Raises as `promote`."""
        return self.manage(canary.hold, key, valid(_reason, reason), idempotency_key)

    def proceed(self, key: str, reason: str = "", *, idempotency_key: str | None = None) -> StoredExperiment:
        """Lets a canary that was held go on as it is defined. Raises as `promote`."""
        return self.manage(canary.proceed, key, valid(_reason, reason), idempotency_key)

    def roll_back(self, key: str, reason: str = "", *, idempotency_key: str | None = None) -> StoredExperiment:
        """Serves a canary's control alone from now on, for good. Raises as `promote`."""
        return self.manage(canary.roll_back, key, valid(_reason, reason), idempotency_key)

    def apply_winner(self, key: str, *, idempotency_key: str | None = None) -> StoredExperiment:
        """Gives all units to the winner that a stopping rule has found.

        Raises:
            NotFound: The experiment is unknown.
            WrongState: There is no winner, it serves all units already, or it may not be served.
        """
        return self.manage(conclusion.apply_winner, key, idempotency_key)

    def erase(self, unit: str, kind: str | None = None, *, idempotency_key: str | None = None) -> Erased:
        """Takes a unit's name, and what tells of it, out of all that is stored; what was counted stays counted.

        Args:
            unit: Whom.
            kind: Only as a unit of this kind; None for every kind.
            idempotency_key: Is noted in the audit log; to repeat an erasure does no harm without.

        Raises:
            InvalidInput: It is no name of a unit.
            Forbidden: Whoever asks may not manage everybody's experiments.
        """
        request = valid(ErasureRequest.model_validate, {"unit": unit, "kind": kind})
        self._journal.flush()
        with self._journal.reading():
            with self._store.snapshot() as reader:
                after = reader.last_decision()
                known = reader.decided_for(request.unit, 0)
            return self.manage(erasure.erase, request.unit, request.kind, known, after, idempotency_key)


def warm(experiment: Experiment) -> None:
    """Compiles what decisions of the experiment need, or loads it compiled, so that none waits for that."""
    running = Running(0, StoredExperiment.model_validate(lifecycle.definition(experiment)))
    running.learner.warm(running.full)
    rendezvous("", "", running.marks, np.array(running.base))
