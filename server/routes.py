"""The routes: a table of where, what is taken, what is given, and which operation does it."""

from pydantic import Field

from bandit import ChooseRequest, Engine, Experiment, Results, StoredExperiment
from bandit.counterfactual import Counterfactual
from bandit.decision import DecisionAnswer
from bandit.model import Model
from bandit.priors import Prior
from bandit.results import Quality, Segments, Series
from bandit.reward import ActivateRequest, RetractRequest, RewardRequest, StatusAnswer
from bandit.sample_size import SampleSize, SampleSizeRequest
from bandit.tracking import TrackRequest
from server import administration, documents, ofrep, oversight, rollouts, watching
from server.management import (
    Clone,
    CounterfactualQuery,
    Management,
    PriorQuery,
    ResultsQuery,
    SegmentsQuery,
    SeriesQuery,
    Stop,
)
from server.metrics import Metrics
from server.operations import Operations, TrackAnswer
from server.route import TAKES_BODY, Route, changes_of


class Health(Model):
    """That all is well."""

    status: str = Field(description="`ok`, or `ready`.")


def table(engine: Engine, operations: Operations, metrics: Metrics) -> list[Route]:
    """Every route that speaks JSON."""
    manage = Management(engine)
    experiment = "/v1/experiments/<key>"
    decides = ((*TAKES_BODY, 404, 409, 503), 200)
    batch = ((*TAKES_BODY, 503), 200, True)
    changes = (404, 409, 422, 503)

    def ready(body: bytes, token: str | None) -> bytes:  # noqa: ARG001 - every operation has both
        """Say whether the store would keep a decision."""
        engine.check()
        return b'{"status":"ready"}'

    decisions = [
        Route("POST", "/v1/choose", "decide", operations.choose, ChooseRequest, DecisionAnswer, *decides),
        Route("POST", "/v1/choose/batch", "decide", operations.choose_batch, ChooseRequest, DecisionAnswer, *batch),
        Route("POST", "/v1/activate", "decide", operations.activate, ActivateRequest, StatusAnswer, *decides),
        Route("POST", "/v1/activate/batch", "decide", operations.activate_batch, ActivateRequest, StatusAnswer, *batch),
        Route("POST", "/v1/reward", "decide", operations.reward, RewardRequest, StatusAnswer, *decides),
        Route("POST", "/v1/reward/batch", "decide", operations.reward_batch, RewardRequest, StatusAnswer, *batch),
        Route("POST", "/v1/reward/retract", "decide", operations.retract, RetractRequest, StatusAnswer, *decides),
        Route(
            "POST", "/v1/reward/retract/batch", "decide", operations.retract_batch, RetractRequest, StatusAnswer, *batch
        ),
        Route("POST", "/v1/track", "decide", operations.track, TrackRequest, TrackAnswer, *decides),
    ]
    return [
        *(route._replace(rechecked=True) for route in decisions),
        *documents.routes(engine.flags, "/v1/flags"),
        *ofrep.routes(engine, metrics),
        Route(
            "POST",
            "/v1/experiments",
            "manage",
            manage.create,
            Experiment,
            StoredExperiment,
            (*TAKES_BODY, 409, 503),
            status=201,
        ),
        *oversight.routes(engine),
        Route("GET", experiment, "read", manage.get, None, StoredExperiment, (404, 503)),
        Route(
            "PATCH", experiment, "manage", manage.update, changes_of(Experiment), StoredExperiment, (400, 413, *changes)
        ),
        *(
            Route("POST", f"{experiment}/{operation.__name__}", "manage", operation, None, StoredExperiment, changes)
            for operation in (manage.start, manage.pause, manage.resume, manage.complete, manage.archive)
        ),
        Route(
            "POST",
            f"{experiment}/stop",
            "manage",
            manage.stop,
            Stop,
            StoredExperiment,
            (400, 413, *changes),
            body_required=False,
        ),
        Route(
            "POST",
            f"{experiment}/clone",
            "manage",
            manage.clone,
            Clone,
            StoredExperiment,
            (400, 413, *changes),
            status=201,
        ),
        Route(
            "GET", f"{experiment}/results", "read", manage.results, None, Results, (404, 422, 503), asks=ResultsQuery
        ),
        Route("GET", f"{experiment}/quality", "read", manage.quality, None, Quality, (404, 409, 503)),
        Route(
            "GET",
            f"{experiment}/segments",
            "read",
            manage.segments,
            None,
            Segments,
            (404, 409, 422, 503),
            asks=SegmentsQuery,
        ),
        Route(
            "GET", f"{experiment}/series", "read", manage.series, None, Series, (404, 409, 422, 503), asks=SeriesQuery
        ),
        Route(
            "GET",
            f"{experiment}/counterfactual",
            "read",
            manage.counterfactual,
            None,
            Counterfactual,
            (404, 409, 422, 503),
            asks=CounterfactualQuery,
        ),
        Route("GET", "/v1/metrics/<key>/prior", "read", manage.prior, None, Prior, (404, 422, 503), asks=PriorQuery),
        *watching.routes(engine),
        Route("POST", "/v1/sample-size", "read", manage.sample_size, SampleSizeRequest, SampleSize, TAKES_BODY),
        *administration.routes(engine),
        *rollouts.routes(engine),
        *documents.routes(engine.cohorts, "/v1/cohorts"),
        Route("GET", "/healthz", "public", _alive, None, Health, ()),
        Route("GET", "/readyz", "public", ready, None, Health, (503,)),
    ]


def _alive(body: bytes, token: str | None) -> bytes:  # noqa: ARG001 - every operation has both
    """Say that the process answers."""
    return b'{"status":"ok"}'
