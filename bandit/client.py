"""The engine's methods over HTTP, with its answers and its errors."""

import json
import random
import time
from collections.abc import Container, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, Unpack
from urllib.parse import quote, urlencode

import urllib3
from pydantic import BaseModel

from bandit import remote_flags
from bandit.alerts import RemoteAlerts
from bandit.audit import Audit
from bandit.channels import ChannelAnswer
from bandit.cohort import Cohort
from bandit.counterfactual import Counterfactual
from bandit.criterion import Checks
from bandit.decision import ChooseRequest, Decision
from bandit.effects import Factorial
from bandit.erasure import Erased
from bandit.errors import BY_STATUS, FieldError, InvalidInput, MultiarmError
from bandit.evaluation import Evaluation
from bandit.experiment import Experiment, StoredExperiment
from bandit.flag import Flag
from bandit.health import Health
from bandit.listing import MOST_ON_A_PAGE, Filters, Page
from bandit.model import as_json
from bandit.priors import Prior
from bandit.remote import RemoteConfiguration, RemoteKeys, RemoteShelf, new_key
from bandit.results import Quality, Results, Segments, Series
from bandit.reward import ActivateRequest, RetractRequest, RewardRequest
from bandit.rollout import RolloutReport
from bandit.sample_size import SampleSize, SampleSizeRequest
from bandit.tracking import Tracked
from bandit.traffic import Traffic
from bandit.validation import Validation
from policies import Policy

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0

Answers = list[Any]
Decisions = list[Decision | MultiarmError]
Statuses = list[str | MultiarmError]
Experiments = list[StoredExperiment]


class Unreachable(MultiarmError):
    """No answer came from the server; what was asked may have been done or not."""

    status = 503
    title = "Unreachable"


