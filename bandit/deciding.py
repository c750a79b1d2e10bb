"""The verbs of decisions: choose, reward, and flags."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from numbers import Real
from typing import Any

from pydantic import ValidationError

from bandit.choose import choose
from bandit.decision import ChooseRequest, Decision, PlainRequest, decode, plain
from bandit.errors import InvalidInput, MultiarmError
from bandit.evaluation import Evaluation
from bandit.exposure import activate
from bandit.flags import Flags
from bandit.journal import Then
from bandit.memory import Memory
from bandit.model import Model, as_json
from bandit.operating import Operating, valid
from bandit.reward import ActivateRequest, RetractRequest, RewardRequest, retract, reward
from bandit.tracking import Tracked, TrackRequest, track

Items = list[tuple[Any, ...] | MultiarmError]
Decisions = list[Decision | MultiarmError]
Statuses = list[str | MultiarmError]

# What model_validate calls, a third cheaper.
_choose_request = ChooseRequest.__pydantic_validator__.validate_python
_reward_request = RewardRequest.__pydantic_validator__.validate_python


class Deciding(Operating):
    """What programs and services ask of an engine, many times a second."""

    _flags: Flags

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
        alone = units is None and context is None and attributes is None and eligible is None
        if alone and idempotency_key is None and defer is False:
            short = plain(experiment, unit)
            if short is not None:
                return self._run(choose, short)
        given: dict[str, Any] = {"experiment": experiment}
        if unit is not None:
            given["unit"] = unit
        if units is not None:
            given["units"] = as_json(units)
        if context is not None:
            given["context"] = as_json(context)
        if attributes is not None:
            given["attributes"] = as_json(attributes)
        if eligible is not None:
            given["eligible"] = as_json(eligible)
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

    def decide_then(self, request: ChooseRequest, then: Then) -> None:
        """`decide` for who does not wait: `then` is called with the decision or the error, be it in another thread.

        Raises:
            Overloaded: Too many wait already, or for too long.
        """
        self._post(then, choose, request)

    def activate(self, decision_id: str) -> str:
        """Makes a deferred decision count from now on.

        Raises:
            NotFound: The decision is unknown.
        """
        request = valid(ActivateRequest.model_validate, {"decision_id": decision_id})
        return self._run(activate, decode(request.decision_id))

    def reward(
        self,
        decision_id: str,
        value: float,
        metric: str | None = None,
        *,
        idempotency_key: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> str:
        """Says what happened after a decision.

        Args:
            decision_id: The decision.
            value: What was measured; 0 or 1 for a conversion.
            metric: Of which metric; None for the primary one.
            idempotency_key: A repeat with the same key, for the same decision and metric, is ignored.
            metadata: Anything that is worth keeping with this event, as JSON.

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
        if (
            metric is idempotency_key is None
            and metadata is None
            and isfinite(value)
            and type(decision_id) is str
            and len(decision_id) == 16
        ):
            return self._run(reward, decode(decision_id), None, value, None, None)
        given: dict[str, Any] = {"decision_id": decision_id, "value": value}
        if metric is not None:
            given["metric"] = metric
        if idempotency_key is not None:
            given["idempotency_key"] = idempotency_key
        if metadata is not None:
            given["metadata"] = as_json(metadata)
        try:
            request = _reward_request(given)
        except ValidationError as error:
            raise InvalidInput.of(error) from error
        return self.settle(request)

    def settle(self, request: RewardRequest) -> str:
        """`reward` for a request that was validated already."""
        return self._run(reward, *_event(request))

    def settle_then(self, request: RewardRequest, then: Then) -> None:
        """`settle` for who does not wait, as `decide_then` is for `decide`.

        Raises:
            NotFound: The decision is unknown.
            Overloaded: Too many wait already, or for too long.
        """
        self._post(then, reward, *_event(request))

    def retract(self, decision_id: str, metric: str | None = None) -> str:
        """Takes back all that was told of a decision for one metric.

        Raises:
            NotFound: The decision is unknown.
            InvalidInput: The metric is unknown.
            WrongState: The experiment is archived.
        """
        request = valid(RetractRequest.model_validate, {"decision_id": decision_id, "metric": metric})
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
        metadata: Mapping[str, Any] | None = None,
    ) -> Sequence[Tracked]:
        """Says what a unit did, to the experiments that decided its flags: activates the decisions and rewards them.

        Args:
            name: The key of a metric; or `exposure`: that what was decided has been shown.
            unit: Who did it.
            flag: For which flag; None for all whose experiment has such a metric.
            decision_id: For which decision; goes before flag and unit.
            value: Of the metric; None is 1, for a conversion or a count.
            idempotency_key: A repeat with the same key is ignored.
            metadata: Anything that is worth keeping with the rewards, as JSON; an exposure is none, and keeps none.

        Returns:
            For each decision what became of it.

        Raises:
            NotFound: There is no such decision or flag, or the flag has decided nothing for the unit.
            InvalidInput: There is no such metric, the value is none of its, or neither decision nor unit is given.
        """
        given = {
            "name": name,
            "unit": unit,
            "flag": flag,
            "decision_id": decision_id,
            "value": value,
            "idempotency_key": idempotency_key,
            "metadata": as_json(metadata),
        }
        return self.follow(valid(TrackRequest.model_validate, given))

    def follow(self, request: TrackRequest) -> Sequence[Tracked]:
        """`track` for a request that was validated already."""
        number = None if request.decision_id is None else decode(request.decision_id)
        return self._run(track, request, number)

    def choose_batch(self, requests: Sequence[ChooseRequest | Mapping[str, Any]]) -> Decisions:
        """Decides many at once, in one transaction; each has its own answer or error."""
        return self._run(_run_each, choose, self._choices(requests))

    def choose_batch_then(self, requests: Sequence[ChooseRequest | Mapping[str, Any]], then: Then) -> None:
        """`choose_batch` for who does not wait, as `decide_then` is for `decide`."""
        self._post(then, _run_each, choose, self._choices(requests))

    def reward_batch(self, requests: Sequence[RewardRequest | Mapping[str, Any]]) -> Statuses:
        """Enters many rewards at once, in one transaction; each has its own status or error."""
        return self._run(_run_each, reward, self._rewards(requests))

    def reward_batch_then(self, requests: Sequence[RewardRequest | Mapping[str, Any]], then: Then) -> None:
        """`reward_batch` for who does not wait, as `decide_then` is for `decide`."""
        self._post(then, _run_each, reward, self._rewards(requests))

    def retract_batch(self, requests: Sequence[RetractRequest | Mapping[str, Any]]) -> Statuses:
        """Retracts many at once, in one transaction; each has its own status or error."""
        items = self._items(RetractRequest, requests, lambda request: (decode(request.decision_id), request.metric))
        return self._run(_run_each, retract, items)

    def activate_batch(self, requests: Sequence[ActivateRequest | Mapping[str, Any]]) -> Statuses:
        """Activates many at once, in one transaction; each has its own status or error."""
        items = self._items(ActivateRequest, requests, lambda request: (decode(request.decision_id),))
        return self._run(_run_each, activate, items)

    def _choices(self, requests: Sequence[ChooseRequest | Mapping[str, Any]]) -> Items:
        return self._items(ChooseRequest, requests, lambda request: (request,))

    def _rewards(self, requests: Sequence[RewardRequest | Mapping[str, Any]]) -> Items:
        return self._items(RewardRequest, requests, _event)

    def _items(self, model: type[Model], requests: Sequence[Any], arguments: Callable[[Any], tuple[Any, ...]]) -> Items:
        """The arguments of each request, or what is wrong with it."""
        if len(requests) > (most := self.settings.latest().batch_size):
            raise InvalidInput.field("", f"a batch has at most {most} items, given {len(requests)}")
        items: Items = []
        for request in requests:
            try:
                known = isinstance(request, (model, PlainRequest))
                items.append(arguments(request if known else model.model_validate(request)))
            except ValidationError as error:
                items.append(InvalidInput.of(error))
            except MultiarmError as error:
                items.append(error)
        return items


def _event(request: RewardRequest) -> tuple[Any, ...]:
    """The arguments of `reward`."""
    number = decode(request.decision_id)
    return number, request.metric, request.value, request.idempotency_key, request.metadata


def _run_each(memory: Memory, function: Callable[..., Any], items: Items, now: float) -> list[Any]:
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


def _number(value: object) -> float:
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            pass
    raise InvalidInput.field("value", f"must be a number, given {value!r}"[:200])
