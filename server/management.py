"""What happens with experiments over HTTP: a body, an idempotency key and the experiment's key in, a body out."""

from typing import Annotated, Any

from pydantic import Field, JsonValue, TypeAdapter

from bandit import Engine, Experiment, StoredExperiment
from bandit.model import Key, Model, Text
from bandit.priors import Prior
from bandit.sample_size import SampleSizeRequest
from server.operations import idempotency_key

_CHANGES: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, JsonValue])


class Stop(Model):
    """Why an experiment ends before its time."""

    reason: Text = ""


class Clone(Model):
    """What the copy is called."""

    key: Key


class CounterfactualQuery(Model):
    """Which policy might have run instead."""

    policy: Annotated[str, Field(min_length=1, max_length=100_000)] = Field(
        description="A name, `name:parameter=value`, `always:variant=KEY`, `split:KEY=.3,OTHER=.7`, or JSON."
    )


class ResultsQuery(Model):
    """How variants are compared."""

    method: Annotated[str, Field(max_length=100)] | None = Field(
        default=None,
        description="A test or estimator by name; unset: one that is valid for how the data were collected.",
    )


class SegmentsQuery(Model):
    """What makes a segment."""

    attribute: Annotated[str, Field(min_length=1, max_length=200)] = Field(description="An attribute of decisions.")
    metric: Annotated[str, Field(max_length=100)] | None = Field(default=None, description="Unset: the primary one.")


class SeriesQuery(Model):
    """How time is cut."""

    every: Annotated[str, Field(min_length=1, max_length=50)] = Field(default="1d", description="As `1d`, `6h`, `90s`.")
    metric: Annotated[str, Field(max_length=100)] | None = Field(default=None, description="Unset: the primary one.")


class PriorQuery(Model):
    """Whose experiments are looked at."""

    owner: Annotated[str, Field(max_length=200)] | None = Field(default=None, description="Unset: everyone's.")


class Management:
    """The management of an engine's experiments.

    Raises (all of them):
        ValidationError: The body is not what it must be.
        MultiarmError: The engine refused.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, body: bytes, token: str | None) -> bytes:
        """Enter a new experiment, as a draft."""
        return _written(self._engine.create(Experiment.model_validate_json(body), idempotency_key=_key(token)))

    def get(self, body: bytes, token: str | None, key: str) -> bytes:  # noqa: ARG002
        """Read an experiment's definition and status."""
        return _written(self._engine.get(key))

    def update(self, body: bytes, token: str | None, key: str) -> bytes:
        """Change fields of an experiment."""
        changes = _CHANGES.validate_json(body, strict=True)
        return _written(self._engine.update(key, changes, idempotency_key=_key(token)))

    def start(self, body: bytes, token: str | None, key: str) -> bytes:  # noqa: ARG002
        """Start a draft: from now on it decides."""
        return _written(self._engine.start(key, idempotency_key=_key(token)))

    def pause(self, body: bytes, token: str | None, key: str) -> bytes:  # noqa: ARG002
        """Pause a running experiment: it decides no more, rewards still count."""
        return _written(self._engine.pause(key, idempotency_key=_key(token)))

    def resume(self, body: bytes, token: str | None, key: str) -> bytes:  # noqa: ARG002
        """Resume a paused experiment."""
        return _written(self._engine.resume(key, idempotency_key=_key(token)))

    def complete(self, body: bytes, token: str | None, key: str) -> bytes:  # noqa: ARG002
        """End an experiment as planned."""
        return _written(self._engine.complete(key, idempotency_key=_key(token)))

    def stop(self, body: bytes, token: str | None, key: str) -> bytes:
        """End an experiment before its time."""
        reason = Stop.model_validate_json(body).reason if body.strip() else ""
        return _written(self._engine.stop(key, reason, idempotency_key=_key(token)))

    def archive(self, body: bytes, token: str | None, key: str) -> bytes:  # noqa: ARG002
        """Put away an experiment that is over: its outcomes are final."""
        return _written(self._engine.archive(key, idempotency_key=_key(token)))

    def clone(self, body: bytes, token: str | None, key: str) -> bytes:
        """Enter a new draft with the definition of another experiment."""
        new_key = Clone.model_validate_json(body).key
        return _written(self._engine.clone(key, new_key, idempotency_key=_key(token)))

    def results(self, body: bytes, token: str | None, key: str, method: str | None) -> bytes:  # noqa: ARG002
        """Read what an experiment has shown so far, and what to make of it."""
        return self._engine.results(key, method).model_dump_json().encode()

    def quality(self, body: bytes, token: str | None, key: str) -> bytes:  # noqa: ARG002
        """Look through an experiment's log for what is odd about its data."""
        return self._engine.quality(key).model_dump_json().encode()

    def segments(self, body: bytes, token: str | None, key: str, attribute: str, metric: str | None) -> bytes:  # noqa: ARG002
        """Compare variants within each value of an attribute."""
        return self._engine.segments(key, attribute, metric).model_dump_json().encode()

    def series(self, body: bytes, token: str | None, key: str, every: str, metric: str | None) -> bytes:  # noqa: ARG002
        """Read what was known of an experiment over time."""
        return self._engine.series(key, every, metric).model_dump_json().encode()

    def counterfactual(self, body: bytes, token: str | None, key: str, policy: str) -> bytes:  # noqa: ARG002
        """Estimate what another policy would have earned."""
        return self._engine.counterfactual(key, policy).model_dump_json().encode()

    def prior(self, body: bytes, token: str | None, key: str, owner: str | None) -> bytes:  # noqa: ARG002
        """Read the prior that past experiments have taught of a metric, as a policy."""
        return Prior(metric=key, policy=self._engine.prior(key, owner)).model_dump_json().encode()

    def sample_size(self, body: bytes, token: str | None) -> bytes:  # noqa: ARG002 - it changes nothing
        """Compute a sample size, or the effect or power that one has."""
        return self._engine.sample_size(SampleSizeRequest.model_validate_json(body)).model_dump_json().encode()


def _key(token: str | None) -> str | None:
    return None if token is None else idempotency_key(token)


def _written(experiment: StoredExperiment) -> bytes:
    return experiment.model_dump_json().encode()
