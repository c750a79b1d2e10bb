"""What happens with decisions over HTTP: a body and an idempotency key in, a body out.

The WSGI front and the Flask routes call these very functions. Whatever they refuse, they raise.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from bandit import ChooseRequest, Engine, InvalidInput, MalformedInput
from bandit.decision import Decision, PlainRequest, plain
from bandit.errors import FieldError
from bandit.model import Model
from bandit.reward import ActivateRequest, RetractRequest, RewardRequest
from bandit.tracking import TrackedAnswer, TrackRequest
from server.front import Hot
from server.metrics import Metrics
from server.serialisation import STATUSES, DecisionText, array, problem


class TrackAnswer(Model):
    """What became of it, for each decision."""

    tracked: list[TrackedAnswer]


# Shorter than a key in a body may be, so that the place in a batch can be added.
HEADER_KEY: TypeAdapter[str] = TypeAdapter(Annotated[str, Field(pattern=r"^[!-~]{1,200}$")])


class Operations:
    """The operations of an engine.

    Raises (all of them):
        ValidationError: The body is not what it must be.
        MultiarmError: The engine refused.
    """

    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        self._engine = engine
        self._metrics = metrics
        self._text = DecisionText()

    def hot(self) -> dict[str, Hot]:
        """The operations of the short way, by path."""
        engine = self._engine
        return {
            "/v1/choose": Hot(to_choose, engine.decide, engine.decide_then, self.chosen),
            "/v1/choose/batch": Hot(to_choose_each, engine.choose_batch, engine.choose_batch_then, self.all_chosen),
            "/v1/reward": Hot(to_reward, engine.settle, engine.settle_then, self.rewarded),
            "/v1/reward/batch": Hot(to_reward_each, engine.reward_batch, engine.reward_batch_then, self.all_rewarded),
        }

    def choose(self, body: bytes, token: str | None) -> bytes:
        """Decide which variant to serve."""
        return self.chosen(self._engine.decide(to_choose(body, token)))

    def chosen(self, decision: Decision) -> bytes:
        """The answer to `choose`."""
        self._metrics.decision(decision.reason)
        return self._text(decision).encode()

    def reward(self, body: bytes, token: str | None) -> bytes:
        """Say what happened after a decision."""
        return self.rewarded(self._engine.settle(to_reward(body, token)))

    def rewarded(self, status: str) -> bytes:
        """The answer to `reward`."""
        self._metrics.reward(status)
        return STATUSES[status].encode()

    def retract(self, body: bytes, token: str | None) -> bytes:  # noqa: ARG002 - the same every time it is repeated
        """Take back all that was told of a decision for one metric."""
        request = RetractRequest.model_validate_json(body)
        status = self._engine.retract(request.decision_id, request.metric)
        self._metrics.reward(status)
        return STATUSES[status].encode()

    def activate(self, body: bytes, token: str | None) -> bytes:  # noqa: ARG002 - the same every time it is repeated
        """Make a deferred decision count from now on."""
        request = ActivateRequest.model_validate_json(body)
        return STATUSES[self._engine.activate(request.decision_id)].encode()

    def track(self, body: bytes, token: str | None) -> bytes:
        """Say what a unit did, to the experiments that decided its flags."""
        tracked = self._engine.follow(to_track(body, token))
        self._metrics.rewards(each.status for each in tracked if each.status != "activated")
        return to_json({"tracked": [each._asdict() for each in tracked]})

    def choose_batch(self, body: bytes, token: str | None) -> bytes:
        """Decide many at once; each has its own answer or problem."""
        return self.all_chosen(self._engine.choose_batch(to_choose_each(body, token)))

    def all_chosen(self, answers: Sequence[Any]) -> bytes:
        """The answer to `choose_batch`."""
        self._metrics.decisions(answer.reason for answer in answers if isinstance(answer, Decision))
        return array(self._text(answer) if isinstance(answer, Decision) else problem(answer) for answer in answers)

    def reward_batch(self, body: bytes, token: str | None) -> bytes:
        """Enter many rewards at once; each has its own status or problem."""
        return self.all_rewarded(self._engine.reward_batch(to_reward_each(body, token)))

    def all_rewarded(self, answers: Sequence[Any]) -> bytes:
        """The answer to `reward_batch`."""
        self._metrics.rewards(answer for answer in answers if isinstance(answer, str))
        return array(STATUSES[answer] if isinstance(answer, str) else problem(answer) for answer in answers)

    def retract_batch(self, body: bytes, token: str | None) -> bytes:  # noqa: ARG002 - as for one
        """Retract many at once; each has its own status or problem."""
        return self.all_rewarded(self._engine.retract_batch(_items(body)))

    def activate_batch(self, body: bytes, token: str | None) -> bytes:  # noqa: ARG002 - as for one
        """Activate many at once; each has its own status or problem."""
        answers = self._engine.activate_batch(_items(body))
        return array(STATUSES[answer] if isinstance(answer, str) else problem(answer) for answer in answers)


def _request(validate: Callable[[bytes], Any], body: bytes, token: str | None) -> Any:
    """A request, with the idempotency key of the header where it has none of its own."""
    request = validate(body)
    if token is not None:
        idempotency_key(token)
        if request.idempotency_key is None:
            request = request.model_copy(update={"idempotency_key": token})
    return request


def _requests(validate: Callable[[bytes], list[Any]], body: bytes, token: str | None) -> list[Any]:
    """The items of a batch. Where all are right they are validated at once, else each is still to be."""
    if token is None:
        try:
            return _some(validate(body))
        except ValidationError:
            pass
    return _keyed(_items(body), token)


to_choose = partial(
    _request, ChooseRequest.__pydantic_validator__.validate_json
)  # a third cheaper than the model's own
to_reward = partial(_request, RewardRequest.__pydantic_validator__.validate_json)
to_track = partial(_request, TrackRequest.__pydantic_validator__.validate_json)
to_reward_each = partial(_requests, TypeAdapter(list[RewardRequest]).validator.validate_json)


def to_choose_each(body: bytes, token: str | None) -> list[Any]:
    """The items of a batch of choices. Where all name an experiment and a unit only, it takes no models to say so."""
    return (_plain_each(body) if token is None else None) or _choices(body, token)


_choices = partial(_requests, TypeAdapter(list[ChooseRequest]).validator.validate_json)


def _plain_each(body: bytes) -> list[PlainRequest] | None:
    try:
        items = from_json(body)
    except ValueError:
        return None
    requests = []
    for item in items if isinstance(items, list) else ():
        if not (isinstance(item, dict) and len(item) == 2 and "experiment" in item and "unit" in item):
            return None
        request = plain(item["experiment"], item["unit"])
        if request is None:
            return None
        requests.append(request)
    return requests


def idempotency_key(token: str) -> str:
    """The `Idempotency-Key` header, checked.

    Raises:
        InvalidInput: It is empty, too long, or not of printable ASCII.
    """
    try:
        return HEADER_KEY.validate_python(token)
    except ValidationError as error:
        findings = [FieldError("Idempotency-Key", item.message) for item in InvalidInput.of(error).errors]
        raise InvalidInput(f"Idempotency-Key: {findings[0].message}", findings) from error


def _items(body: bytes) -> list[Any]:
    """The items of a batch, each still to be validated, so that a wrong one spoils no other."""
    try:
        items = from_json(body)
    except ValueError as error:
        raise MalformedInput(f"Invalid JSON: {error}") from error
    if not isinstance(items, list):
        raise InvalidInput.field("", "a batch must be a JSON array")
    return _some(items)


def _some(items: list[Any]) -> list[Any]:
    if not items:
        raise InvalidInput.field("", "a batch must have at least 1 item")
    return items


def _keyed(items: list[Any], token: str | None) -> list[Any]:
    """Gives each item without an idempotency key one of its own, made of the batch's and its place."""
    if token is None:
        return items
    idempotency_key(token)
    return [
        {**item, "idempotency_key": f"{token}/{place}"}
        if isinstance(item, dict) and item.get("idempotency_key") is None
        else item
        for place, item in enumerate(items)
    ]