class Client:
    """The engine behind a server, for as many threads as want it.

    Args:
        url: Where the server is, as `http://127.0.0.1:8000`.
        timeout: Seconds to wait for a connection, and again for each answer.
        retries: How often a call is repeated where no answer came, or the server was overloaded or asked too often.
            Every write carries an idempotency key, its own or a new one, so a repeat counts once.
        headers: Sent with every request.
        key: The API key, where the server asks for one.

    Methods take, return and raise what those of `Engine` do, and `Unreachable` when the last try had no answer.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 5.0,
        retries: int = 3,
        headers: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> None:
        given = {} if key is None else {"Authorization": f"Bearer {key}"}
        self.url = url.rstrip("/")
        self._retries = retries
        self._pool = urllib3.PoolManager(
            maxsize=64,
            timeout=urllib3.Timeout(connect=timeout, read=timeout),
            headers={**given, **(headers or {}), "Content-Type": "application/json", "Accept": "application/json"},
        )
        self.keys = RemoteKeys(self._ask)
        self.settings = RemoteConfiguration(self._ask)
        self.flags = RemoteShelf(self._ask, "/v1/flags", Flag)
        self.cohorts = RemoteShelf(self._ask, "/v1/cohorts", Cohort)

        self.alerts = RemoteAlerts(self._ask)
        self.channels = RemoteShelf(self._ask, "/v1/channels", ChannelAnswer)

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
        """See `Engine.choose`."""
        request = {
            "experiment": experiment,
            "unit": unit,
            "units": as_json(units),
            "context": as_json(context),
            "attributes": as_json(attributes),
            "eligible": as_json(eligible),
            "defer": defer,
            "idempotency_key": idempotency_key or new_key(),
        }
        return _decision(json.loads(self._ask("POST", "/v1/choose", request)))

    def reward(
        self,
        decision_id: str,
        value: float,
        metric: str | None = None,
        *,
        idempotency_key: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> str:
        """See `Engine.reward`."""
        request = {
            "decision_id": decision_id,
            "value": value,
            "metric": metric,
            "idempotency_key": idempotency_key or new_key(),
            "metadata": as_json(metadata),
        }
        return _status(json.loads(self._ask("POST", "/v1/reward", request)))

    def activate(self, decision_id: str) -> str:
        """See `Engine.activate`."""
        return _status(json.loads(self._ask("POST", "/v1/activate", {"decision_id": decision_id})))

    def retract(self, decision_id: str, metric: str | None = None) -> str:
        """See `Engine.retract`."""
        return _status(
            json.loads(self._ask("POST", "/v1/reward/retract", {"decision_id": decision_id, "metric": metric}))
        )

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
        """See `Engine.evaluate`."""
        asked = remote_flags.request(unit, attributes, defer)
        path = f"/ofrep/v1/evaluate/flags{_path(flag)}"
        answer = self._ask("POST", path, asked, idempotency_key or new_key(), also=(400, 404))
        return remote_flags.evaluation(json.loads(answer), default)

    def evaluate_all(
        self, unit: str | None = None, attributes: Mapping[str, Any] | None = None
    ) -> Sequence[Evaluation]:
        """See `Engine.evaluate_all`."""
        answer = self._ask("POST", "/ofrep/v1/evaluate/flags", remote_flags.request(unit, attributes, None))
        return [remote_flags.evaluation(item, None) for item in json.loads(answer)["flags"]]

    def track(
        self,
        name: str,
        unit: str | None = None,
        *,
        flag: str | None = None,
        decision_id: str | None = None,
        value: float | None = None,
        idempotency_key: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Sequence[Tracked]:
        """See `Engine.track`."""
        request = {
            "name": name,
            "unit": unit,
            "flag": flag,
            "decision_id": decision_id,
            "value": value,
            "idempotency_key": idempotency_key or new_key(),
            "metadata": as_json(metadata),
        }
        return [Tracked(**each) for each in json.loads(self._ask("POST", "/v1/track", request))["tracked"]]

    def choose_batch(self, requests: Sequence[ChooseRequest | Mapping[str, Any]]) -> Decisions:
        """See `Engine.choose_batch`."""
        return self._batch("/v1/choose/batch", [_keyed(request) for request in requests])

    def reward_batch(self, requests: Sequence[RewardRequest | Mapping[str, Any]]) -> Statuses:
        """See `Engine.reward_batch`."""
        return self._batch("/v1/reward/batch", [_keyed(request) for request in requests])

    def retract_batch(self, requests: Sequence[RetractRequest | Mapping[str, Any]]) -> Statuses:
        """See `Engine.retract_batch`."""
        return self._batch("/v1/reward/retract/batch", [_plain(request) for request in requests])

    def activate_batch(self, requests: Sequence[ActivateRequest | Mapping[str, Any]]) -> Statuses:
        """See `Engine.activate_batch`."""
        return self._batch("/v1/activate/batch", [_plain(request) for request in requests])

    def create(
        self, experiment: Experiment | Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> StoredExperiment:
        """See `Engine.create`."""
        return self._manage("POST", "", _definition(experiment), idempotency_key)

    def update(self, key: str, changes: Mapping[str, Any], *, idempotency_key: str | None = None) -> StoredExperiment:
        """See `Engine.update`."""
        return self._manage("PATCH", _path(key), changes, idempotency_key)

    def clone(self, key: str, new_key: str, *, idempotency_key: str | None = None) -> StoredExperiment:
        """See `Engine.clone`."""
        return self._manage("POST", _path(key, "clone"), {"key": new_key}, idempotency_key)

    def start(self, key: str, *, idempotency_key: str | None = None) -> StoredExperiment:
        """See `Engine.start`."""
        return self._manage("POST", _path(key, "start"), None, idempotency_key)

    def pause(self, key: str, *, idempotency_key: str | None = None) -> StoredExperiment:
        """See `Engine.pause`."""
        return self._manage("POST", _path(key, "pause"), None, idempotency_key)

    def resume(self, key: str, *, idempotency_key: str | None = None) -> StoredExperiment:
        """See `Engine.resume`."""
        return self._manage("POST", _path(key, "resume"), None, idempotency_key)

    def complete(self, key: str, *, idempotency_key: str | None = None) -> StoredExperiment:
        """See `Engine.complete`."""
        return self._manage("POST", _path(key, "complete"), None, idempotency_key)

    def stop(self, key: str, reason: str = "", *, idempotency_key: str | None = None) -> StoredExperiment:
        """See `Engine.stop`."""
        return self._manage("POST", _path(key, "stop"), {"reason": reason}, idempotency_key)

    def archive(self, key: str, *, idempotency_key: str | None = None) -> StoredExperiment:
        """See `Engine.archive`."""
        return self._manage("POST", _path(key, "archive"), None, idempotency_key)

    def clear_trip(self, key: str, guardrail: str, *, idempotency_key: str | None = None) -> StoredExperiment:
        """See `Engine.clear_trip`."""
        return self._manage("POST", _path(key, "guardrails", "clear"), {"guardrail": guardrail}, idempotency_key)

    def promote(self, key: str, reason: str = "", *, idempotency_key: str | None = None) -> StoredExperiment:
        """See `Engine.promote`."""
        return self._manage("POST", _path(key, "rollout", "promote"), {"reason": reason}, idempotency_key)

    def hold(self, key: str, reason: str = "", *, idempotency_key: str | None = None) -> StoredExperiment:
        """See `Engine.hold`."""
        return self._manage("POST", _path(key, "rollout", "hold"), {"reason": reason}, idempotency_key)

    def proceed(self, key: str, reason: str = "", *, idempotency_key: str | None = None) -> StoredExperiment:
        """See `Engine.proceed`."""
        return self._manage("POST", _path(key, "rollout", "proceed"), {"reason": reason}, idempotency_key)

    def roll_back(self, key: str, reason: str = "", *, idempotency_key: str | None = None) -> StoredExperiment:
        """See `Engine.roll_back`."""
        return self._manage("POST", _path(key, "rollout", "roll-back"), {"reason": reason}, idempotency_key)

    def apply_winner(self, key: str, *, idempotency_key: str | None = None) -> StoredExperiment:
        """See `Engine.apply_winner`."""
        return self._manage("POST", _path(key, "apply-winner"), None, idempotency_key)

    def guardrails(self, key: str) -> Checks:
        """See `Engine.guardrails`."""
        return Checks.model_validate_json(self._ask("GET", f"/v1/experiments{_path(key, 'guardrails')}"))

    def rollout(self, key: str) -> RolloutReport:
        """See `Engine.rollout`."""
        return RolloutReport.model_validate_json(self._ask("GET", f"/v1/experiments{_path(key, 'rollout')}"))

    def get(self, key: str) -> StoredExperiment:
        """See `Engine.get`."""
        return StoredExperiment.model_validate_json(self._ask("GET", f"/v1/experiments{_path(key)}"))

    def list(self, **filters: Unpack[Filters]) -> Experiments:
        """See `Engine.list`."""
        found: Experiments = []
        cursor = None
        while True:
            page = self.page(limit=MOST_ON_A_PAGE, cursor=cursor, **filters)
            found += page.experiments
            cursor = page.next
            if cursor is None:
                return found

    def page(self, *, limit: int = 100, cursor: str | None = None, **filters: Unpack[Filters]) -> Page:
        """See `Engine.page`."""
        asked = _query(limit=limit, cursor=cursor, **filters)
        return Page.model_validate_json(self._ask("GET", f"/v1/experiments{asked}"))

    def validate(self, definition: Experiment | Mapping[str, Any]) -> Validation:
        """See `Engine.validate`."""
        return Validation.model_validate_json(self._ask("POST", "/v1/experiments/validate", _plain(definition)))

    def audit(
        self, kind: str | None = None, key: str | None = None, *, limit: int = 100, cursor: str | None = None
    ) -> Audit:
        """See `Engine.audit`."""
        asked = _query(kind=kind, key=key, limit=limit, cursor=cursor)
        return Audit.model_validate_json(self._ask("GET", f"/v1/audit{asked}"))

    def rebalance(
        self, key: str, weights: Mapping[str, float] | None = None, *, idempotency_key: str | None = None
    ) -> StoredExperiment:
        """See `Engine.rebalance`."""
        given = None if weights is None else dict(weights)
        return self._manage("POST", _path(key, "rebalance"), {"weights": given}, idempotency_key)

    def traffic(self, key: str) -> Traffic:
        """See `Engine.traffic`."""
        return Traffic.model_validate_json(self._ask("GET", f"/v1/experiments{_path(key, 'traffic')}"))

    def factorial(self, key: str, metric: str | None = None) -> Factorial:
        """See `Engine.factorial`."""
        path = f"/v1/experiments{_path(key, 'factorial')}{_query(metric=metric)}"
        return Factorial.model_validate_json(self._ask("GET", path))

    def results(self, key: str, method: str | None = None) -> Results:
        """See `Engine.results`."""
        asked = f"?{urlencode({'method': method})}" if method is not None else ""
        return Results.model_validate_json(self._ask("GET", f"/v1/experiments{_path(key, 'results')}{asked}"))

    def quality(self, key: str) -> Quality:
        """See `Engine.quality`."""
        return Quality.model_validate_json(self._ask("GET", f"/v1/experiments{_path(key, 'quality')}"))

    def segments(self, key: str, attribute: str, metric: str | None = None) -> Segments:
        """See `Engine.segments`."""
        asked = {"attribute": attribute} | ({} if metric is None else {"metric": metric})
        path = f"/v1/experiments{_path(key, 'segments')}?{urlencode(asked)}"
        return Segments.model_validate_json(self._ask("GET", path))

    def series(self, key: str, every: str | float = "1d", metric: str | None = None) -> Series:
        """See `Engine.series`."""
        asked = {"every": str(every)} | ({} if metric is None else {"metric": metric})
        return Series.model_validate_json(self._ask("GET", f"/v1/experiments{_path(key, 'series')}?{urlencode(asked)}"))

    def counterfactual(self, key: str, policy: str | Mapping[str, Any] | Policy) -> Counterfactual:
        """See `Engine.counterfactual`."""
        text = policy if isinstance(policy, str) else _written(_plain(policy)).decode()
        path = f"/v1/experiments{_path(key, 'counterfactual')}?{urlencode({'policy': text})}"
        return Counterfactual.model_validate_json(self._ask("GET", path))

    def prior(self, metric: str, owner: str | None = None) -> Policy:
        """See `Engine.prior`."""
        asked = f"?{urlencode({'owner': owner})}" if owner is not None else ""
        return Prior.model_validate_json(self._ask("GET", f"/v1/metrics{_path(metric, 'prior')}{asked}")).policy

    def sample_size(self, request: SampleSizeRequest | Mapping[str, Any]) -> SampleSize:
        """See `Engine.sample_size`."""
        return SampleSize.model_validate_json(self._ask("POST", "/v1/sample-size", _plain(request)))

    def erase(self, unit: str, kind: str | None = None, *, idempotency_key: str | None = None) -> Erased:
        """See `Engine.erase`."""
        given = {"unit": unit, "kind": kind}
        return Erased.model_validate_json(self._ask("POST", "/v1/units/erase", given, idempotency_key or new_key()))

    def health(self) -> Health:
        """See `Engine.health`; of the worker process that answers."""
        return Health.model_validate_json(self._ask("GET", "/v1/health"))

    def check(self) -> None:
        """See `Engine.check`."""
        self._ask("GET", "/readyz")

    def close(self) -> None:
        """Closes the connections."""
        self._pool.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _manage(self, method: str, path: str, body: object, key: str | None) -> StoredExperiment:
        answer = self._ask(method, f"/v1/experiments{path}", body, key or new_key())
        return StoredExperiment.model_validate_json(answer)

    def _batch(self, path: str, items: Answers) -> Answers:
        return [_item(answer) for answer in json.loads(self._ask("POST", path, items))] if items else []

    def _ask(
        self, method: str, path: str, body: object = None, key: str | None = None, also: Container[int] = ()
    ) -> bytes:
        """Asks until there is an answer that a repeat would not change; returns its body or raises its problem.

        A status that is in `also` is no problem.
        """
        data = None if body is None else _written(body)
        headers = dict(self._pool.headers) if key is None else {**self._pool.headers, "Idempotency-Key": key}
        failed = 0
        while True:
            try:
                response = self._pool.request(
                    method, self.url + path, body=data, headers=headers, retries=False, redirect=False
                )
            except urllib3.exceptions.HTTPError as error:
                if failed == self._retries:
                    raise Unreachable(f"{self.url} does not answer after {failed + 1} tries: {error}") from error
                time.sleep(_pause(failed))
            else:
                if response.status < 300 or response.status in also:
                    return response.data
                if response.status not in (429, 503) or failed == self._retries:
                    raise _problem(response.status, response.data)
                time.sleep(_pause(failed, response.headers.get("Retry-After")))
            failed += 1


def _pause(failed: int, asked: str | None = None) -> float:
    """Seconds until the next try: what the server asked, else twice as long each time; and up to half as long again.

    Without the random part, clients that failed together would come back together.
    """
    least = float(asked) if asked is not None and asked.isdigit() else FIRST_PAUSE * 2**failed
    return min(least, LONGEST_PAUSE) * (1.0 + random.random() / 2.0)  # noqa: S311 - not a secret


def _query(**asked: object) -> str:
    """The query of a path, of what is asked."""
    given = {name: value for name, value in asked.items() if value is not None}
    return f"?{urlencode(given)}" if given else ""


def _path(*parts: str) -> str:
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _written(body: object) -> bytes:
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"not JSON: {error}") from error


def _plain(request: BaseModel | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(request, BaseModel):
        return request.model_dump(mode="json")
    return dict(request)


def _definition(experiment: Experiment | Mapping[str, Any]) -> dict[str, Any]:
    """An experiment as JSON, without what its analysis leaves to the server's settings."""
    if isinstance(experiment, Experiment):
        return _plain(experiment) | {"analysis": experiment.analysis.model_dump(mode="json", exclude_unset=True)}
    return dict(experiment)


