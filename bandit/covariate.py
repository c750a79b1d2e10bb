"""What was known of a unit before its trial, and the sums by which comparisons with less variance come from it.

A metric may name an attribute, such as what the unit spent last month. It is read when the trial's first decision is
made, before anything could have influenced it. The sums stand beside the metric's own, at two more places, and move
with every change of a trial's outcome as those do.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bandit.errors import FieldError, InvalidInput
from bandit.model import GREATEST

Covariates = Iterable[tuple[int, str]]
"""Place of a metric, and the attribute that it names."""


def places(metric: int) -> tuple[int, int]:
    """Where the sums of a metric's covariate are: of the covariate, and of the metric over trials that have one.

    They are below those of all metrics, of which -1 stands for the trials elsewhere.
    """
    return -2 - 2 * metric, -3 - 2 * metric


def check(covariates: Covariates, attributes: Mapping[str, Any]) -> None:
    """Checks that what a decision's attributes say of covariates are numbers; one may be missing, or null.

    Raises:
        InvalidInput: One is none.
    """
    wrong = [
        FieldError(f"attributes.{name[:100]}", f"must be a number within {GREATEST:g} of zero, given {value!r}"[:300])
        for name, value in ((name, attributes.get(name)) for name in dict.fromkeys(name for _, name in covariates))
        if value is not None and not _is_number(value)
    ]
    if wrong:
        raise InvalidInput("; ".join(f"{field}: {message}" for field, message in wrong), wrong)


def kept(covariates: Covariates, attributes: Mapping[str, Any] | None) -> str | None:
    """Those of a decision's attributes that its rewards will need, as JSON; None if none."""
    found = {name: attributes[name] for _, name in covariates if name in attributes} if attributes else None
    return json.dumps(found) if found else None


def read(covariates: Covariates, attributes: str | None) -> dict[int, float]:
    """The covariates in a decision's attributes, by the place of their metric."""
    if attributes is None:
        return {}
    given = json.loads(attributes)
    return {metric: float(given[name]) for metric, name in covariates if _is_number(given.get(name))}


def increments(metric: int, covariate: float, change: Sequence[float]) -> Iterator[tuple[int, list[float]]]:
    """What a change of a trial's value of a metric adds to the sums at both places.

    At the first they are count, sum and squares of the covariate and the sum of its products with the value, at the
    second those of the value.

    Args:
        metric: Its place.
        covariate: The trial's, which is summed as it is: the nearer to zero, the fewer digits cancel.
        change: Of the value's moments, see `trial.moments`.
    """
    first, second = places(metric)
    number, total, _, _ = change
    yield first, [number, number * covariate, number * covariate * covariate, total * covariate]
    yield second, [*change]


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= GREATEST
