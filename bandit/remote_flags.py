"""Evaluations as the OpenFeature Remote Evaluation Protocol asks and answers them."""

from collections.abc import Mapping
from typing import Any

from bandit.evaluation import Evaluation

DEFER = "multiarm.defer"
"""An attribute of the context that has a decision wait until it is tracked."""


def request(unit: str | None, attributes: Mapping[str, Any] | None, defer: bool | None) -> dict[str, Any]:
    """The body that asks for an evaluation."""
    context = dict(attributes or {})
    if unit is not None:
        context["targetingKey"] = unit
    if defer is not None:
        context[DEFER] = defer
    return {"context": context}


def evaluation(answer: Mapping[str, Any], default: Any) -> Evaluation:
    """The evaluation that was answered; the default where that has no value."""
    if "errorCode" in answer:
        details = str(answer.get("errorDetails", ""))
        return Evaluation(str(answer.get("key", "")), default, None, "ERROR", {}, answer["errorCode"], details)
    value = answer.get("value", default)
    return Evaluation(answer["key"], value, answer["variant"] or None, answer["reason"], answer.get("metadata", {}))
