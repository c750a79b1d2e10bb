"""A provider for the OpenFeature SDK, over an engine in the same process or over a server, that also tracks.

Any OFREP provider evaluates as well; only tracking is not in that protocol. Needs the extra `openfeature`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata
from openfeature.track import TrackingEventDetails
from pydantic_core import to_jsonable_python

from bandit.client import Client
from bandit.engine import Engine
from bandit.remote_flags import DEFER

Value = TypeVar("Value")
Structure = Sequence[FlagValueType] | Mapping[str, FlagValueType]


class Provider(AbstractProvider):
    """Evaluates the flags of an engine, or of a server through a client, which stay the caller's to close.

    The targeting key of the context is the unit, and its other attributes are the attributes; `multiarm.defer` among
    them has a decision wait until it is tracked. `track` names a metric, or `exposure`; `flag` and `decision_id` among
    the attributes of its details say what it is about, else it is about every flag whose experiment has such a metric;
    its other attributes are the reward's metadata. What the engine refuses to track is raised.
    """

    def __init__(self, source: Engine | Client) -> None:
        super().__init__()
        self._source = source

    def get_metadata(self) -> Metadata:
        """The provider's name."""
        return Metadata(name="multiarm")

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        """See `Engine.evaluate`."""
        return self._resolve(flag_key, default_value, evaluation_context, bool)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        """See `Engine.evaluate`."""
        return self._resolve(flag_key, default_value, evaluation_context, str)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        """See `Engine.evaluate`."""
        return self._resolve(flag_key, default_value, evaluation_context, int)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        """See `Engine.evaluate`."""
        return self._resolve(flag_key, default_value, evaluation_context, float)

    def resolve_object_details(
        self, flag_key: str, default_value: Structure, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[Structure]:
        """See `Engine.evaluate`."""
        return self._resolve(flag_key, default_value, evaluation_context, (dict, list))

    def track(
        self,
        tracking_event_name: str,
        evaluation_context: EvaluationContext | None = None,
        tracking_event_details: TrackingEventDetails | None = None,
    ) -> None:
        """See `Engine.track`."""
        unit = None if evaluation_context is None else evaluation_context.targeting_key or None
        details = tracking_event_details or TrackingEventDetails()
        metadata: dict[str, Any] = to_jsonable_python(details.attributes)  # which may have tuples
        about = {name: metadata.pop(name) for name in ("flag", "decision_id") if name in metadata}
        self._source.track(tracking_event_name, unit, value=details.value, metadata=metadata or None, **about)

    def _resolve(
        self,
        key: str,
        default: Value,
        context: EvaluationContext | None,
        kinds: type | tuple[type, ...],
    ) -> FlagResolutionDetails[Value]:
        given = context or EvaluationContext()
        attributes = {name: value for name, value in given.attributes.items() if name != DEFER}
        defer: Any = given.attributes.get(DEFER)
        found = self._source.evaluate(key, given.targeting_key or None, attributes, default, defer=defer)
        if found.error_code is not None:
            return FlagResolutionDetails(
                default, ErrorCode(found.error_code), found.error_details, Reason.ERROR, None, found.metadata
            )
        mixed = isinstance(found.value, bool) and kinds is not bool
        if found.variant is not None and (mixed or not isinstance(found.value, kinds)):
            message = f"flag {key!r} has the value {found.value!r}"[:200]
            return FlagResolutionDetails(default, ErrorCode.TYPE_MISMATCH, message, Reason.ERROR)
        value: Value = found.value
        return FlagResolutionDetails(value, None, None, Reason(found.reason), found.variant, found.metadata)