def _keyed(request: BaseModel | Mapping[str, Any]) -> dict[str, Any]:
    plain = _plain(request)
    return {**plain, "idempotency_key": plain.get("idempotency_key") or new_key()}


def _item(answer: Any) -> Any:
    if "decision_id" in answer:
        return _decision(answer)
    return answer["status"] if isinstance(answer["status"], str) else _error(answer["status"], answer)


def _decision(answer: dict[str, Any]) -> Decision:
    shadow = tuple(_decision(other) for other in answer.get("shadow", ()))
    fields = {name: answer[name] for name in Decision._fields[1:-1]}
    return Decision(id=answer["decision_id"] or "", shadow=shadow, **fields)


def _status(answer: dict[str, str]) -> str:
    return answer["status"]


def _problem(status: int, body: bytes) -> MultiarmError:
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    return _error(status, document if isinstance(document, dict) else {})


def _error(status: int, document: dict[str, Any]) -> MultiarmError:
    """The error that the server's engine raised, by the name of its type, else by the status."""
    name = str(document.get("type", "")).rpartition("#")[2]
    kind = _kinds().get(name) or BY_STATUS.get(status) or (InvalidInput if status < 500 else MultiarmError)
    errors = [FieldError(str(item["field"]), str(item["message"])) for item in document.get("errors", ())]
    return kind(str(document.get("detail") or document.get("errorDetails") or f"the server answered {status}"), errors)


def _kinds() -> dict[str, type[MultiarmError]]:
    found: list[type[MultiarmError]] = [MultiarmError]
    for kind in found:
        found += kind.__subclasses__()
    return {kind.__name__: kind for kind in found}
